"""The encoder of an index, and whether it still is the one that the items were embedded by."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_siamese.index.embedding import Items, embed, open_items
from keras_siamese.index.fingerprint import fingerprint, probe
from keras_siamese.model import SiameseModel


class IndexEncoder:
    """Embeds items for an index, and refuses to once the encoder has been trained further.

    Args:
        model: A `SiameseModel`, or any `keras.Model` that embeds. None: items are embeddings.

    Attributes:
        model: The model, or None.
        fingerprint: Of the encoder that the items were embedded by; None before the first ones.
    """

    def __init__(self, model: keras.Model | None) -> None:
        is_ready = model is None or isinstance(model, SiameseModel)
        self.model: SiameseModel | None = model if is_ready else SiameseModel(model)
        self.fingerprint: str | None = None
        self._probe: int | None = None

    @property
    def encoder(self) -> keras.Model | None:
        """What embeds, or None."""
        return None if self.model is None else self.model.encoder

    def open(
        self, x: Any, y: Any, batch_size: int, embedding_dim: int | None, verbose: int = 0
    ) -> tuple[Items, Iterator[tuple[np.ndarray, Any]]]:
        """Returns items, and their `(embeddings, labels or None)` batch by batch: see `embed`."""
        items = open_items(x, y, batch_size)
        return items, embed(self.model, items, embedding_dim, verbose)

    def embed(self, x: Any, batch_size: int, embedding_dim: int | None) -> np.ndarray:
        """Returns embeddings, shape `(num_items, embedding_dim)`.

        Raises: ValueError: If items do not fit, or the encoder has changed at a quick look.
        """
        self.check(thorough=False)
        _, batches = self.open(x, None, batch_size, embedding_dim)
        return np.concatenate([vectors for vectors, _ in batches])

    def embed_labelled(
        self, x: Any, y: Any, batch_size: int, embedding_dim: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns embeddings and labels.

        Raises: ValueError: If there are no labels, or the encoder has changed.
        """
        self.check()
        items, batches = self.open(x, y, batch_size, embedding_dim)
        parts = list(batches)
        labels = items.labels
        if labels is None:
            if parts[0][1] is None:
                raise ValueError("Labels are missing. Received: items alone. Give `y` as well.")
            labels = np.concatenate([of_batch for _, of_batch in parts])
        return np.concatenate([vectors for vectors, _ in parts]), labels

    def note(self) -> None:
        """Remembers the encoder as it is now, unless items were embedded by it before."""
        if self.encoder is not None:
            self._probe = probe(self.encoder)
            self.fingerprint = self.fingerprint or fingerprint(self.encoder)

    def matches(self) -> bool:
        """Whether the encoder is the one of the fingerprint; true without an encoder."""
        return self.encoder is None or fingerprint(self.encoder) == self.fingerprint

    def check(self, thorough: bool = True) -> None:
        """Checks that the encoder is the one that the items were embedded by.

        Args:
            thorough: Whether to look at all weights, or at a few values of each.

        Raises: ValueError: If it is not.
        """
        if self.encoder is None or self.fingerprint is None:
            return
        if probe(self.encoder) != self._probe or (thorough and not self.matches()):
            raise ValueError(
                "The encoder has changed since items were added, whose embeddings are no longer "
                "its own. Make a new index. For one that stays while training goes on, save it and "
                "load it: it then has an encoder of its own."
            )
