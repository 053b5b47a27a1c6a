"""How a number is written and a line drawn."""
