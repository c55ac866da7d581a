"""Any loss on several prefixes of the embedding."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_siamese.losses.metric_loss import MetricLoss
from keras_siamese.losses.weighted_sum import WeightedSum, get_loss
from keras_siamese.ops.checks import as_embeddings, check_count
from keras_siamese.ops.numerics import l2_normalize


@keras.saving.register_keras_serializable(package="keras_siamese")
class Matryoshka(WeightedSum):
    """A loss on several prefixes of the embedding, so that each of them can stand for the whole.

    For prefix sizes `m` and weights `w_m`: `sum of w_m * loss(x[:m])`. A `SiameseModel` logs each
    part by its size: `triplet_loss_64`, `val_triplet_loss_64`. Each size has a copy of the loss, so
    proxies and learned distances get a size of their own.

    The prefix of a unit-norm embedding is shorter than 1, by as much as the rest holds, so margins
    and temperatures would mean something else at each size. By default, each prefix is divided by
    its norm; do the same with the prefixes that are searched later. Distances between items
    (`SiameseModel.distance`, metrics) are those of whole embeddings, as they are.

    Args:
        loss: The loss.
        dims: Sizes of the prefixes, the size of the whole embedding usually among them. Defaults
            to `(64, 32, 16)`.
        weights: Positive floats, as many. Defaults to 1 for each.
        normalize: Whether prefixes are divided by their norm. False is for encoders whose
            embeddings have no unit norm. Defaults to True.
        name: Name of the loss.

    Call arguments:
        y_true: Labels, as the loss takes them.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32; of a loss with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If `dims` are no different positive integers, one is larger than the
        embedding, or weights are not positive or not as many.

    Example: A match, `(3, 0)` and `(3, 4)`. Normalised and whole, `(1, 0)` and `(0.6, 0.8)`:
        `d^2 / 2 = (0.4^2 + 0.8^2) / 2`. Of the first coordinates alone, both are 1: 0.

        >>> loss = Matryoshka(ContrastiveLoss(), dims=(2, 1))
        >>> round(float(loss([0, 0], [[3.0, 0.0], [3.0, 4.0]])), 4)
        0.4

    Formula: `sum of w_m * loss(x[:m] / |x[:m]|)`

    Cost: That of the loss, once for each size.

    Reference: [Kusupati et al., 2022](https://arxiv.org/abs/2205.13147), equation 1. Deviation:
        prefixes are normalised in training already, as they are when they are compared.
    """

    def __init__(
        self,
        loss: MetricLoss,
        dims: Sequence[int] = (64, 32, 16),
        weights: Sequence[float] | None = None,
        normalize: bool = True,
        name: str | None = None,
    ) -> None:
        if not isinstance(dims, Sequence):
            raise ValueError(f"`dims` must be a list of sizes. Received: {dims!r}.")
        dims = [check_count("dims", dim) for dim in dims]
        if not dims or len(set(dims)) < len(dims):
            raise ValueError(f"`dims` must be different sizes, at least one. Received: {dims}.")
        self.loss = get_loss(loss)
        config = self.loss.get_config()
        copies = [
            type(self.loss).from_config({**config, "name": f"{self.loss.name}_{dim}"})
            for dim in dims
        ]
        super().__init__(copies, weights, name)
        self.dims = dims
        self.normalize = bool(normalize)
        # Whole embeddings are compared as their longest prefix is.
        self.distance = copies[dims.index(max(dims))].distance

    def build(self, embedding_dim: int) -> None:
        """See `WeightOwner.build`.

        Raises: ValueError: If a prefix is larger than the embedding, or the distance is learned and
            no prefix is the whole embedding.
        """
        longest = max(self.dims)
        if longest > embedding_dim:
            raise ValueError(
                f"A prefix is larger than the embedding. Received: dims={self.dims}, embeddings of "
                f"size {embedding_dim}. Expected sizes up to {embedding_dim}."
            )
        for dim, loss in zip(self.dims, self.losses, strict=True):
            loss.build(dim)
        if self.distance.layers and longest < embedding_dim:
            raise ValueError(
                f"{self.distance!r} is learned, so whole embeddings need one of their own. "
                f"Received: dims={self.dims}, embeddings of size {embedding_dim}. Put "
                f"{embedding_dim} among `dims`."
            )

    def view(self, part: int, embeddings: Any) -> Any:
        """See `WeightedSum.view`: a prefix."""
        prefix = as_embeddings(embeddings)[:, : self.dims[part]]
        return l2_normalize(prefix) if self.normalize else prefix

    def check_margin(self, unit_norm: bool) -> None:
        """See `MetricLoss.check_margin`."""
        super().check_margin(self.normalize)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "dims": self.dims,
            "weights": self.weights,
            "normalize": self.normalize,
            "name": self.name,
        }
