"""Items to try an exported encoder on: those given, or made up."""

from typing import Any

import keras
import numpy as np
from keras import tree

from keras_siamese.ops.checks import is_text

_NUM_MADE_UP = 4


def given_items(items: Any, inputs: Any) -> Any:
    """Returns items as arrays, in the structure and dtypes of the inputs.

    Args:
        items: An array, tensor or list of items, or as many of those as there are inputs.
        inputs: Symbolic inputs.

    Raises: ValueError: If they do not fit the inputs, there are none, or the inputs have not as
        many each.
    """
    arrays = [
        _as_array(part, tensor)
        for part, tensor in zip(_parts(items, inputs), tree.flatten(inputs), strict=True)
    ]
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            "`check_on` must hold one item or more, and as many of each input. Received: "
            f"{[len(array) for array in arrays]}."
        )
    return tree.pack_sequence_as(inputs, arrays)


def made_up_items(inputs: Any) -> Any:
    """Returns a few random items: standard normal floats, 8-bit integers of 0 to 255, other 0 or 1.

    Args:
        inputs: Symbolic inputs.

    Raises: ValueError: If they are strings or of unknown shape, which cannot be made up.
    """
    return tree.map_structure(_make_up, inputs)


def inputs_like(items: Any) -> Any:
    """Returns symbolic inputs of the shapes and dtypes of items: several of a dict or tuple."""
    if isinstance(items, dict):
        return {name: _input_like(part) for name, part in items.items()}
    if isinstance(items, tuple):
        return tuple(map(_input_like, items))
    return _input_like(items)


def _parts(items: Any, inputs: Any) -> list[Any]:
    """Returns the items of each input, in the order of the flattened inputs."""
    if isinstance(inputs, dict):
        fits = isinstance(items, dict) and set(items) == set(inputs)
        pairs = [(items[key], inputs[key]) for key in sorted(inputs)] if fits else []
    elif isinstance(inputs, list | tuple):
        fits = isinstance(items, list | tuple) and len(items) == len(inputs)
        pairs = list(zip(items, inputs, strict=True)) if fits else []
    else:
        return [items]
    if not fits:
        raise ValueError(
            f"`check_on` must have the structure of the {len(inputs)} inputs: "
            f"{tree.map_structure(lambda tensor: tensor.name, inputs)}. Received: {type(items)}."
        )
    return [part for pair in pairs for part in _parts(*pair)]


def _as_array(items: Any, tensor: Any) -> np.ndarray:
    array = np.asarray(items)
    if tensor.dtype == "string":
        fits = is_text(array)
        array = array.astype(object)
    else:
        fits = array.dtype != object and np.can_cast(array.dtype, tensor.dtype, "same_kind")
        array = array.astype(tensor.dtype) if fits else array
    shape = tensor.shape[1:]
    fits = fits and array.ndim == len(shape) + 1
    if not fits or any(b not in (None, a) for a, b in zip(array.shape[1:], shape, strict=True)):
        raise ValueError(
            f"`check_on` must be items as the encoder takes them: {tensor.dtype}, shape "
            f"{('num_items', *shape)}. Received: {array.dtype}, shape {array.shape}."
        )
    return array


def _make_up(tensor: Any) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape, dtype = tensor.shape[1:], tensor.dtype
    if dtype == "string" or None in shape:
        what = "Strings" if dtype == "string" else f"Items of shape {shape}"
        raise ValueError(
            f"{what} cannot be made up to try the file on. Give a few items: `check_on=...`."
        )
    size = (_NUM_MADE_UP, *shape)
    if keras.backend.is_float_dtype(dtype):
        return rng.normal(size=size).astype(dtype)
    return rng.integers(256 if dtype == "uint8" else 2, size=size).astype(dtype)


def _input_like(items: Any) -> Any:
    array = np.asarray(items)
    dtype = "string" if is_text(array) else str(array.dtype)
    dtype = "float32" if dtype == "float64" else dtype
    return keras.KerasTensor((None, *array.shape[1:]), dtype)
