"""What one iteration computes, and what keeps it exact: recipe, draws, batches, memory, checkpoint, trainer."""
