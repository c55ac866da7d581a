"""Pure functions on tensors: checks, distances, masks, blocks. The lowest layer."""
