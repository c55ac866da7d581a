"""An encoder of mixed precision, turned into one of float32."""

from typing import Any

import keras

_NARROW = ("float16", "bfloat16")
_POLICIES = {*_NARROW, *(f"mixed_{dtype}" for dtype in _NARROW)}


def in_float32(model: keras.Model) -> keras.Model:
    """Returns a model with the same weights whose layers compute in float32.

    Args:
        model: Any built `keras.Model`.

    Returns: The model itself if none of its layers computes in float16 or bfloat16.

    Raises: ValueError: If it does and cannot be rebuilt from its configuration.
    """
    if not any(layer.compute_dtype in _NARROW for layer in model._flatten_layers()):
        return model
    try:
        config = keras.saving.serialize_keras_object(model)
        wide = keras.saving.deserialize_keras_object(_widened(config), safe_mode=False)
        wide.set_weights(model.get_weights())
    except Exception as error:
        raise ValueError(
            f"The mixed-precision model {model.name!r} cannot be rebuilt in float32 from its "
            "configuration. Build it under the policy 'float32', and give it the weights "
            f"(`set_weights`). Reason: {error}"
        ) from error
    return wide


def _widened(config: Any) -> Any:
    """Returns a configuration with all dtypes and policies below float32 replaced by it."""
    if isinstance(config, list | tuple):
        return type(config)(map(_widened, config))
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"]["name"] in _POLICIES:
        return {**config, "config": {"name": "float32"}}
    return {
        key: "float32" if key == "dtype" and str(value) in _POLICIES else _widened(value)
        for key, value in config.items()
    }
