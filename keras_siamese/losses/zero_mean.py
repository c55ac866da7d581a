"""Regulariser towards embeddings whose entries have mean 0."""

from typing import Any

import keras
from keras import ops

from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import safe_abs


@keras.saving.register_keras_serializable(package="keras_siamese")
class ZeroMeanRegularizer(keras.regularizers.Regularizer):
    """Pulls the sum of the entries of each embedding to 0.

    For embeddings `h_i` of entries `h_im`: `factor * sum_i |sum_m h_im|`. To be given to a loss as
    `embedding_regularizer`, which divides it by the number of embeddings.

    Args:
        factor: Positive float, `lambda` in the paper. Defaults to 0.1.

    Raises: ValueError: If `factor` is not positive.

    Example: `0.1 * (|2 - 0.5| + |1 - 1|)`.

        >>> x = keras.ops.convert_to_tensor([[2.0, -0.5], [1.0, -1.0]])
        >>> round(float(ZeroMeanRegularizer(0.1)(x)), 4)
        0.15

    Reference: [Yuan et al., 2019](https://arxiv.org/abs/1904.02616), section 3.3.
    """

    def __init__(self, factor: float = 0.1) -> None:
        self.factor = check_positive("factor", factor)

    def __call__(self, x: Any) -> Any:
        """The value for embeddings of shape `(batch_size, embedding_dim)`, a scalar."""
        return self.factor * ops.sum(safe_abs(ops.sum(x, axis=-1)))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal regulariser."""
        return {"factor": self.factor}
