"""A model named on the command line."""

import warnings
from pathlib import Path

import keras


def load_model(path: str) -> keras.Model:
    """Loads a model.

    Args:
        path: Of a `.keras` file.

    Raises: ValueError: If there is none, or it cannot be loaded.
    """
    if not Path(path).is_file():
        raise ValueError(f"Expected a saved model, a .keras file. Received: {path!r}, no file.")
    try:
        with warnings.catch_warnings():
            # A model that was compiled and never trained; its optimizer has no part in embedding.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return keras.saving.load_model(path)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            f"Expected a saved model, a .keras file. Received: {path!r}, which cannot be loaded: "
            f"{error}"
        ) from error
