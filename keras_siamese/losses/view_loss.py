"""The skeleton of losses of two views, which know neither labels nor negatives."""

from abc import abstractmethod
from typing import Any, NoReturn

from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.metric_loss import LossResult, MetricLoss
from keras_siamese.ops.checks import as_embeddings, check_finite_loss, check_same_batch
from keras_siamese.ops.numerics import nan_unless_finite


class ViewLoss(MetricLoss):
    """Base of the losses of two views of each item: a subclass is one formula, `view_losses`.

    They are symmetric in the views, and give one number for a batch. Batches of two views are
    those of `keras_siamese.data.two_views`.

    Args:
        distance: What metrics and `SiameseModel.distance` compare embeddings by; the loss itself
            does not use it. Defaults to `"cosine"`.
        embedding_regularizer: See `MetricLoss`.
        name: Name of the loss.
    """

    takes_two_sets = False

    def __init__(
        self,
        distance: str | Distance = "cosine",
        embedding_regularizer: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(distance, embedding_regularizer=embedding_regularizer, name=name)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any | None = None) -> Any:
        """The loss of two views of each item, as in evaluation.

        Args:
            y_true: Embeddings of the first views, shape `(num_items, embedding_dim)`.
            y_pred: Embeddings of the second views, the same shape.
            sample_weight: Weight of each item, shape `(num_items,)`, where the loss takes them.

        Returns: Scalar, float32.

        Raises: ValueError: If shapes do not match, embeddings are not finite, or the loss takes no
            weights.
        """
        return self.on_views(y_true, y_pred, sample_weight).value

    @abstractmethod
    def view_losses(self, x1: Any, x2: Any, training: bool) -> Any:
        """The formula, a scalar; or shape `(num_items,)`, if it is a mean over items.

        Args:
            x1: Embeddings of the first views, shape `(num_items, embedding_dim)`.
            x2: Embeddings of the second views, the same shape.
            training: Whether this is a training step.
        """

    def on_views(
        self, x1: Any, x2: Any, sample_weight: Any | None = None, *, training: bool = False
    ) -> LossResult:
        """See `MetricLoss.on_views`. All items count as active."""
        x1 = as_embeddings(x1)
        x2 = ops.cast(as_embeddings(x2), x1.dtype)
        check_same_batch(x2, x1, "second view")
        self.build(x1.shape[-1])
        values = self.view_losses(x1, x2, training)
        if sample_weight is not None:
            values = self._weighted(values, sample_weight)
        value = ops.mean(values)
        if self.embedding_regularizer is not None:
            both = ops.concatenate([x1, x2], axis=0)
            size = ops.cast(ops.shape(both)[0], both.dtype)
            value = value + self.embedding_regularizer(both) / size
        value = nan_unless_finite(value, (x1, x2))
        check_finite_loss(value)
        return LossResult(value, ops.ones(()), ops.cast(ops.shape(x1)[0], "int32"))

    def _weighted(self, values: Any, sample_weight: Any) -> Any:
        if len(values.shape) == 0:
            raise ValueError(
                f"{type(self).__name__} takes no weights: it compares dimensions over the whole "
                "batch, not items. Received: `sample_weight`. Leave items out in place of "
                "weighting them."
            )
        sample_weight = ops.cast(ops.reshape(sample_weight, (-1,)), values.dtype)
        check_same_batch(sample_weight, values, "weight")
        return values * sample_weight

    def on_batch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Is refused: see `MetricLoss.on_batch`."""
        self._refuse("labelled batches")

    def on_pairs(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Is refused: see `MetricLoss.on_pairs`."""
        self._refuse("pairs")

    def on_triplets(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Is refused: see `MetricLoss.on_triplets`."""
        self._refuse("triplets")

    def _refuse(self, kind: str) -> NoReturn:
        raise ValueError(
            f"{type(self).__name__} has no meaning on {kind}. Expected two views of each item, "
            "((x1, x2),), without labels: see `keras_siamese.data.two_views`."
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        config = super().get_config()
        return {key: config[key] for key in ("distance", "embedding_regularizer", "name")}
