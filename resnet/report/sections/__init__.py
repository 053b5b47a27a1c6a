"""One file a heading: its table, its sentences and its figure together."""
