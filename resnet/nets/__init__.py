"""What is trained: the nets, a walk over their layers, weights, and the CPU's compiled operations."""
