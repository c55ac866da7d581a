"""A callback that shows whether training teaches anything: tuples, distances, rank, gradient."""

import os
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_siamese.callbacks.log_callback import LogCallback
from keras_siamese.distances import Distance
from keras_siamese.inputs import MATCH, OTHER
from keras_siamese.losses import MetricLoss, TripletLoss
from keras_siamese.model import SiameseModel
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.geometry import effective_rank
from keras_siamese.probe import BatchProbe, ProbedBatch
from keras_siamese.training_guard import DIMENSIONAL_COLLAPSE, CollapseWatch

# Fewer dimensions, or items, are soon used up, and few dimensions are what some want.
_MANY_DIMENSIONS = 4


class TrainingDiagnostics(LogCallback):
    """Adds figures of training batches to the logs of each epoch, and writes them for TensorBoard.

    A few batches of an epoch, evenly spread, are looked at: their first 128 items (64 pairs or
    pairs of views, 42 triplets) as the training step saw them. The means over these batches of the
    following are added to the logs, where `History`, and callbacks that stand behind this one, see
    them. What no batch defines is left out.

    - `batch_hard_share`, `batch_semi_hard_share`, `batch_easy_share`: the shares of the valid
      triplets, whether mined or not, with `d_an <= d_ap`; with `d_ap < d_an < d_ap + margin`; and
      with `d_an >= d_ap + margin`. They add up to 1. The margin is that of a `TripletLoss`, also
      in a sum whose first loss has the same distance; of other losses, and of a soft margin, there
      is the first share alone. Pairs have no triplets.
    - `batch_hardest_share`: the share of the anchors whose hardest triplet is hard: their nearest
      negative is no further than their farthest positive.
    - `batch_embedding_norm`, `batch_embedding_norm_deviation`: mean and standard deviation of the
      norms of the embeddings, as they come from the encoder.
    - `batch_effective_rank`: how many dimensions the embeddings use, at most the number of items:
      see `keras_siamese.metrics.EffectiveRank`. If that stays low in a larger embedding while
      classes are not apart, there is a warning, once a training: a dimensional collapse.
    - `batch_gradient_norm`: Euclidean norm of the gradient of the loss by all trainable weights,
      of one batch where gradients are accumulated, before any clipping.

    Into the run go these and the figures of `keras_siamese.metrics.BatchFigures`, as
    `batch/hard_share`, ..., which TensorBoard shows as one group; `loss`; and, as histograms over
    the batches looked at, `distances/positive` (d_ap), `distances/negative` (d_an) and
    `embedding_norms`.

    Args:
        log_dir: The directory that TensorBoard is started with. Defaults to None: nothing is
            written.
        batches_per_epoch: How many batches of an epoch to look at. Defaults to 4.
        name: The run's directory below `log_dir`. Defaults to `"diagnostics"`.
        every_n_epochs: Write after each n-th epoch; 0 for never. Defaults to 1. The logs have the
            figures of each epoch.

    Raises: ValueError: If an argument is out of its range. In training: if the model is no
        `SiameseModel`.

    Example:
        >>> diagnostics = keras_siamese.callbacks.TrainingDiagnostics("logs")
        >>> model.fit(batches, epochs=20, callbacks=[diagnostics])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        *,
        batches_per_epoch: int = 4,
        name: str = "diagnostics",
        every_n_epochs: int = 1,
    ) -> None:
        super().__init__(log_dir, name, every_n_epochs)
        self.batches_per_epoch = check_count("batches_per_epoch", batches_per_epoch)
        self._batches: deque[ProbedBatch] = deque(maxlen=batches_per_epoch)
        self._num_steps: int | None = None
        self._steps_done = self._next_step = 0
        self._watch = CollapseWatch([DIMENSIONAL_COLLAPSE])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Has the training step keep its batches.

        Raises: ValueError: If the model is no `SiameseModel`.
        """
        super().on_train_begin(logs)
        if not isinstance(self.model, SiameseModel):
            raise ValueError(
                "TrainingDiagnostics sees the batches of a `keras_siamese.SiameseModel`. "
                f"Received: {self.model!r}. Wrap the encoder: `SiameseModel(encoder)`."
            )
        probe = BatchProbe()
        probe.turn(on=False)
        self.model.probe = probe
        self._num_steps = self.params.get("steps")
        self._watch = CollapseWatch([DIMENSIONAL_COLLAPSE])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forgets the batches of the epoch before."""
        super().on_epoch_begin(epoch, logs)
        self._batches.clear()
        self._steps_done = 0
        self._next_step = _step_to_look_at(0, self.batches_per_epoch, self._num_steps)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Has the next steps keep their batches, if one of them is to be looked at."""
        if batch + self.model.steps_per_execution >= self._next_step:
            self.model.probe.turn(on=True)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the batch, if it is one of those."""
        self._steps_done = batch + 1
        if self._steps_done < self._next_step:
            return
        self._next_step = _step_to_look_at(
            self._steps_done, self.batches_per_epoch, self._num_steps
        )
        self.model.probe.turn(on=False)
        if (probed := self.model.probe.read()) is not None:
            self._batches.append(probed)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the figures to the logs, and writes them if the epoch is one of the n-th."""
        self._num_steps = self._steps_done or None
        logs = {} if logs is None else logs
        if not self._batches:
            return
        margin = _margin_of(self.model.loss, self.model.distance_function)
        logs |= _means(
            [{**_space_figures(batch), **_triplet_shares(batch, margin)} for batch in self._batches]
        )
        if all(min(batch.embeddings.shape) >= _MANY_DIMENSIONS for batch in self._batches):
            self._watch.look(epoch, logs, self.model.loss)
        if self.is_writer and self.is_due(epoch):
            scalars = {
                name.replace("batch_", "batch/", 1): value
                for name, value in logs.items()
                if name == "loss" or name.startswith("batch_")
            }
            self.write_summaries(epoch, scalars=scalars, histograms=_histograms(self._batches))


