"""Distance by the ratio of noise to signal."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances.distance import Distance
from keras_siamese.ops.numerics import squared_norm
from keras_siamese.ops.pairwise import pairwise_squared_euclidean


@keras.saving.register_keras_serializable(package="keras_siamese")
class SignalToNoise(Distance):
    """`var(x - y) / var(x)`: the variance of the noise over that of the signal, over the entries.

    Not symmetric: `x`, the anchor, is the signal. 0 and more, without an upper end on unit vectors
    either. Scaling all embeddings changes nothing, nor does adding a number to all entries of one.
    An anchor whose entries are all equal carries no signal: it is at distance 0 from everything,
    with gradient 0.

    Example: Noise `(1, 0, -1)`, signal `(2, 0, -2)`: `2 / 8`.

        >>> float(SignalToNoise().pairwise([[2.0, 0.0, -2.0]], [[1.0, 0.0, -1.0]])[0, 0])
        0.25

    Reference: [Yuan et al., 2019](https://arxiv.org/abs/1904.02616), section 3.1.
    """

    name: ClassVar[str] = "signal_to_noise"
    symmetric: ClassVar[bool] = False

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        x, y = _varying(x), _varying(y)
        return pairwise_squared_euclidean(x, y) * _inverse_signal(x)[:, None]

    def reduced_columns(self, x: Any, y: Any) -> Any:
        """See `Distance.reduced_columns`."""
        x, y = _varying(x), _varying(y)
        return pairwise_squared_euclidean(y, x) * _inverse_signal(x)[None, :]

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        x, y = _varying(x), _varying(y)
        return squared_norm(x - y) * _inverse_signal(x)


def _varying(x: Any) -> Any:
    """Each vector less the mean of its entries; 0 exactly where rounding alone is left."""
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    constant = squared_norm(centred) <= 1e-12 * squared_norm(x)
    return ops.where(constant[..., None], ops.zeros_like(x), centred)


def _inverse_signal(varying: Any) -> Any:
    signal = squared_norm(varying)
    silent = signal == 0
    return ops.where(silent, ops.zeros_like(signal), 1 / ops.where(silent, 1.0, signal))
