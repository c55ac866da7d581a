"""Metric learning for Keras 3."""
