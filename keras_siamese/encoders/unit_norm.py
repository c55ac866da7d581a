"""Tells whether the embeddings of an encoder have norm 1."""

import keras

from keras_siamese.encoders.normalization import L2Normalization


def has_unit_norm(encoder: keras.Model) -> bool:
    """Tells whether an encoder is known to end in a normalisation of its rows.

    Args:
        encoder: Any `keras.Model`. Nested models are looked into.

    Returns: True if the layer that yields the one output is `L2Normalization`, or
        `keras.layers.UnitNormalization` over the last axis. False where that is not the case or
        cannot be known, as for a subclassed model.
    """
    outputs = getattr(encoder, "outputs", None) or []
    if len(outputs) != 1:
        return False
    embeddings = outputs[0]
    operation, _, output_index = embeddings._keras_history
    while getattr(operation, "outputs", None):  # a nested model: go on inside
        embeddings = operation.outputs[output_index]
        operation, _, output_index = embeddings._keras_history
    if isinstance(operation, keras.layers.UnitNormalization):
        axes = operation.axis if isinstance(operation.axis, list) else [operation.axis]
        return axes in ([-1], [len(embeddings.shape) - 1])
    return isinstance(operation, L2Normalization)
