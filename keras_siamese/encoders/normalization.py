"""A layer that puts embeddings on the unit sphere."""

from typing import Any

import keras
from keras import ops

from keras_siamese.ops.numerics import l2_normalize


@keras.saving.register_keras_serializable(package="keras_siamese")
class L2Normalization(keras.layers.Layer):
    """Divides each row by its Euclidean norm.

    `y = x / ||x||` over the last axis. A row of zeros has no direction: it gives zeros and a zero
    gradient. The layer computes and returns float32 whatever the global dtype policy, so that
    distances under `mixed_float16` and `mixed_bfloat16` start from embeddings of full precision and
    the squares of large float16 values do not overflow.

    `keras.layers.UnitNormalization` does the same in the policy's dtype.

    Args:
        dtype: `"float32"` (the default) or a policy that computes in float32.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Floats of any width, shape `(batch_size, ..., embedding_dim)`.

    Returns: Float32, the shape of `inputs`.

    Raises: ValueError: If `dtype` does not compute in float32.

    Example:
        >>> keras_siamese.encoders.L2Normalization()(np.array([[3.0, 4.0], [0.0, 0.0]]))
        [[0.6, 0.8], [0.0, 0.0]]
    """

    def __init__(self, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        if self.compute_dtype != "float32":
            raise ValueError(
                "`L2Normalization` computes in float32 only. Expected dtype 'float32'. "
                f"Received: {dtype!r}. Leave `dtype` out: the layer casts its inputs itself."
            )
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Returns the rows of `inputs`, each at norm 1 or 0."""
        return l2_normalize(ops.cast(inputs, self.compute_dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns `input_shape`."""
        return input_shape
