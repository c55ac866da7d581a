"""An encoder as it serves: preprocessing in front, in inference mode, float32 behind."""

import re
from typing import Any

import keras
from keras import ops, tree

_GIVEN_BY_KERAS = re.compile(r"(keras_tensor|input_layer|input)(_\d+)?")


def inference_model(
    encoder: keras.Model, inputs: Any = None, preprocessing: keras.layers.Layer | None = None
) -> keras.Model:
    """Returns a functional model that embeds as `encoder(preprocessing(x), training=False)` does.

    It does so unless it is called with `training=True`. Keras's own `encoder.export` leaves that to
    the layers: behind one whose default is to train (`keras.layers.Resizing` is), batch
    normalisation takes the statistics of the batch.

    Args:
        encoder: The encoder, built.
        inputs: What to make the inputs like: a structure of symbolic tensors. Defaults to the
            encoder's own; an encoder without, as a subclassed one, is returned as it is.
        preprocessing: A layer or model in front of the encoder. Defaults to none.

    Returns: A `keras.Model` for batches of any size, whose weights are those of the encoder. Its
        inputs keep their names, and are `items`, `items_1`, ... where they have none. Its output is
        float32.
    """
    inputs = symbolic_inputs(encoder) if inputs is None else inputs
    if inputs is None:
        return encoder
    inputs = _new_inputs(inputs)
    features = inputs if preprocessing is None else preprocessing(inputs, training=False)
    embeddings = ops.cast(encoder(features, training=False), "float32")
    model = keras.Model(inputs, embeddings, name=encoder.name)
    model(inputs)  # Keras writes no ONNX of a model that was never called.
    return model


def symbolic_inputs(layer: Any) -> Any:
    """Returns the symbolic inputs of a functional or sequential model, or None of anything else."""
    if isinstance(layer, keras.Sequential):
        return layer.inputs[0] if getattr(layer, "inputs", None) else None
    is_functional = isinstance(layer, keras.Model) and getattr(layer, "inputs", None)
    return layer.input if is_functional else None


def _new_inputs(tensors: Any) -> Any:
    flat = tree.flatten(tensors)
    # In a dict the tensors are named after their keys, which Keras goes through in their order.
    names = sorted(tensors) if isinstance(tensors, dict) else [tensor.name for tensor in flat]
    for place, name in enumerate(names):
        if name is None or _GIVEN_BY_KERAS.fullmatch(name):
            names[place] = f"items_{place}" if place else "items"
    fresh = [
        keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for tensor, name in zip(flat, names, strict=True)
    ]
    return tree.pack_sequence_as(tensors, fresh)
