"""What decides the prepared arrays, said as a number: DVC prepares the data anew where it has changed."""

VERSION = 1
"""Of what `resnet data` writes. Whoever changes the order, the split or the form of the arrays raises it."""
