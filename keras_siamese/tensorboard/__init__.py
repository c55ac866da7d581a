"""The files that TensorBoard reads: summaries, and what the Projector shows."""
