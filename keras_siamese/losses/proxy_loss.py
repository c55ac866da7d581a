"""Skeletons of losses against proxies: learned vectors that stand for the classes."""

from abc import abstractmethod
from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.losses.metric_loss import LossResult
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of
from keras_siamese.ops.checks import (
    as_class_ids,
    as_embeddings,
    as_labels,
    check_count,
    check_positive,
    check_same_batch,
)
from keras_siamese.ops.positives import Classes


class ProxyLoss(TupleLoss):
    """Base of the losses that compare embeddings with proxies of all classes, by their cosines.

    The proxies are a weight of the loss. A `SiameseModel` makes them in `compile`, trains them with
    the encoder and saves them with itself; its encoder, alone, does not hold them. In a model or
    loop of your own, call `build(embedding_dim)` first and train `trainable_variables` along.

    A subclass gives `tuple_losses`, and gets the cosines by `compare`.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        centers_per_class: Number of proxies of each class.
        learning_rate_multiplier: Positive float: steps of the proxies are that much longer than
            those of the encoder.
        seed: Seed of the initial proxies. None: they follow `keras.utils.set_random_seed`.
        **kwargs: `margin`, `reduction`, `embedding_regularizer`, `name`: see `TupleLoss`.

    Attributes:
        proxies: The variable, shape `(centers_per_class * num_classes, embedding_dim)`: in row
            `j * num_classes + c` center `j` of class `c`. Its norms do not matter. None until
            `build`.
    """

    takes_two_sets = False
    has_centers: ClassVar[bool] = False  # whether a class may have several proxies
    fixed_arguments: ClassVar[dict[str, Any]] = {
        "miner": None,
        "distance": "cosine",
        "relation": None,
    }
    proxies: keras.Variable | None = None

    def __init__(
        self,
        num_classes: int,
        centers_per_class: int = 1,
        learning_rate_multiplier: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if centers_per_class != 1 and not self.has_centers:
            raise ValueError(
                f"{type(self).__name__} has one proxy for each class. Received: "
                f"centers_per_class={centers_per_class!r}. Several are for `SoftTripleLoss` and "
                "`SubCenterArcFaceLoss`."
            )
        self.num_classes = check_count("num_classes", num_classes, least=2)
        self.centers_per_class = check_count("centers_per_class", centers_per_class)
        self.learning_rate_multiplier = check_positive(
            "learning_rate_multiplier", learning_rate_multiplier
        )
        self.seed = seed

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        self.proxies = self.add_weight(
            "proxies",
            (self.centers_per_class * self.num_classes, embedding_dim),
            initializer=keras.initializers.RandomNormal(stddev=embedding_dim**-0.5, seed=self.seed),
        )

    def class_ids(self, labels: Any, training: bool = False) -> Any:
        """Checks class ids: gives them as int32, shape `(batch_size,)`, -1 if out of range.

        Args:
            labels: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
            training: Whether a graph, too, stops at one that is out of range.

        Raises: ValueError: If the labels are no integers, or one is out of range and can be seen.
        """
        return as_class_ids(as_labels(labels), self.num_classes, type(self).__name__, training)

    def compare(self, ids: Any, anchors: Any) -> tuple[Any, Any]:
        """Compares anchors with all proxies.

        Args:
            ids: Class ids of the anchors, -1 for one that is out of range.
            anchors: Shape `(num_anchors, embedding_dim)`.

        Returns: Cosines, shape `(num_anchors, centers_per_class * num_classes)` in the order of the
            proxies, and which class is the anchor's own, bool, shape `(num_anchors, num_classes)`.
        """
        proxies = ops.cast(self.proxies, anchors.dtype)
        is_own = ids[:, None] == ops.arange(self.num_classes, dtype="int32")[None, :]
        return self.distance.pairwise_similarity(anchors, proxies), is_own

    def per_class(self, x: Any) -> Any:
        """Splits columns, one a proxy: `(num_anchors, centers_per_class, num_classes)`."""
        return ops.reshape(x, (-1, self.centers_per_class, self.num_classes))

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Any:
        """Is not called: every item of a batch is compared with all proxies."""
        raise NotImplementedError

    def on_batch(
        self,
        labels: Any,
        embeddings: Any,
        sample_weight: Any | None = None,
        *,
        candidate_labels: Any | None = None,
        candidates: Any | None = None,
        own: Any | None = None,
        training: bool = False,
    ) -> LossResult:
        """The loss of a labelled batch: see `MetricLoss.on_batch`.

        A label out of range is an error where values can be seen, and where a `SiameseModel`
        trains. Else, in a graph, the loss is NaN: so is `val_loss` on classes not trained on.

        Raises: ValueError: If a label is out of range, or there is a second set.
        """
        if candidates is not None or candidate_labels is not None or own is not None:
            raise ValueError(
                f"{type(self).__name__} compares embeddings with its proxies alone, not with a "
                "second set. Call it without `candidates`; with a cross-batch memory use a loss "
                "over pairs, for instance `ContrastiveLoss`."
            )
        ids, embeddings = self.class_ids(labels, training), as_embeddings(embeddings)
        check_same_batch(ids, embeddings)
        return self._run((embeddings,), sample_weight, tuples=ids)

    def on_views(
        self, x1: Any, x2: Any, sample_weight: Any | None = None, *, training: bool = False
    ) -> LossResult:
        """Is refused: views have no class ids.

        Raises: ValueError: Always.
        """
        raise ValueError(
            f"{type(self).__name__} has no meaning on views: its proxies stand for classes. "
            "Expected labelled batches (x, y). For views use a loss over the pairs of a batch."
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "seed": self.seed,
        }


class ProxySoftmaxLoss(ProxyLoss):
    """Base of the losses that classify by a softmax: a subclass is one formula, `logits`.

    For an anchor of class `y`: `loss = log(sum over classes c of exp(logit_c)) - logit_y`.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        **kwargs: `centers_per_class` and others: see `ProxyLoss`.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)

    @abstractmethod
    def logits(self, cosines: Any, is_own: Any) -> Any:
        """The formula: logits of the classes, shape `(num_anchors, num_classes)`.

        Args:
            cosines: As `ProxyLoss.compare` gives them.
            is_own: Which class is the anchor's own, bool, shape `(num_anchors, num_classes)`.
        """

    def log_denominator(self, logits: Any, is_own: Any) -> Any:
        """Logarithm of the softmax's denominator, shape `(num_anchors, 1)`: over all classes."""
        return ops.logsumexp(logits, axis=1, keepdims=True)

    def tuple_losses(
        self, tuples: Any, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        cosines, is_own = self.compare(tuples, anchors)
        logits = self.logits(cosines, is_own)
        values = self.log_denominator(logits, is_own) - own_value(logits, is_own)
        return losses_of(nan_if_unknown(values, tuples), ops.ones_like(values, dtype="bool"))


def nan_if_unknown(values: Any, ids: Any) -> Any:
    """The values; if a class id is out of range, NaN with gradient 0, so that no weight is spoilt.

    Args:
        values: Losses.
        ids: As `ProxyLoss.class_ids` gives them.
    """
    return ops.where(ops.all(ids >= 0), values, float("nan"))


def own_value(x: Any, is_own: Any) -> Any:
    """The value of each anchor's own class, `(num_anchors, 1)`, read without a gather.

    Args:
        x: Shape `(num_anchors, num_classes)`.
        is_own: Which class is the anchor's own, bool, the same shape.
    """
    return ops.sum(ops.where(is_own, x, ops.zeros_like(x)), axis=1, keepdims=True)
