"""Checks of what is given to `compile`, `fit`, `evaluate` and `predict` of a SiameseModel."""

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from keras_siamese.data import Source
from keras_siamese.encoders import has_unit_norm
from keras_siamese.inputs import is_pair_of_items, is_unlabelled
from keras_siamese.losses import MetricLoss
from keras_siamese.metrics import EmbeddingMetric
from keras_siamese.ops.checks import check_same_values, is_text

NO_CLASS_WEIGHT = (
    "`class_weight` has no meaning for triplets and views, which have no labels, nor for items of "
    "several labels. Expected one class id of each item; else use `sample_weight`."
)


def check_loss(loss: Any, loss_weights: Any, encoder: keras.Model) -> Any:
    """Returns the one loss of `compile`.

    Raises: ValueError: If there are several, it gives no scalar, or its margin is out of reach for
        the encoder's embeddings.
    """
    if isinstance(loss, tuple | list | dict):
        losses = tree.flatten(loss)
        if len(losses) != 1:
            raise ValueError(
                f"A SiameseModel has one output, so one loss. Received: {len(losses)} losses. "
                "For a sum use `keras_siamese.losses.WeightedSum`."
            )
        loss = losses[0]
    if isinstance(loss, MetricLoss):
        if loss.reduction == "none":
            raise ValueError('The loss must be a scalar. Received: `reduction="none"`. Use "mean".')
        if loss_weights is not None:
            raise ValueError("`loss_weights` has no meaning with the one loss of a SiameseModel.")
        loss.check_margin(unit_norm=has_unit_norm(encoder))
    return loss


def check_metrics(metrics: Any, weighted_metrics: Any) -> None:
    """Tells whole-set metrics that the model computes them.

    Raises: ValueError: If one of them is among `weighted_metrics`.
    """
    if any(isinstance(metric, EmbeddingMetric) for metric in tree.flatten(weighted_metrics)):
        raise ValueError(
            "Metrics over whole sets have no weighted form. Received: one of them in "
            "`weighted_metrics`. Give it as `metrics`."
        )
    for metric in tree.flatten(metrics):
        if isinstance(metric, EmbeddingMetric):
            metric.computed_by_model = True


def bind_data(method: Any, args: Any, kwargs: Any, encoder: keras.Model) -> inspect.BoundArguments:
    """Binds the arguments of `fit`, `evaluate` or `predict`, so that none of them is lost.

    Sources to evaluate or to embed become their batches.
    """
    call = inspect.signature(method).bind(*args, **kwargs)
    _check_end(call.arguments, "x", "steps_per_epoch" if method.__name__ == "fit" else "steps")
    _check_end(call.arguments, "validation_data", "validation_steps")
    _open_sources(call.arguments, is_fit=method.__name__ == "fit")
    for name in {"x", "y", "validation_data"} & set(call.arguments):
        call.arguments[name] = as_texts(call.arguments[name])
    x, y = call.arguments.get("x"), call.arguments.get("y")
    weights = call.arguments.get("sample_weight")
    if call.arguments.get("class_weight") is not None and is_unlabelled(x, encoder):
        raise ValueError(NO_CLASS_WEIGHT)
    if y is None and isinstance(x, tuple | list):
        if call.arguments.get("class_weight") is not None:
            raise ValueError(NO_CLASS_WEIGHT)
        if weights is not None:  # Keras drops the weights of data without labels.
            if is_pair_of_items(x, encoder):
                raise ValueError(
                    "Weights of (x1, x2) without labels would be lost. Expected `same` for pairs: "
                    "1 for a match and 0 for none. For weights of two views of each item, use a "
                    "data set of batches ((x1, x2), None, sample_weight)."
                )
            call.arguments["y"] = np.zeros(len(weights))
        # An encoder that says nothing of its inputs may embed tuples.
        if is_pair_of_items(x, encoder) and method.__name__ != "predict":
            _check_alike(*x)
    elif y is not None and is_pair_of_items(x, encoder):
        check_same_values(y)
    return call


def _check_end(arguments: dict[str, Any], name: str, steps: str) -> None:
    """Checks that an endless dataset, which Keras would read forever, has its steps stated."""
    data = arguments.get(name)
    if not isinstance(data, tf.data.Dataset) or arguments.get(steps) is not None:
        return
    if data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"The dataset `{name}` never ends. Expected `{steps}`. Received: None. Give it, or "
            "leave out `.repeat()`; `pk_batches` takes `steps_per_epoch` too."
        )


def _check_alike(x1: Any, x2: Any) -> None:
    """Checks that two views, given without labels, are not items and their labels."""
    shapes = [tuple(part.shape) for part in (x1, x2) if hasattr(part, "shape")]
    if len(shapes) == 2 and shapes[0][1:] != shapes[1][1:]:
        raise ValueError(
            "Expected two views of each item, or the two items of each pair, of one shape. "
            f"Received: `x` as a tuple of shapes {shapes[0]} and {shapes[1]}. If "
            "these are items and their labels, give them one after the other, as in `*test`."
        )


def _open_sources(arguments: dict[str, Any], is_fit: bool) -> None:
    if is_fit and isinstance(arguments.get("x"), Source):
        raise ValueError(
            "Training needs batches with several items of each class, which a source does not say. "
            "Received: a source as `x`. Use `keras_siamese.data.pk_batches(source, "
            "classes_per_batch=16, examples_per_class=8)`."
        )
    for name, size in (("x", "batch_size"), ("validation_data", "validation_batch_size")):
        source = arguments.get(name)
        if isinstance(source, Source):
            arguments[name] = source.batches(arguments.get(size) or 256)


def as_texts(x: Any) -> Any:
    """Returns a nest with the lists and arrays of strings in it as tensors.

    Of strings, Keras takes tensors, and arrays of `str` objects, alone.
    """

    def convert(part: Any) -> Any:
        if isinstance(part, list) and part and all(isinstance(one, str | bytes) for one in part):
            part = np.array(part, object)
        if not isinstance(part, np.ndarray):
            return None  # goes on inside
        return tf.constant(part.astype(object)) if is_text(part) else None

    return tree.traverse(convert, x)
