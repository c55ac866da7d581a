"""The small convolutional encoder of the field, for images from 8 x 8 to about 105 x 105."""

from collections.abc import Sequence

import keras

from keras_siamese.encoders.head import embed_features
from keras_siamese.ops.checks import as_plain_shape, check_count

_SMALL = 4  # A side below it is pooled no more; a larger map gets one more block.


def convnet(
    input_shape: Sequence[int],
    embedding_dim: int = 64,
    *,
    filters: Sequence[int] = (32, 64, 128),
    dropout: float = 0.0,
    normalize: bool = True,
    name: str | None = None,
) -> keras.Model:
    """Returns an encoder of 3 x 3 convolutions with pooling, ended by the embedding head.

    One block (convolution, batch normalisation, ReLU, 2 x 2 max pooling) for each entry of
    `filters`; images that are still larger than 4 x 4 then get further blocks with the last number
    of filters, so that the flattened map stays small. A side shorter than 4 is pooled no more.

    Args:
        input_shape: Height, width and channels of one image, such as `(28, 28, 1)`.
        embedding_dim: Size of the embeddings. Defaults to 64.
        filters: Filters of the first blocks. Defaults to `(32, 64, 128)`.
        dropout: Fraction of the features dropped in training, before the projection; in [0, 1).
            Defaults to 0.
        normalize: Whether embeddings have norm 1. Defaults to True.
        name: Name of the encoder.

    Returns: A functional `keras.Model` from images `(batch_size, *input_shape)` to float32
        embeddings `(batch_size, embedding_dim)`.

    Raises: ValueError: If `input_shape` is not three sizes with sides of 4 or more, or another
        argument is out of range.
    """
    height, width, _ = _check_image_shape(input_shape)
    if not filters:
        raise ValueError("`filters` must name one block at least, as in (32, 64). Received: none.")
    for count in filters:
        check_count("filters", count, fix=f"All filters received: {filters!r}.")

    inputs = features = keras.Input(tuple(input_shape))
    num_blocks = 0
    while num_blocks < len(filters) or max(height, width) > _SMALL:
        count = filters[min(num_blocks, len(filters) - 1)]
        pool_size = (2 if height >= _SMALL else 1, 2 if width >= _SMALL else 1)
        num_blocks += 1
        features = _block(features, count, pool_size, name=f"block_{num_blocks}")
        height, width = height // pool_size[0], width // pool_size[1]
    features = keras.layers.Flatten(name="flatten")(features)
    embeddings = embed_features(features, embedding_dim, dropout=dropout, normalize=normalize)
    return keras.Model(inputs, embeddings, name=name)


def _block(
    features: keras.KerasTensor, count: int, pool_size: tuple[int, int], name: str
) -> keras.KerasTensor:
    """Returns the features after convolution, batch normalisation, ReLU and max pooling."""
    convolution = keras.layers.Conv2D(
        count, 3, padding="same", use_bias=False, name=f"{name}_convolution"
    )
    # Keras' own momentum of 0.99 leaves a fifth of the initial statistics in place after 150
    # steps; a first training on small data is not much longer.
    norm = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")
    features = keras.layers.ReLU(name=f"{name}_relu")(norm(convolution(features)))
    return keras.layers.MaxPooling2D(pool_size, name=f"{name}_pool")(features)


def _check_image_shape(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Returns the height, width and number of channels."""
    input_shape = as_plain_shape(input_shape)
    if not isinstance(input_shape, tuple | list) or len(input_shape) != 3:
        shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else None
        fix = (
            f"Give images a channel axis: `x[..., None]` and `input_shape={(*shape, 1)}`."
            if shape and len(shape) == 2
            else "Leave the batch axis out."
        )
        raise ValueError(
            "`input_shape` must be (height, width, channels), such as (28, 28, 1). "
            f"Received: {input_shape!r}. {fix}"
        )
    for size, least in zip(input_shape, (_SMALL, _SMALL, 1), strict=True):
        check_count(
            "input_shape",
            size,
            least=least,
            fix=f"Full shape received: {input_shape!r}. `mlp` takes items of any size.",
        )
    return input_shape[0], input_shape[1], input_shape[2]
