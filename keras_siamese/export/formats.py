"""The formats that an encoder is exported in: how each is written, and run again."""

import importlib.util
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

Run = Callable[[dict[str, np.ndarray]], np.ndarray]


class Format(ABC):
    """One format.

    Attributes:
        title: What people call it.
        keras_name: What Keras calls it.
        suffix: How the name of such a file ends; empty for a folder.
        packages: What has to be installed, by the names that they are imported by.
        takes_strings: Whether the inputs may be strings.
    """

    title: ClassVar[str]
    keras_name: ClassVar[str]
    suffix: ClassVar[str] = ""
    packages: ClassVar[tuple[str, ...]] = ()
    takes_strings: ClassVar[bool] = False

    def write(self, model: keras.Model, path: Path) -> None:
        """Writes a model.

        Args:
            model: A functional model.
            path: Where to.
        """
        model.export(str(path), format=self.keras_name, verbose=False)

    @abstractmethod
    def load(self, path: Path) -> Run:
        """Loads what was written.

        Args:
            path: Where it is.

        Returns: A function from inputs by name to the one output.
        """

    def check_packages(self) -> None:
        """Checks that what writes and runs the format is installed.

        Raises: ImportError: If it is not; the message has the command that does.
        """
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise ImportError(
                f"Export as {self.title} needs {', '.join(self.packages)}. Not installed: "
                f"{', '.join(missing)}. Use `pip install {' '.join(self.packages)}`."
            )


class SavedModel(Format):
    """TensorFlow's folder of a graph and its weights."""

    title = "SavedModel"
    keras_name = "tf_saved_model"
    takes_strings = True

    def load(self, path: Path) -> Run:
        """Loads what was written."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))

        def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
            # The variables live as long as `loaded` does.
            tensors = {name: tf.convert_to_tensor(array) for name, array in inputs.items()}
            (output,) = loaded.signatures["serving_default"](**tensors).values()
            return output.numpy()

        return run


class LiteRT(Format):
    """The format of phones and small devices, once TensorFlow Lite."""

    title = "LiteRT"
    keras_name = "litert"
    suffix = ".tflite"

    def load(self, path: Path) -> Run:
        """Loads what was written."""
        import tensorflow as tf

        with warnings.catch_warnings():
            # TensorFlow points to the package ai-edge-litert, where the same interpreter lives on.
            warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
            interpreter = tf.lite.Interpreter(str(path))
        runner = interpreter.get_signature_runner("serving_default")

        def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
            (output,) = runner(**inputs).values()
            return output

        return run


class ONNX(Format):
    """The format of ONNX Runtime and others."""

    title = "ONNX"
    keras_name = "onnx"
    suffix = ".onnx"
    packages = ("tf2onnx", "onnx", "onnxruntime")

    def write(self, model: keras.Model, path: Path) -> None:
        """Writes a model."""
        with warnings.catch_warnings():
            # Keras looks whether NumPy still has a name that tf2onnx uses.
            warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
            super().write(model, path)

    def load(self, path: Path) -> Run:
        """Loads what was written."""
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

        def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
            outputs: list[Any] = session.run(None, inputs)
            return outputs[0]

        return run


FORMATS: dict[str, Format] = {"savedmodel": SavedModel(), "litert": LiteRT(), "onnx": ONNX()}
