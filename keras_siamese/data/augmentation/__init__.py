"""Random changes of items: for any dataset of batches, and ready-made for images."""
