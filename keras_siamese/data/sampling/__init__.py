"""Which items come into which batch."""
