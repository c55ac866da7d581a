"""Ready-made augmentations of images."""

import keras

from keras_siamese.data.augmentation.random_warp import RandomWarp
from keras_siamese.ops.checks import check_positive


def grey_augmentation(strength: float = 1.0, *, seed: int | None = None) -> keras.Sequential:
    """A light augmentation of small grey images, such as handwriting and garments.

    Each image is turned by up to 7 degrees, scaled by up to 8 %, slanted by up to 10 %, shifted by
    up to 5 %, and bent by about 3 % of its size, all in one resampling: see `RandomWarp`. What lies
    beyond the border is taken from the border, so ink may be dark or light.

    Args:
        strength: What all these sizes are multiplied by, below 5. Defaults to 1.
        seed: Integer that makes the draws reproducible. Defaults to `None`: drawn.

    Returns: A `keras.Sequential` for `augment`, `two_views` or the front of a model, of images of
        shape `(batch_size, height, width, channels)` and any range of values.

    Raises: ValueError: If `strength` is not positive, or 5 or more.
    """
    strength = check_positive("strength", strength, below=5.0)
    return keras.Sequential(
        [
            RandomWarp(
                0.03 * strength,
                rotation=0.02 * strength,
                zoom=0.08 * strength,
                shear=0.1 * strength,
                translation=0.05 * strength,
                seed=seed,
            )
        ]
    )


def natural_augmentation(
    strength: float = 1.0,
    *,
    value_range: tuple[float, float] = (0.0, 1.0),
    seed: int | None = None,
) -> keras.Sequential:
    """A light augmentation of colour photographs: shifted crops, mirroring and colour jitter.

    Each image is shifted by up to an eighth of its size along either axis, in whole pixels, what
    lies beyond the border being reflected at it (a random crop of the padded image: 4 pixels for
    CIFAR-10, as is usual there); mirrored left to right by chance; and changed by up to 20 % in
    saturation and contrast, and in brightness by up to 10 % of the value range.

    Args:
        strength: What all these sizes are multiplied by, below 5. Defaults to 1.
        value_range: Values of black and of white: 0 and a larger one, `(0, 255)` for bytes. Values
            beyond are cut. Defaults to `(0, 1)`.
        seed: Integer that makes the draws reproducible. Defaults to `None`: drawn.

    Returns: A `keras.Sequential` of Keras's own layers, for `augment`, `two_views` or the front of
        a model, of images of shape `(batch_size, height, width, 3)`.

    Raises: ValueError: If `strength` is not positive or 5 or more, or `value_range` does
        not begin with 0.
    """
    strength = check_positive("strength", strength, below=5.0)
    if value_range[0] != 0 or value_range[1] <= 0:
        raise ValueError(
            "`value_range` must begin with 0, black, or colours have no saturation. "
            f"Received: {value_range}. Rescale the images after the augmentation."
        )
    shift, change = 0.125 * strength, 0.2 * strength
    # Keras's saturation of `f` multiplies by `f / (1 - f)`.
    saturation = [factor / (1 + factor) for factor in (1 - change, 1 + change)]
    # With one seed, all layers would draw the same numbers.
    seeds = [None] * 5 if seed is None else range(seed, seed + 5)
    return keras.Sequential(
        [
            keras.layers.RandomTranslation(
                shift, shift, fill_mode="reflect", interpolation="nearest", seed=seeds[0]
            ),
            keras.layers.RandomFlip("horizontal", seed=seeds[1]),
            keras.layers.RandomSaturation(saturation, value_range, seed=seeds[2]),
            keras.layers.RandomContrast(change, value_range, seed=seeds[3]),
            keras.layers.RandomBrightness(change / 2, value_range, seed=seeds[4]),
        ]
    )
