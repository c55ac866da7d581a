"""Sub-center ArcFace loss."""

import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_siamese.losses.arc_face import ArcFaceLoss
from keras_siamese.ops.checks import as_embeddings, check_same_batch


@keras.saving.register_keras_serializable(package="keras_siamese")
class SubCenterArcFaceLoss(ArcFaceLoss):
    """ArcFace loss with several proxies a class, of which the nearest counts: for noisy labels.

    For anchor `a` of class `y` and the centers `p_c1, p_c2, ...` of class `c`, `theta_c` is the
    least of the angles between `a` and `p_cj`; then as `ArcFaceLoss`. Items that differ from the
    rest of their class gather at centers of their own: `find_outliers` names them.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        centers_per_class: Number of proxies of each class. Defaults to 3.
        margin: Angle in radians, above 0 and at most pi / 2. Defaults to 0.5, 28.6 degrees.
        scale: Positive float. Defaults to 64.0.
        **kwargs: `learning_rate_multiplier`, `seed`, `reduction`, `embedding_regularizer`, `name`:
            see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`.

    Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If an argument is not positive, `margin` is above pi / 2, or a label is out
        of range.

    Example: The first centers of both classes are at -x, their second ones at x and y: cosines 1
        and 0, so logits `2 cos(0 + pi / 3) = 1` and 0: `log(1 + exp(-1))`.

        >>> loss = SubCenterArcFaceLoss(2, centers_per_class=2, margin=3.14159265 / 3, scale=2.0)
        >>> loss.build(embedding_dim=2)
        >>> _ = loss.proxies.assign([[-1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[3.0, 0.0]])), 4)
        0.3133
        >>> loss.find_outliers([1, 1, 1], [[0.0, 1.0], [0.1, 1.0], [-1.0, 0.0]])
        array([2])

    Formula: `log(1 + sum_(c != y) exp(s (max_j cos(a, p_cj) - cos(theta_y + m))))`

    Cost: O(B K C D) time, O(B K C) memory, for C classes of K centers.

    Reference: [Deng et al., 2020](https://doi.org/10.1007/978-3-030-58621-8_43), section 3.
        Deviation: the fallback beyond `pi - m` of `ArcFaceLoss`.

    Elsewhere: pytorch-metric-learning `SubCenterArcFaceLoss` (its `margin` is in degrees).
    """

    has_centers: ClassVar[bool] = True

    def __init__(
        self,
        num_classes: int,
        *,
        centers_per_class: int = 3,
        margin: float = 0.5,
        scale: float = 64.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes,
            margin=margin,
            scale=scale,
            centers_per_class=centers_per_class,
            **kwargs,
        )

    def logits(self, cosines: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.logits`."""
        return super().logits(ops.max(self.per_class(cosines), axis=1), is_own)

    def find_outliers(
        self, labels: Any, embeddings: Any, threshold_degrees: float = 75.0
    ) -> np.ndarray:
        """Finds items that are likely to be mislabelled: far from the main center of their class.

        The main center of a class is the nearest one of most of its items here.

        Args:
            labels: Integer class ids, shape `(num_items,)` or `(num_items, 1)`.
            embeddings: Shape `(num_items, embedding_dim)`: of the training set, by the encoder that
                was trained with this loss.
            threshold_degrees: Angle above which an item is an outlier.

        Returns: Places of the outliers, in ascending order.

        Raises: ValueError: If the loss has not been built, or a label is out of range.
        """
        if self.proxies is None:
            raise ValueError(
                "There are no centers yet. Train a `SiameseModel` with this loss, then call "
                "`model.loss.find_outliers(y, model.predict(x))`."
            )
        ids, embeddings = self.class_ids(labels), as_embeddings(embeddings)
        check_same_batch(ids, embeddings)
        ids = ops.convert_to_numpy(ids)
        centers = ops.reshape(self.proxies, (self.centers_per_class, self.num_classes, -1))
        centers = ops.take(centers, ids, axis=1)
        cosines = self.distance.paired_similarity(embeddings, ops.cast(centers, embeddings.dtype))
        cosines = ops.convert_to_numpy(cosines)
        counts = np.zeros((self.num_classes, self.centers_per_class), int)
        np.add.at(counts, (ids, cosines.argmax(axis=0)), 1)
        main = counts.argmax(axis=1)[ids]
        least = math.cos(math.radians(threshold_degrees))
        return np.flatnonzero(cosines[main, np.arange(len(ids))] < least)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "centers_per_class": self.centers_per_class}
