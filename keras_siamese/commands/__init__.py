"""The commands of `python -m keras_siamese`, one a file."""
