"""Items of any kind -> their embeddings, a batch at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.arguments import as_texts
from keras_siamese.data import Source, Stream
from keras_siamese.data.inputs import as_labelled_arrays
from keras_siamese.data.labels import as_class_labels
from keras_siamese.data.sources.dataset import gives_batches
from keras_siamese.index.vectors import as_vectors
from keras_siamese.model import SiameseModel
from keras_siamese.ops.checks import check_count, check_same_length


@dataclass(frozen=True)
class Items:
    """Items to embed, which are never all in memory unless they were given so.

    Attributes:
        batches: `(x, y)` of each batch; y is None unless labels come with the batches.
        num_items: Their number, or None if only the end will tell.
        labels: All labels, if they are known ahead.
    """

    batches: Any
    num_items: int | None
    labels: np.ndarray | None


def open_items(x: Any, y: Any = None, batch_size: int = 256) -> Items:
    """Opens arrays, a source or a dataset.

    Args:
        x: An array, or a dict or tuple of arrays, shapes `(num_items, ...)`; a `Source`; or a
            finite `tf.data.Dataset` of batches, of items alone or of `(x, y)`, of which single
            items will do too.
        y: Labels of arrays, or None.
        batch_size: Items embedded at a time, unless a dataset has batches of its own.

    Raises: ValueError: If there is no item, lengths differ, or labels come twice.
    """
    if isinstance(x, Source | tf.data.Dataset) and y is not None:
        raise ValueError(
            "Sources and datasets have their own labels. Received: `y` as well. Leave it out."
        )
    if isinstance(x, Source):
        return Items(((part, None) for part, _ in x.batches(batch_size)), len(x), x.labels)
    if isinstance(x, tf.data.Dataset):
        return Items(_batches_of_dataset(x, batch_size), None, None)
    if isinstance(x, Stream):
        raise ValueError(
            "A stream gives its items again and again. Received: a `Stream`. Use its dataset: "
            "`dataset.map(lambda x, y: (decode(x), y)).batch(256)`."
        )
    check_count("batch_size", batch_size)
    num_items = _num_items(x)
    x, ids = as_labelled_arrays(x, np.arange(num_items) if num_items else [])
    labels = None if y is None else as_class_labels(y)
    if labels is not None:
        check_same_length(x=ids, y=labels)
    starts = range(0, num_items, batch_size)
    parts = ((_rows(x, slice(i, i + batch_size)), None) for i in starts)
    return Items(parts, num_items, labels)


def embed(
    model: SiameseModel | None, items: Items, embedding_dim: int | None = None, verbose: int = 0
) -> Iterator[tuple[np.ndarray, Any]]:
    """Embeds items batch by batch.

    Args:
        model: Embeds; None: items are embeddings.
        items: What to embed.
        embedding_dim: Size that embeddings must have, or None for any.
        verbose: 1 shows progress.

    Yields: `(embeddings, y)`: float32, shape `(batch_size, embedding_dim)`, and labels of the batch
        or None.

    Raises: ValueError: If there is no item, or an embedding is not finite.
    """
    progress = keras.utils.Progbar(items.num_items, verbose=verbose, unit_name="item")
    num_done = 0
    for x, y in items.batches:
        vectors = as_vectors(_embed_batch(model, x), embedding_dim, num_done)
        if y is not None and len(y) != len(vectors):
            raise ValueError(
                f"Expected a label for each item of a batch. Received: {len(y)} labels for "
                f"{len(vectors)} items."
            )
        embedding_dim = vectors.shape[1]
        num_done += len(vectors)
        progress.update(num_done, finalize=num_done == items.num_items)
        yield vectors, y
    if not num_done:
        raise ValueError("The data set is empty. Received: no items.")
    if items.num_items is None:
        progress.update(num_done, finalize=True)


def _embed_batch(model: SiameseModel | None, x: Any) -> np.ndarray:
    if model is None:
        return np.asarray(x)
    _check_is_batch(model.encoder, x)
    return np.asarray(model.predict_on_batch(as_texts(x)), np.float32)


def _check_is_batch(encoder: keras.Model, x: Any) -> None:
    inputs = getattr(encoder, "inputs", None) or []
    if len(inputs) != 1 or not hasattr(x, "shape"):
        return
    expected, received = tuple(inputs[0].shape), tuple(x.shape)
    if len(received) == len(expected) - 1 and received == expected[1:]:
        raise ValueError(
            f"Expected a batch of items, shape {expected}. Received: one item, shape {received}. "
            "Use `x[None]`, or `dataset.batch(256)`."
        )
    # Keras adds and drops a last axis of length 1.
    of_encoder, of_items = (list(shape[1:]) for shape in (expected, received))
    if len(of_encoder) - len(of_items) == 1 and of_encoder[-1] == 1:
        of_encoder.pop()
    elif len(of_items) - len(of_encoder) == 1 and of_items[-1] == 1:
        of_items.pop()
    is_alike = len(of_encoder) == len(of_items) and all(
        size in (None, length) for size, length in zip(of_encoder, of_items, strict=True)
    )
    if not is_alike:
        raise ValueError(
            f"The encoder takes items of shape {expected[1:]}. Received: shape {received[1:]}."
        )


def _rows(x: Any, rows: slice) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], x)


def _num_items(x: Any) -> int:
    while isinstance(x, Mapping | tuple) and x:
        x = next(iter(x.values())) if isinstance(x, Mapping) else x[0]
    try:
        return len(x)
    except TypeError:
        raise ValueError(
            "Items must be arrays, dicts or tuples of them, a `Source`, or a `tf.data.Dataset`. "
            f"Received: {type(x).__name__}."
        ) from None


def _batches_of_dataset(dataset: tf.data.Dataset, batch_size: int) -> Iterator[tuple[Any, Any]]:
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "The dataset never ends. Leave out its `.repeat()`, or use `dataset.take(n)`."
        )
    spec = dataset.element_spec
    is_labelled = isinstance(spec, tuple) and len(spec) in (2, 3)
    if is_labelled and not gives_batches(dataset):
        dataset = dataset.batch(batch_size)
    for element in dataset.prefetch(tf.data.AUTOTUNE):
        if is_labelled:
            yield element[0], element[1].numpy()
        else:
            yield element[0] if isinstance(spec, tuple) and len(spec) == 1 else element, None