def _step_to_look_at(steps_done: int, num_looks: int, num_steps: int | None) -> int:
    """Returns the next step whose batch is looked at, counted from 1.

    Of an epoch of unknown length these are 1, 2, 4, 8, ..., of which the last are kept.
    """
    if num_steps is None:
        return max(1, 2 * steps_done)
    looks_done = steps_done * num_looks // num_steps
    return -(-(looks_done + 1) * num_steps // num_looks)


def _margin_of(loss: Any, distance: Distance) -> float | None:
    """Returns the margin of a triplet loss, the first of several; None if there is none.

    Args:
        loss: What the model is trained by.
        distance: In whose units it is to be.
    """
    if isinstance(loss, TripletLoss):
        return loss.margin if loss.distance.name == distance.name else None
    parts = loss.owners if isinstance(loss, MetricLoss) else []
    margins = [_margin_of(part, distance) for part in parts]
    return next((margin for margin in margins if margin is not None), None)


def _norms(batch: ProbedBatch) -> np.ndarray:
    return np.linalg.norm(batch.embeddings, axis=1)


def _space_figures(batch: ProbedBatch) -> dict[str, float]:
    num_items, dim = batch.embeddings.shape
    norms = _norms(batch)
    # The singular values are those of the transpose, whose products may be fewer.
    matrix = batch.embeddings if dim <= num_items else batch.embeddings.T
    return {
        "batch_embedding_norm": float(norms.mean()),
        "batch_embedding_norm_deviation": float(norms.std()),
        "batch_effective_rank": effective_rank(matrix),
        "batch_gradient_norm": batch.gradient_norm,
    }


def _triplet_shares(batch: ProbedBatch, margin: float | None) -> dict[str, float]:
    """Returns what the valid triplets are, if there are any."""
    d, is_match, is_other = batch.distances, batch.comparisons == MATCH, batch.comparisons == OTHER
    anchor, positive = np.nonzero(is_match)
    num_triplets = is_other.sum(axis=1)[anchor].sum()
    if num_triplets == 0:
        return {}
    d_ap = d[anchor, positive][:, None]
    d_an = np.where(is_other, d, np.nan)[anchor]  # Of which no comparison is true.
    hard = float((d_an <= d_ap).sum() / num_triplets)
    farthest = np.where(is_match, d, -np.inf).max(axis=1)
    nearest = np.where(is_other, d, np.inf).min(axis=1)
    has_both = is_match.any(axis=1) & is_other.any(axis=1)
    shares = {
        "batch_hard_share": hard,
        "batch_hardest_share": float((nearest <= farthest)[has_both].mean()),
    }
    if margin is not None:
        easy = float((d_an >= d_ap + margin).sum() / num_triplets)
        shares |= {"batch_semi_hard_share": 1 - hard - easy, "batch_easy_share": easy}
    return shares


def _histograms(batches: Iterable[ProbedBatch]) -> dict[str, np.ndarray]:
    """Returns what there are histograms of, over all batches."""
    values = {
        "distances/positive": [batch.distances[batch.comparisons == MATCH] for batch in batches],
        "distances/negative": [batch.distances[batch.comparisons == OTHER] for batch in batches],
        "embedding_norms": [_norms(batch) for batch in batches],
    }
    joined = {name: np.concatenate(parts) for name, parts in values.items()}
    return {name: numbers for name, numbers in joined.items() if len(numbers)}


def _means(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """Returns the mean of each figure over the batches that define it."""
    means = {}
    for name in dict.fromkeys(name for of_batch in figures for name in of_batch):
        values = np.array([of_batch.get(name, np.nan) for of_batch in figures])
        values = values[np.isfinite(values)]
        if len(values):
            means[name] = float(values.mean())
    return means
