"""Labelled items, wherever they are kept, with random access."""
