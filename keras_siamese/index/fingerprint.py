"""Fingerprints of encoders, by which an index knows the one that its vectors are of."""

import hashlib
import json
from typing import Any

import keras
import numpy as np
from keras import ops

# Of a configuration: what has no part in the embeddings, or is there only after building.
_LEFT_OUT = {"build_config", "compile_config", "registered_name", "trainable", "shared_object_id"}
_NAMES = ("name", "keras_history", "input_layers", "output_layers")
_PROBED_WEIGHTS, _PROBED_VALUES = 32, 64


def fingerprint(encoder: keras.Model) -> str:
    """Returns a SHA-256 of what decides the embeddings, in hexadecimal.

    It covers the values, shapes and dtypes of all weights in their order, the configuration of all
    layers, and vocabularies. It is the same in every process and after saving and loading; names of
    layers, which depend on what else a program made before, play no part.

    Args:
        encoder: A built model.
    """
    digest = hashlib.sha256()
    for weight in encoder.weights:
        value = np.ascontiguousarray(_to_numpy(weight))
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.reshape(-1).view(np.uint8).data)
    for layer in encoder._flatten_layers():
        if hasattr(layer, "get_vocabulary"):
            digest.update(json.dumps([str(word) for word in layer.get_vocabulary()]).encode())
    digest.update(_structure(encoder).encode())
    return digest.hexdigest()


def probe(encoder: keras.Model) -> int:
    """Returns a number that training changes, from a few values of some weights: a quick look."""
    # The last ones are those that training changes where anything is frozen.
    weights = encoder.weights[::-1]
    some = weights[:: -(-len(weights) // _PROBED_WEIGHTS) or 1]
    few = [_to_numpy(ops.reshape(weight, (-1,))[:_PROBED_VALUES]).tobytes() for weight in some]
    return hash(b"".join(few))


def _to_numpy(weight: Any) -> np.ndarray:
    value = ops.convert_to_numpy(weight)
    return value if value.dtype.kind in "fiub" else value.astype(np.float32)  # bfloat16


def _structure(encoder: keras.Model) -> str:
    """Returns the configuration as text, layers numbered in order instead of named."""
    try:
        config = keras.saving.serialize_keras_object(encoder)
    except (NotImplementedError, TypeError, ValueError):  # A subclass without `get_config`.
        return type(encoder).__name__
    numbers: dict[str, int] = {}

    def plain(value: Any, is_name: bool) -> Any:
        if isinstance(value, dict):
            return {
                key: plain(part, is_name or key in _NAMES)
                for key, part in value.items()
                if key not in _LEFT_OUT
            }
        if isinstance(value, list | tuple):
            return [plain(part, is_name) for part in value]
        if is_name and isinstance(value, str):
            return numbers.setdefault(value, len(numbers))
        return value if isinstance(value, str | int | float | bool | None) else repr(type(value))

    return json.dumps(plain(config, False), sort_keys=True)
