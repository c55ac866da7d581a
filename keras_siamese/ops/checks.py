"""Checks of arguments and batches, with errors that say how to mend them."""

import difflib
from collections.abc import Callable, Iterable, Sized
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_siamese.ops.compiled import inside_xla, is_concrete


def unknown_name(argument: str, received: object, valid: Iterable[str]) -> ValueError:
    """Returns the error for a name that is none of `valid`, with the nearest valid one.

    Args:
        argument: Name of the argument, as the user writes it.
        received: What the user gave.
        valid: The names that exist.

    Returns: A `ValueError` to raise.
    """
    names = sorted(valid)
    near = difflib.get_close_matches(str(received).lower(), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(
        f"Unknown `{argument}`. Expected one of {names}. Received: {received!r}.{hint}"
    )


def check_choice(argument: str, received: object, valid: Iterable[str]) -> str:
    """Returns `received` if it is one of the names `valid`.

    Raises: ValueError: If it is not; the message holds the nearest valid name.
    """
    names = list(valid)
    if not isinstance(received, str) or received not in names:
        raise unknown_name(argument, received, names)
    return received


def check_positive(
    argument: str, received: float, *, least: float = 0.0, below: float = float("inf")
) -> float:
    """Returns `received` as a float if it is a finite number above `least` and below `below`.

    Raises: ValueError: If it is not.
    """
    if isinstance(received, Real) and not isinstance(received, bool):
        value = float(received)
        if least < value < below:
            return value
    limit = "" if below == float("inf") else f" and below {below:g}"
    raise ValueError(
        f"`{argument}` must be a finite number above {least:g}{limit}. Received: {received!r}."
    )


def check_count(argument: str, received: int, *, least: int = 1, fix: str = "") -> int:
    """Returns `received` if it is an integer of at least `least`.

    Raises: ValueError: If it is not; `fix` is added to the message.
    """
    try:
        value = received.__index__()
    except AttributeError:
        value = None
    if value is None or isinstance(received, bool) or value < least:
        raise ValueError(
            f"`{argument}` must be an integer of at least {least}. "
            f"Received: {received!r}. {fix}".rstrip()
        )
    return value


def as_plain_shape(shape: Any) -> Any:
    """Returns the shape of a tensor of TensorFlow as a tuple, and anything else as it is."""
    return tuple(shape.as_list()) if hasattr(shape, "as_list") else shape


def check_same_values(same: Any) -> None:
    """Checks that `same` says of each pair whether it matches.

    Args:
        same: Values that can be looked at, 1 for a match and 0 for none.

    Raises: ValueError: If there are other values.
    """
    values = set(ops.convert_to_numpy(same).ravel().tolist())
    if not values <= {0, 1}:
        raise ValueError(
            "`same` must be 1 for a match and 0 for none. Received: "
            f"{sorted(values)[:5]}. Class ids belong to labelled batches (x, y)."
        )


def check_same_length(**named: Sized) -> int:
    """Returns the common length of the named arrays, which must not be 0.

    Raises: ValueError: If the lengths differ or are 0.
    """
    lengths = {name: len(value) for name, value in named.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(
            f"Expected as many labels as items. Received lengths: {lengths}. "
            "Each item needs exactly one label, in the same order."
        )
    length = next(iter(lengths.values()))
    if length == 0:
        raise ValueError(f"The data set is empty. Received: {' and '.join(named)} of length 0.")
    return length


def check_places(argument: str, indices: np.ndarray, num_items: int) -> None:
    """Checks that each index is the place of an item.

    Args:
        argument: What to call the indices in an error.
        indices: Integers, any shape but an empty one.
        num_items: Number of items.

    Raises: ValueError: If one is out of range.
    """
    if indices.min() < 0 or indices.max() >= num_items:
        raise ValueError(
            f"`{argument}` must be places of items, 0 to {num_items - 1}. Received: "
            f"{indices.min()} to {indices.max()}."
        )


def check_class_sizes(sizes: np.ndarray, *, matching: bool = True, different: bool = True) -> None:
    """Checks that there are pairs of items of one class, and of different classes.

    Args:
        sizes: Number of items of each class, at least 1, shape `(num_classes,)`.
        matching: Whether the first kind is needed.
        different: Whether the second kind is needed.

    Raises: ValueError: If there is none of a kind that is needed.
    """
    if different and len(sizes) == 1:
        raise ValueError(
            f"All {sizes.sum()} items have the same label, so no negative exists. "
            "Expected at least 2 classes."
        )
    if matching and sizes.max() == 1:
        raise ValueError(
            f"Each of the {len(sizes)} classes has one item only, so no positive exists. "
            "Expected at least one class with 2 items."
        )


def as_labels(labels: Any) -> Any:
    """Returns integer class ids of shape `(batch_size,)`, their integer type kept.

    Args:
        labels: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.

    Raises: ValueError: If the labels are no integers, or of another shape.
    """
    labels = _as_integers(labels)
    if getattr(labels.shape, "rank", 1) is None:
        # Keras's train and test functions after labels of both shapes.
        return ops.reshape(labels, (-1,))
    if len(labels.shape) == 2 and labels.shape[1] == 1:
        return ops.squeeze(labels, axis=1)
    if len(labels.shape) != 1:
        raise ValueError(
            "Labels must have shape (batch_size,) or (batch_size, 1). "
            f"Received: shape {tuple(labels.shape)}. "
            "For one-hot labels use `argmax(labels, axis=-1)`."
        )
    return labels


def is_text(array: np.ndarray) -> bool:
    """Whether an array holds strings, in any of NumPy's ways."""
    if array.dtype == object:
        return all(isinstance(value, str | bytes) for value in array.flat)
    return array.dtype.kind in "UST"


def as_label_table(labels: Any, shape: str, least_columns: int) -> Any:
    """Returns integer labels of which each item has several.

    Args:
        labels: Integers, shape `(batch_size, num_columns)`.
        shape: What to call the shape in an error.
        least_columns: Least number of columns.

    Raises: ValueError: If the labels are no integers, or of another shape.
    """
    labels = _as_integers(labels)
    if len(labels.shape) != 2 or labels.shape[1] < least_columns:
        raise ValueError(
            f"Labels must have shape {shape}, with {least_columns} columns or more. "
            f"Received: shape {tuple(labels.shape)}."
        )
    return labels


def _as_integers(labels: Any) -> Any:
    if isinstance(labels, list | tuple) and not any(map(ops.is_tensor, labels)):
        labels = np.asarray(labels)
    is_text = getattr(getattr(labels, "dtype", None), "kind", "") in ("U", "S", "O")
    labels = labels if is_text else ops.convert_to_tensor(labels)
    dtype = str(labels.dtype) if is_text else keras.backend.standardize_dtype(labels.dtype)
    if "int" not in dtype:
        raise ValueError(
            f"Labels must be integer class ids. Received: dtype {dtype}. "
            "Floats cannot hold all ids (16777217 is no float32): keep the labels integers; "
            "turn names into ids with `keras_siamese.data.encode_labels`."
        )
    return labels


def as_class_ids(labels: Any, num_classes: int, owner: str, training: bool = False) -> Any:
    """Returns labels that are places in a table of the classes, as int32; out of range, -1.

    Args:
        labels: Integers, shape `(batch_size,)`.
        num_classes: Number of classes.
        owner: Name of what has the table.
        training: Whether a TensorFlow graph, too, stops at a label that is out of range.

    Raises: ValueError: If a label is out of range, where that can be seen: not inside of a graph.
    """
    ids = ops.cast(labels, "int32")
    in_range = ops.logical_and(ids >= 0, ids < num_classes)
    is_kept = ops.cast(ids, keras.backend.standardize_dtype(labels.dtype)) == labels
    ids = ops.where(ops.logical_and(in_range, is_kept), ids, -1)
    is_right = ops.all(ids >= 0)
    message = (
        f"Labels must be 0 to {num_classes - 1}, for {owner} was made with "
        f"`num_classes={num_classes}`. Number the training classes from 0 "
        "(`keras_siamese.data.encode_labels`; of a source, `source.renumbered()`), or raise "
        "`num_classes`. Received:"
    )
    if not is_concrete(is_right):
        if training:
            assert_in_graph(is_right, message, labels)
    elif not bool(is_right):
        values = set(ops.convert_to_numpy(labels).tolist())
        wrong = sorted(value for value in values if not 0 <= value < num_classes)
        raise ValueError(f"{message} {wrong[:5]}.")
    return ids


def assert_in_graph(condition: Any, message: str, *values: Any) -> None:
    """Stops a TensorFlow graph that runs, unless XLA compiles it, where a condition is false.

    Args:
        condition: A bool tensor, a scalar.
        message: What to say.
        *values: Tensors to show after it.
    """
    if keras.backend.backend() == "tensorflow" and not inside_xla():
        import tensorflow as tf

        tf.debugging.Assert(condition, [message, *values])


def as_embeddings(embeddings: Any, name: str = "Embeddings") -> Any:
    """Returns embeddings of shape `(batch_size, embedding_dim)` in float32 or better.

    Args:
        embeddings: Floats of any width, shape `(batch_size, embedding_dim)`.
        name: What to call them in an error.

    Raises: ValueError: If the rank is not 2.
    """
    embeddings = ops.convert_to_tensor(embeddings)
    if len(embeddings.shape) != 2:
        raise ValueError(
            f"{name} must have shape (batch_size, embedding_dim). "
            f"Received: shape {tuple(embeddings.shape)}. End the encoder with "
            "`keras_siamese.encoders.embedding_head`, which pools what has more axes."
        )
    if keras.backend.standardize_dtype(embeddings.dtype) == "float64":
        return embeddings
    return ops.cast(embeddings, "float32")


def check_same_batch(rows: Any, embeddings: Any, name: str = "label") -> None:
    """Checks that there is one row for each embedding, where the shapes are known.

    Args:
        rows: Labels, weights or whatever else embeddings have one of each.
        embeddings: Shape `(batch_size, embedding_dim)`.
        name: What to call one of the rows in an error.

    Raises: ValueError: If the numbers differ.
    """
    num_rows, num_embeddings = rows.shape[0], embeddings.shape[0]
    if None not in (num_rows, num_embeddings) and num_rows != num_embeddings:
        raise ValueError(
            f"Expected one {name} for each embedding. Received: {num_rows} of them and "
            f"{num_embeddings} embeddings."
        )


def as_two_sets(
    labels: Any,
    embeddings: Any,
    candidate_labels: Any | None,
    candidates: Any | None,
    as_labels: Callable[[Any], Any] = as_labels,
) -> tuple[Any, Any, Any | None, Any | None]:
    """Returns the four as `as_labels` and `as_embeddings` do, the embeddings in one dtype.

    Args:
        labels: Labels of the anchors.
        embeddings: Anchors, shape `(num_anchors, embedding_dim)`.
        candidate_labels: Labels of the candidates, or None.
        candidates: Embeddings, shape `(num_candidates, embedding_dim)`, or None with their labels.
        as_labels: Checks labels and gives them their shape.

    Raises: ValueError: If labels are no integers, shapes do not match, or one of the last two is
        missing.
    """
    labels, embeddings = as_labels(labels), as_embeddings(embeddings)
    check_same_batch(labels, embeddings)
    if embeddings.shape[0] == 0:
        raise ValueError("The batch is empty. Expected at least one item. Received: 0 embeddings.")
    if (candidates is None) != (candidate_labels is None):
        raise ValueError("Give `candidates` and `candidate_labels` together, or neither.")
    if candidates is not None:
        candidate_labels = as_labels(candidate_labels)
        candidates = ops.cast(as_embeddings(candidates), embeddings.dtype)
        check_same_batch(candidate_labels, candidates)
    return labels, embeddings, candidate_labels, candidates


def check_finite(what: str, values: np.ndarray) -> None:
    """Checks that values computed by a model are finite.

    Args:
        what: What to call them in an error, with a capital letter: "Embeddings".
        values: Floats, shape `(num_rows, ...)`.

    Raises: ValueError: If one is NaN or infinite.
    """
    finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not finite.all():
        raise ValueError(
            f"{what} must be finite. Received: NaN or infinity in {np.count_nonzero(~finite)} of "
            f"{len(finite)} rows. Look for NaN in the inputs; if they are fine, training has "
            "diverged: lower the learning rate, or set `clipnorm` in the optimizer."
        )


def check_encoder_output(embeddings: Any) -> None:
    """Checks that an encoder gives one embedding for each item.

    Raises: ValueError: If it has several outputs, or one of another rank than 2.
    """
    if isinstance(embeddings, tuple | list | dict):
        raise ValueError(
            "The encoder must have one output of shape (batch_size, embedding_dim). "
            f"Received: {len(embeddings)} outputs. Make a `keras.Model` of the one to train."
        )
    if len(embeddings.shape) != 2:
        raise ValueError(
            "The encoder must give one embedding for each item: shape (batch_size, embedding_dim). "
            f"Received: shape {tuple(embeddings.shape)}. End it with "
            "`keras_siamese.encoders.embedding_head`, which pools what has more axes."
        )


def check_finite_loss(value: Any) -> None:
    """Checks that a loss is not NaN, where it can be looked at: not inside of a graph.

    Args:
        value: The loss, of any shape.

    Raises: ValueError: If it is.
    """
    if is_concrete(value) and bool(ops.any(ops.isnan(value))):
        raise ValueError(
            "The embeddings are not finite, or too large to square, so neither is the loss. "
            "Check the inputs for NaN, and lower the learning rate if it happened during "
            "training."
        )
