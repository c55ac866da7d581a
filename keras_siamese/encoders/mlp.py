"""A multi-layer perceptron as encoder, for tables and small images."""

from collections.abc import Sequence

import keras

from keras_siamese.encoders.head import embed_features
from keras_siamese.ops.checks import as_plain_shape, check_count


def mlp(
    input_shape: Sequence[int],
    embedding_dim: int = 64,
    *,
    hidden_units: Sequence[int] = (256, 128),
    dropout: float = 0.0,
    normalize: bool = True,
    name: str | None = None,
) -> keras.Model:
    """Returns an encoder of dense layers with ReLU, ended by the embedding head.

    Inputs are best scaled to about unit size beforehand: nothing in here does it.

    Args:
        input_shape: Shape of one item, such as `(20,)` or `(28, 28)`; items are flattened.
        embedding_dim: Size of the embeddings. Defaults to 64.
        hidden_units: Size of each hidden layer. Defaults to `(256, 128)`.
        dropout: Fraction of the features dropped in training, before the projection; in [0, 1).
            Defaults to 0.
        normalize: Whether embeddings have norm 1. Defaults to True.
        name: Name of the encoder.

    Returns: A functional `keras.Model` from `(batch_size, *input_shape)` to float32 embeddings
        `(batch_size, embedding_dim)`.

    Raises: ValueError: If an argument is out of range.
    """
    input_shape = as_plain_shape(input_shape)
    if not isinstance(input_shape, tuple | list) or not input_shape:
        raise ValueError(
            "`input_shape` must be the shape of one item, without the batch axis, such as (20,) "
            f"for a table of 20 columns. Received: {input_shape!r}."
        )
    for size in input_shape:
        check_count("input_shape", size, fix=f"Full shape received: {input_shape!r}.")
    inputs = keras.Input(tuple(input_shape))
    features = keras.layers.Flatten(name="flatten")(inputs)
    for number, units in enumerate(hidden_units, start=1):
        check_count("hidden_units", units, fix=f"All units received: {hidden_units!r}.")
        features = keras.layers.Dense(units, activation="relu", name=f"dense_{number}")(features)
    embeddings = embed_features(features, embedding_dim, dropout=dropout, normalize=normalize)
    return keras.Model(inputs, embeddings, name=name)
