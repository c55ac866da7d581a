"""Export of an encoder to another runtime, with proof that it gives the same embeddings."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from keras_siamese.encoders.inference import inference_model, symbolic_inputs
from keras_siamese.export.float32 import in_float32
from keras_siamese.export.formats import FORMATS, Format
from keras_siamese.export.items import given_items, inputs_like, made_up_items
from keras_siamese.files import atomic_path
from keras_siamese.model import SiameseModel
from keras_siamese.ops.checks import check_choice, check_encoder_output, check_positive

_FLOAT16_TOLERANCE = 0.05  # bfloat16 keeps two digits


def export_encoder(
    model: keras.Model,
    path: str | os.PathLike[str],
    format: str = "savedmodel",
    *,
    preprocessing: keras.layers.Layer | None = None,
    check_on: Any = None,
    tolerance: float = 1e-5,
    overwrite: bool = False,
) -> float:
    """Writes an encoder, preprocessing included, as a file that needs neither Keras nor this code.

    The file is loaded again and run on a few items, all at once and one alone. Only if it gives the
    embeddings of the encoder's `predict` does it appear at `path`.

    Layers inside the encoder that preprocess (`Rescaling`, `Resizing`, `Normalization`,
    `TextVectorization`) are exported with it. So is the mode: nothing trains, nothing is dropped or
    augmented. Batches may have any size. Inputs keep their names; a nameless one is called `items`.

    Embeddings are float32. An encoder of mixed precision is exported in float32 altogether, as its
    weights are, and compared with what it gives in float32: neither LiteRT nor ONNX computes
    float16 as TensorFlow does.

    Args:
        model: A `SiameseModel`, or the encoder: a built `keras.Model` with one output of shape
            `(batch_size, embedding_dim)`.
        path: Where to write: a folder for a SavedModel, a name that ends in `.tflite` or `.onnx`
            for the others. Its folder is created if need be.
        format: `"savedmodel"` (the default), `"litert"` or `"onnx"`. The last needs the packages
            tf2onnx, onnx and onnxruntime. Only a SavedModel takes strings.
        preprocessing: A layer or model to put in front of the encoder, such as
            `keras.layers.Rescaling(1 / 255)`. The exported inputs are its own: those of a model
            with a `keras.Input`; of other layers, inputs like `check_on` or, without it, like the
            encoder's. Defaults to none.
        check_on: A few items to compare on, as the exported encoder takes them: an array, or a
            structure of arrays for several inputs. Real ones are best. They are needed for strings,
            for images of any size, and for a subclassed encoder. Defaults to random ones: normal
            floats, or integers.
        tolerance: Greatest difference of any number in an embedding, as a fraction of the greatest
            norm of an embedding; for embeddings of norm 1, the difference itself. Defaults to 1e-5.
        overwrite: Whether to replace what is at `path`. A folder is replaced only if it is a
            SavedModel. Defaults to False.

    Returns: The greatest difference that was found, in the unit of `tolerance`.

    Raises:
        ValueError: If the embeddings differ by more, the format cannot hold the encoder, or an
            argument does not fit. Nothing is left behind.
        FileExistsError: If something is at `path` that is not to be replaced.
        ImportError: If a package is missing.

    Example:
        >>> rescaling = keras.layers.Rescaling(1 / 255)
        >>> images = np.zeros((4, 28, 28, 1), "uint8")
        >>> export_encoder(model, "encoder", preprocessing=rescaling, check_on=images)

        As a SavedModel, on TensorFlow (keep `loaded` as long as it is used) or TensorFlow Serving:

        >>> loaded = tf.saved_model.load("encoder")
        >>> embeddings = loaded.serve(images)

        As `"encoder.tflite"`, with the package ai-edge-litert. The runner gives the inputs the size
        of the batch; interpreters of other languages call it `resize_tensor_input`, and start at 1:

        >>> interpreter = ai_edge_litert.interpreter.Interpreter("encoder.tflite")
        >>> runner = interpreter.get_signature_runner("serving_default")
        >>> embeddings = runner(items=images)["output_0"]

        As `"encoder.onnx"`, with the package onnxruntime:

        >>> session = onnxruntime.InferenceSession("encoder.onnx")
        >>> (embeddings,) = session.run(None, {"items": images})
    """
    target, path = FORMATS[check_choice("format", format, FORMATS)], Path(path)
    check_positive("tolerance", tolerance)
    encoder = model.encoder if isinstance(model, SiameseModel) else model
    if not isinstance(encoder, keras.Model):
        raise ValueError(f"`model` must be a `keras.Model`. Received: {encoder!r}.")
    if preprocessing is not None and not isinstance(preprocessing, keras.layers.Layer):
        raise ValueError(
            f"`preprocessing` must be a layer or model of Keras. Received: {preprocessing!r}."
        )
    inputs = _find_inputs(encoder, preprocessing, check_on)
    _check_strings(target, inputs)
    items = made_up_items(inputs) if check_on is None else given_items(check_on, inputs)
    target.check_packages()
    _check_path(target, path, overwrite)

    wide = in_float32(encoder)
    expected = _embeddings_of(wide, preprocessing, items)
    served = inference_model(wide, inputs, preprocessing)
    if wide is not encoder:
        narrow = _embeddings_of(encoder, preprocessing, items)
        if not _difference([narrow], [expected]) <= _FLOAT16_TOLERANCE:
            raise ValueError(
                f"{encoder.name!r} gives other embeddings in float32 than in mixed precision. "
                "Build it under the policy 'float32', give it the weights, and export that."
            )
    names = [tensor.name for tensor in tree.flatten(served.input)]
    batches = _batches(dict(zip(names, tree.flatten(items), strict=True)), expected)
    with atomic_path(path) as temporary:
        found = _write_and_run(target, served, temporary, [batch for batch, _ in batches])
        difference = _difference(found, [rows for _, rows in batches])
        if not difference <= tolerance:
            raise ValueError(
                f"The {target.title} gives other embeddings than the encoder: they differ by "
                f"{difference:.3g} of the greatest norm. Expected: {tolerance:g} at most. Look for "
                "a layer that is random, or that the format rounds, or raise `tolerance`. Nothing "
                f"was written to {str(path)!r}."
            )
        if path.is_dir():  # which, other than a file, cannot be replaced in one step
            os.replace(path, temporary.parent / "replaced")
    return difference


def _find_inputs(encoder: keras.Model, preprocessing: Any, check_on: Any) -> Any:
    """Returns symbolic inputs as the exported encoder has them."""
    inputs = symbolic_inputs(encoder if preprocessing is None else preprocessing)
    if inputs is None and check_on is not None:
        return inputs_like(check_on)
    if inputs is None:
        inputs = symbolic_inputs(encoder)
    if inputs is None:
        raise ValueError(
            f"The inputs of {encoder.name!r} are not known, for it is no functional or sequential "
            "model with a `keras.Input`. Give a few items: `check_on=...`."
        )
    return inputs


def _check_strings(target: Format, inputs: Any) -> None:
    if not target.takes_strings and any(x.dtype == "string" for x in tree.flatten(inputs)):
        raise ValueError(
            f"{target.title} takes no strings. Received: an encoder of strings. Use "
            '`format="savedmodel"`, or export an encoder of numbers and turn strings into those '
            "before it (see `keras_siamese.encoders.text`)."
        )


def _check_path(target: Format, path: Path, overwrite: bool) -> None:
    """Checks that a format may be written to a path."""
    suffixes = {".keras", ".h5", *(other.suffix for other in FORMATS.values())} - {target.suffix}
    if path.suffix in suffixes - {""} or not path.name.endswith(target.suffix) or not path.name:
        expected = f"a name that ends in {target.suffix!r}" if target.suffix else "a folder"
        raise ValueError(f"`path` of a {target.title} must be {expected}. Received: {str(path)!r}.")
    if not path.exists():
        return
    if not overwrite:
        raise FileExistsError(f"{str(path)!r} exists. Use `overwrite=True` to replace it.")
    if path.is_dir() and (target.suffix or not (path / "saved_model.pb").is_file()):
        raise FileExistsError(f"{str(path)!r} is a folder, and no SavedModel to replace.")


def _embeddings_of(encoder: keras.Model, preprocessing: Any, items: Any) -> np.ndarray:
    """Returns what the encoder itself gives, as `predict` does: in a graph.

    Eagerly, Keras's `Resizing` rounds 8-bit images to whole numbers.
    """

    def embed(items: Any) -> Any:
        features = items if preprocessing is None else preprocessing(items, training=False)
        embeddings = encoder(features, training=False)
        check_encoder_output(embeddings)
        return tf.cast(embeddings, "float32")

    tensors = tree.map_structure(tf.convert_to_tensor, items)
    embeddings = tf.function(embed, autograph=False)(tensors).numpy()
    if not np.isfinite(embeddings).all():
        raise ValueError(
            "The encoder gives embeddings that are not finite, so none can be compared. Check "
            "the weights, and give items that it can embed: `check_on=...`."
        )
    return embeddings


def _batches(
    items: dict[str, np.ndarray], expected: np.ndarray
) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Returns batches of two sizes, with the embeddings of each."""
    places = [range(max(2, len(expected))), range(1)]
    return [
        ({name: x.take(place, axis=0, mode="wrap") for name, x in items.items()}, rows)
        for place in places
        for rows in [expected.take(place, axis=0, mode="wrap")]
    ]


def _write_and_run(
    target: Format, model: keras.Model, path: Path, batches: list[dict[str, np.ndarray]]
) -> list[np.ndarray]:
    """Returns what the written file gives for each batch."""
    try:
        target.write(model, path)
        run = target.load(path)
        return [run(batch) for batch in batches]
    except Exception as error:  # whatever a converter or runtime raises
        reason = str(error).strip() or type(error).__name__
        raise ValueError(
            f"{target.title} cannot hold the encoder {model.name!r}. Leave out the layers that it "
            f"lacks, or use another `format`. Reason: {reason[:500]}"
        ) from error


def _difference(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Returns the greatest difference of a number, over the greatest norm of a row."""
    if any(a.shape != b.shape for a, b in zip(found, expected, strict=True)):
        return float("inf")
    found, expected = ([x.astype("float64") for x in arrays] for arrays in (found, expected))
    differences = [np.abs(a - b).max() for a, b in zip(found, expected, strict=True)]
    norm = np.linalg.norm(expected[0], axis=1).max()
    return float(np.max(differences) / (norm or 1.0))
