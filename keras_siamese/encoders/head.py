"""The embedding head: turns the features of any backbone into embeddings."""

from typing import Any

import keras

from keras_siamese.encoders.normalization import L2Normalization
from keras_siamese.ops.checks import check_count

_POOLING = {
    3: keras.layers.GlobalAveragePooling1D,
    4: keras.layers.GlobalAveragePooling2D,
    5: keras.layers.GlobalAveragePooling3D,
}


def embedding_head(
    backbone: keras.Model,
    embedding_dim: int = 64,
    *,
    dropout: float = 0.0,
    normalize: bool = True,
    name: str | None = None,
) -> keras.Model:
    """Returns an encoder: a backbone, a linear projection and an L2 normalisation.

    The backbone becomes one layer of the encoder and keeps its weights. Freeze it as usual, by
    `backbone.trainable = False`. The projection and the normalisation run in float32 whatever the
    dtype policy.

    Args:
        backbone: A built `keras.Model` (Sequential, functional or subclassed; `keras.applications`
            with `include_top=False`) with one output of shape `(batch_size, features)`, or with up
            to three axes in between, which are averaged.
        embedding_dim: Size of the embeddings. Defaults to 64.
        dropout: Fraction of the features dropped in training, before the projection; in [0, 1).
            Defaults to 0.
        normalize: Whether embeddings have norm 1, so that Euclidean distances lie in [0, 2].
            Defaults to True.
        name: Name of the encoder.

    Returns: A functional `keras.Model` from the backbone's inputs to float32 embeddings of shape
        `(batch_size, embedding_dim)`.

    Raises: ValueError: If the backbone is not built, or its output is not one tensor of rank 2 to
        5, or an argument is out of range.

    Example:
        >>> backbone = keras.applications.MobileNetV2(include_top=False, input_shape=(96, 96, 3))
        >>> encoder = keras_siamese.encoders.embedding_head(backbone, embedding_dim=128)
        >>> encoder.output_shape
        (None, 128)
    """
    inputs = _new_inputs(backbone)
    features = backbone(inputs)
    if not isinstance(features, keras.KerasTensor) or len(features.shape) not in (2, *_POOLING):
        raise ValueError(
            "The backbone must have one output of shape (batch_size, features), or "
            "(batch_size, ..., features) of rank 5 at most. Received: output "
            f"{keras.tree.map_structure(lambda tensor: tensor.shape, features)} of "
            f"{backbone.name!r}. Cut the backbone at one feature tensor: "
            "`keras.Model(backbone.input, backbone.get_layer(...).output)`."
        )
    if len(features.shape) > 2:
        features = _POOLING[len(features.shape)](name="global_pool")(features)
    embeddings = embed_features(features, embedding_dim, dropout=dropout, normalize=normalize)
    return keras.Model(inputs, embeddings, name=name)


def embed_features(
    features: keras.KerasTensor, embedding_dim: int, *, dropout: float, normalize: bool
) -> keras.KerasTensor:
    """Returns the symbolic embeddings `(batch_size, embedding_dim)` of symbolic features.

    Args:
        features: Symbolic tensor of shape `(batch_size, features)`.
        embedding_dim: Size of the embeddings.
        dropout: Fraction of the features dropped in training; in [0, 1).
        normalize: Whether embeddings have norm 1.

    Raises: ValueError: If `embedding_dim` or `dropout` is out of range.
    """
    check_count("embedding_dim", embedding_dim)
    # Keras allows a rate of 1, which would make all embeddings equal.
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(
            "`dropout` must be a number from 0 to below 1, the fraction to drop. "
            f"Received: {dropout!r}."
        )
    if dropout:
        features = keras.layers.Dropout(dropout, name="dropout")(features)
    # Float32 whatever the policy: a float16 embedding has 3 digits only, too few to tell near
    # duplicates apart.
    projection = keras.layers.Dense(embedding_dim, dtype="float32", name="projection")
    embeddings = projection(features)
    return L2Normalization(name="l2_normalization")(embeddings) if normalize else embeddings


def _new_inputs(backbone: keras.Model) -> Any:
    """Returns fresh `keras.Input`s, in the structure that the backbone takes."""
    if not isinstance(backbone, keras.Model):
        raise ValueError(
            f"`backbone` must be a `keras.Model`. Received: {backbone!r}. Wrap layers in "
            "`keras.Sequential([keras.Input(shape), ...])`."
        )
    if not backbone.built:
        raise ValueError(
            f"The backbone {backbone.name!r} is not built, so its input shape is unknown. Start it "
            "with `keras.Input(shape)`, or call it once on a batch, before giving it a head."
        )
    if isinstance(backbone, keras.Sequential):
        return _input_like(backbone.inputs[0])
    if hasattr(backbone, "inputs"):
        return keras.tree.map_structure(_input_like, backbone.input)
    # A subclassed model only remembers the shapes that it was built with.
    return keras.tree.map_shape_structure(
        lambda shape: keras.Input(shape[1:]), backbone.get_build_config()["input_shape"]
    )


def _input_like(tensor: keras.KerasTensor) -> keras.KerasTensor:
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
