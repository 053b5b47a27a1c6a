"""Numbers from a net or a machine: speed, memory, energy, errors, responses."""
