"""`python -m resnet` is the command `resnet`."""

from resnet.cli import main

main()
