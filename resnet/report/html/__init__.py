"""One page for people: index.html, self-contained and offline, from the tables that summary.md is made from."""
