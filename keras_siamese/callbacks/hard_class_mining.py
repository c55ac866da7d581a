"""A callback that puts classes which the model confuses into the same batches."""

import copy
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.callbacks.points import turns_of_items
from keras_siamese.data import PKSampler, encode_labels, find_sampler
from keras_siamese.data.sources.arrays import as_source
from keras_siamese.evaluation import confused_classes
from keras_siamese.model import distance_of
from keras_siamese.ops.checks import check_count


class HardClassMining(keras.callbacks.Callback):
    """Puts the classes that the model confuses into the same P x K batches.

    At the start of an epoch, some items of each class are embedded, and `confused_classes` says
    which classes lie next to each other. In the batches of the epoch, a class is followed by those
    that it is confused with, as far as the round still has them and the batch has room: so each
    item meets hard negatives. Classes and items come as evenly as without. It is no sure gain:
    compare with a run without it.

    The first epoch of a training, epoch 0, has none of it: the embeddings say nothing yet. Training
    that goes on from a later one (`initial_epoch`, `BackupAndRestore`) starts with mining. It has
    the batches of the uninterrupted run if that mined at the start of this epoch, too.

    Args:
        batches: The training data that `fit` is given: what `pk_batches` made of a source or of
            arrays, or what `.map`, `.prefetch`, ... made of that, without super-classes.
        x: The items of these batches, as the model takes them: a `Source`, or an array, or a dict
            or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`; a source has its own.
        num_confused: How many classes are to follow each class at most. Defaults to 3.
        items_per_class: How many items of each class are embedded, drawn anew each time: all, if it
            has fewer. Defaults to 8. With `C` classes, memory is in proportion to
            `C * items_per_class`, time beside that of the embeddings to the square of it.
        every_n_epochs: Look for confused classes at the start of each n-th epoch. Defaults to 1.
        seed: Seed of the draw of the items. Defaults to 0.

    Raises: ValueError: If `batches` are no such batches, `x` lacks one of their classes, or an
        argument is out of its range.

    Example:
        >>> mining = keras_siamese.callbacks.HardClassMining(batches, train)
        >>> model.fit(batches, epochs=20, callbacks=[mining])
    """

    def __init__(
        self,
        batches: tf.data.Dataset,
        x: Any,
        y: Any = None,
        *,
        num_confused: int = 3,
        items_per_class: int = 8,
        every_n_epochs: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        sampler = find_sampler(batches)
        if not isinstance(sampler, PKSampler):
            raise ValueError(
                "`batches` must be what `pk_batches` made of a source or of arrays, whose classes "
                f"are known ahead. Received: {batches!r}."
            )
        sampler.keep_together({})  # which refuses super-classes
        self.num_confused = check_count("num_confused", num_confused)
        self.items_per_class = check_count("items_per_class", items_per_class)
        self.every_n_epochs = check_count("every_n_epochs", every_n_epochs)
        self.seed = check_count("seed", seed, least=0)
        self._sampler = sampler
        self._source = as_source(x, y)
        missing = np.setdiff1d(sampler.classes, self._source.class_ids)
        if len(missing):
            raise ValueError(
                "`x` must hold the items that the batches are made of. Received: none of "
                f"{len(missing)} of their {len(sampler.classes)} classes, among them "
                f"{missing[:3].tolist()}."
            )
        self._has_begun = False

    def __deepcopy__(self, memo: dict[int, Any]) -> "HardClassMining":
        """Returns a callback of the same batches and items, which never change."""
        return copy.copy(self)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets what an earlier fit kept together."""
        self._has_begun = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decides which classes meet in the batches of the epoch."""
        if epoch == 0:
            self._sampler.keep_together({})
        elif epoch % self.every_n_epochs == 0 or not self._has_begun:
            items = self._source.subset(self._draw_items(epoch))
            embeddings = self.model.predict(items.batches(), verbose=0)
            self._sampler.keep_together(
                confused_classes(
                    embeddings,
                    items.class_ids,
                    num_confused=self.num_confused,
                    distance=distance_of(self.model),
                )
            )
        self._has_begun = True

    def _draw_items(self, epoch: int) -> np.ndarray:
        """Returns the places of `items_per_class` items of each class in use, or of all it has."""
        ids = self._source.class_ids
        keys = np.random.default_rng([self.seed, epoch]).random(len(ids))
        is_drawn = turns_of_items(encode_labels(ids)[0], keys) < self.items_per_class
        return np.flatnonzero(is_drawn & np.isin(ids, self._sampler.classes))
