"""Numbers from a net or a machine: speed, memory, errors, responses."""
