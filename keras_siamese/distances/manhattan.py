"""Manhattan distance."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances.distance import Distance
from keras_siamese.ops.numerics import safe_abs
from keras_siamese.ops.pairwise import pairwise_manhattan


@keras.saving.register_keras_serializable(package="keras_siamese")
class Manhattan(Distance):
    """`sum |x_i - y_i|`, unbounded. Its gradient at 0 is 0.

    It has no matrix-product form: pairwise it costs `N * M * embedding_dim` operations outside the
    matrix units, about ten times the Euclidean distance.
    """

    name: ClassVar[str] = "manhattan"
    translation_invariant: ClassVar[bool] = True

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return pairwise_manhattan(x, y)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return ops.sum(safe_abs(x - y), axis=-1)
