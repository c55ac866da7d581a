import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_siamese import SiameseModel, encoders
from keras_siamese.export import export_encoder, formats

SUFFIX = {"savedmodel": "", "litert": ".tflite", "onnx": ".onnx"}
FORMATS = list(SUFFIX)


@pytest.fixture(scope="module", autouse=True)
def onnx_is_installed():
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        pytest.importorskip(package)


def randomize(model):
    """Statistics of batch normalisation that differ from those of a batch."""
    rng = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(0)
    return randomize(encoders.convnet((8, 8, 3), embedding_dim=4, filters=(3,)))


def run(format, path, **inputs):
    """Runs a file as the docstring of `export_encoder` says."""
    if format == "savedmodel":
        loaded = tf.saved_model.load(str(path))
        (x,) = inputs.values()
        return loaded.serve(x).numpy()
    if format == "onnx":
        import onnxruntime

        (embeddings,) = onnxruntime.InferenceSession(str(path)).run(None, inputs)
        return embeddings
    return formats.FORMATS["litert"].load(path)(inputs)


@pytest.fixture(scope="module", params=FORMATS)
def images(request, encoder, tmp_path_factory):
    """8-bit images of any size: the preprocessing in front, and the file."""
    preprocessing = keras.Sequential(
        [
            keras.Input((None, None, 3), dtype="uint8"),
            layers.Resizing(8, 8),
            layers.Rescaling(1 / 255),
        ]
    )
    x = np.random.default_rng(0).integers(256, size=(5, 11, 9, 3)).astype("uint8")
    path = tmp_path_factory.mktemp("new") / "folder" / f"encoder{SUFFIX[request.param]}"
    model = SiameseModel(encoder)
    difference = export_encoder(model, path, request.param, preprocessing=preprocessing, check_on=x)
    assert 0 <= difference < 1e-6
    assert [child.name for child in path.parent.iterdir()] == [path.name]
    expected = encoder.predict(preprocessing.predict(x, verbose=0), verbose=0)
    return request.param, path, x, expected


def test_preprocessing_and_sizes_of_batches(images):
    format, path, x, expected = images
    for size in (5, 1, 2):
        embeddings = run(format, path, items=x[:size])
        assert embeddings.dtype == "float32"
        assert embeddings == pytest.approx(expected[:size], abs=1e-6)
    # The file has its preprocessing, so that images of another size are not cut.
    assert run(format, path, items=x[:3, :8, :8]).shape == (3, 4)


@pytest.mark.parametrize("format", FORMATS)
def test_several_inputs(format, tmp_path):
    left, right = keras.Input((3,), name="zebra"), keras.Input((2,), dtype="int32", name="ant")
    features = layers.Concatenate()([left, layers.Flatten()(layers.Embedding(4, 2)(right))])
    encoder = keras.Model([left, right], layers.Dense(2)(features))
    path = tmp_path / f"x{SUFFIX[format]}"
    assert export_encoder(encoder, path, format) < 1e-6
    x = [np.ones((3, 3), "float32"), np.array([[0, 1], [3, 2], [2, 2]], "int32")]
    assert export_encoder(encoder, path, format, check_on=x, overwrite=True) < 1e-6
    if format != "savedmodel":
        embeddings = run(format, path, zebra=x[0], ant=x[1])
        assert embeddings == pytest.approx(encoder(x).numpy(), abs=1e-5)
    with pytest.raises(ValueError, match="structure of the 2 inputs"):
        export_encoder(encoder, tmp_path / "other", check_on=x[0])


@pytest.mark.parametrize("format", FORMATS)
def test_mixed_precision_becomes_float32(format, tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        encoder = randomize(encoders.convnet((8, 8, 1), embedding_dim=4, filters=(3,)))
    finally:
        keras.config.set_dtype_policy(policy)
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype("float32")
    path = tmp_path / f"x{SUFFIX[format]}"
    assert export_encoder(encoder, path, format, check_on=x) < 1e-6
    embeddings = run(format, path, items=x)
    assert embeddings.dtype == "float32"
    assert embeddings == pytest.approx(encoder(x, training=False).numpy(), abs=1e-2)


class TestStrings:
    TEXTS = ("where is my card", "how do I top up")

    def test_saved_model(self, tmp_path):
        encoder = encoders.text(list(self.TEXTS), 4)
        export_encoder(encoder, tmp_path / "text", check_on=["my card", "up", ""])
        loaded = tf.saved_model.load(str(tmp_path / "text"))
        x = tf.constant(["WHERE, card?"])
        assert loaded.serve(x).numpy() == pytest.approx(encoder(x).numpy(), abs=1e-6)
        assert "texts" in loaded.signatures["serving_default"].structured_input_signature[1]

    @pytest.mark.parametrize("format", ["litert", "onnx"])
    def test_others_take_none(self, tmp_path, format):
        encoder = encoders.text(list(self.TEXTS), 4)
        path = tmp_path / f"x{SUFFIX[format]}"
        with pytest.raises(ValueError, match="takes no strings"):
            export_encoder(encoder, path, format, check_on=["a"])
        with pytest.raises(ValueError, match="takes no strings"):  # not: give some to try it on
            export_encoder(encoder, path, format)
        assert not list(tmp_path.iterdir())

    def test_need_items(self, tmp_path):
        with pytest.raises(ValueError, match="Strings cannot be made up"):
            export_encoder(encoders.text(list(self.TEXTS), 4), tmp_path / "x")


def test_resizing_inside_leaves_inference_mode(tmp_path):
    # Keras's own export of this one normalises by the statistics of the batch.
    encoder = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Resizing(2, 2),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
        ]
    )
    x = np.random.default_rng(0).normal(3, size=(5, 4, 4, 1)).astype("float32")
    export_encoder(randomize(encoder), tmp_path / "x", check_on=x)
    embeddings = tf.saved_model.load(str(tmp_path / "x"))
    assert embeddings.serve(x).numpy() == pytest.approx(encoder(x, training=False).numpy())


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs["a"] + inputs["b"])


def test_subclassed_encoder(tmp_path):
    encoder = Subclassed()
    x = {"a": np.ones((3, 4)), "b": np.arange(12.0).reshape(3, 4)}
    encoder({name: array[:1] for name, array in x.items()})
    with pytest.raises(ValueError, match=r"inputs .* are not known.*check_on"):
        export_encoder(encoder, tmp_path / "x")
    export_encoder(encoder, tmp_path / "x", check_on=x)
    signature = tf.saved_model.load(str(tmp_path / "x")).signatures["serving_default"]
    assert set(signature.structured_input_signature[1]) == {"a", "b"}


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class Noise(layers.Layer):
    def call(self, inputs):
        return inputs + 1e-4 * keras.random.uniform(keras.ops.shape(inputs))


def dense(*behind):
    return keras.Sequential([keras.Input((3,)), layers.Dense(2), *behind])


class TestDifferences:
    def test_error_and_nothing_left(self, tmp_path):
        for overwrite in (False, True):
            with pytest.raises(ValueError, match=r"gives other embeddings.*they differ by"):
                export_encoder(dense(Noise()), tmp_path / "x", overwrite=overwrite)
            assert not list(tmp_path.iterdir())

    def test_what_was_there_stays(self, tmp_path):
        export_encoder(dense(), tmp_path / "x")
        before = (tmp_path / "x" / "saved_model.pb").read_bytes()
        with pytest.raises(ValueError, match="differ by"):
            export_encoder(dense(Noise()), tmp_path / "x", overwrite=True)
        assert (tmp_path / "x" / "saved_model.pb").read_bytes() == before
        assert [child.name for child in tmp_path.iterdir()] == ["x"]

    def test_tolerance(self, tmp_path):
        x = np.ones((3, 3))
        difference = export_encoder(dense(Noise()), tmp_path / "x", check_on=x, tolerance=0.1)
        assert 0 < difference < 1e-2

    @pytest.mark.parametrize("num_items", [1, 3])
    @pytest.mark.parametrize("wrong", [np.nan, 1e-3])
    def test_any_wrong_number(self, tmp_path, monkeypatch, num_items, wrong):
        # A file that is right for one size of batch only.
        monkeypatch.setattr(formats.SavedModel, "write", lambda *_: None)
        encoder = dense()

        def load(_, path):
            def run(inputs):
                (x,) = inputs.values()
                embeddings = encoder(x).numpy()
                embeddings[-1, -1] += wrong * (len(x) != num_items)
                return embeddings

            return run

        monkeypatch.setattr(formats.SavedModel, "load", load)
        with pytest.raises(ValueError, match="differ by"):
            export_encoder(encoder, tmp_path / "x", check_on=np.ones((num_items, 3)))

    def test_batch_size_that_is_fixed(self, tmp_path, monkeypatch):
        monkeypatch.setattr(formats.SavedModel, "write", lambda *_: None)
        monkeypatch.setattr(formats.SavedModel, "load", lambda *_: lambda _: np.zeros((1, 2)))
        with pytest.raises(ValueError, match="differ by inf"):
            export_encoder(dense(), tmp_path / "x")

    def test_operations_that_the_format_lacks(self, tmp_path):
        encoder = keras.Sequential([keras.Input((3,)), Digamma()])
        with pytest.raises(ValueError, match=r"LiteRT cannot hold the encoder.*Digamma"):
            export_encoder(encoder, tmp_path / "x.tflite", "litert")
        assert not list(tmp_path.iterdir())

    def test_embeddings_that_are_not_finite(self, tmp_path):
        with pytest.raises(ValueError, match="not finite"):
            export_encoder(dense(), tmp_path / "x", check_on=[[1.0, np.nan, 0.0]])


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class Digamma(layers.Layer):
    def call(self, inputs):
        return tf.math.digamma(keras.ops.abs(inputs) + 1)


class TestPaths:
    def test_overwrite(self, tmp_path):
        path = tmp_path / "x"
        export_encoder(dense(), path)
        with pytest.raises(FileExistsError, match="overwrite=True"):
            export_encoder(dense(), path)
        other = dense()
        export_encoder(other, path, overwrite=True)
        x = np.ones((2, 3), "float32")
        loaded = tf.saved_model.load(str(path))
        assert loaded.serve(x).numpy() == pytest.approx(other(x).numpy())
        assert [child.name for child in tmp_path.iterdir()] == ["x"]

    def test_a_file_is_replaced_in_one_step(self, tmp_path, monkeypatch):
        path, replaced, replace = tmp_path / "x.tflite", [], os.replace
        path.write_text("old")
        monkeypatch.setattr(os, "replace", lambda a, b: (replaced.append(b), replace(a, b)))
        export_encoder(dense(), path, "litert", overwrite=True)
        assert replaced == [path] and path.read_bytes() != b"old"

    def test_other_folders_are_not_replaced(self, tmp_path):
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "me.jpg").write_text("!")
        for name, format in (("photos", "savedmodel"), ("folder.tflite", "litert")):
            (tmp_path / name).mkdir(exist_ok=True)
            with pytest.raises(FileExistsError, match="no SavedModel"):
                export_encoder(dense(), tmp_path / name, format, overwrite=True)
        assert (tmp_path / "photos" / "me.jpg").exists()

    @pytest.mark.parametrize(
        ("name", "format"),
        [
            ("x.tflite", "savedmodel"),
            ("x.keras", "savedmodel"),
            ("x", "onnx"),
            ("x.onnx", "litert"),
        ],
    )
    def test_suffixes(self, tmp_path, name, format):
        with pytest.raises(ValueError, match=r"`path` of a .* must be"):
            export_encoder(dense(), tmp_path / name, format)


class TestArguments:
    def test_format(self, tmp_path):
        with pytest.raises(ValueError, match="Did you mean 'onnx'"):
            export_encoder(dense(), tmp_path / "x", "onxx")

    def test_model(self, tmp_path):
        with pytest.raises(ValueError, match=r"must be a `keras.Model`"):
            export_encoder(layers.Dense(2), tmp_path / "x")
        with pytest.raises(ValueError, match="one output"):
            inputs = keras.Input((3,))
            export_encoder(keras.Model(inputs, [inputs, inputs]), tmp_path / "x")

    def test_preprocessing(self, tmp_path):
        with pytest.raises(ValueError, match="layer or model"):
            export_encoder(dense(), tmp_path / "x", preprocessing=lambda x: x / 255)
        # A layer without inputs of its own takes the dtype of the items.
        x = np.array([[0, 100, 255]], "uint8")
        export_encoder(dense(), tmp_path / "x", preprocessing=layers.Rescaling(1 / 255), check_on=x)
        signature = tf.saved_model.load(str(tmp_path / "x")).signatures["serving_default"]
        assert signature.structured_input_signature[1]["items"].dtype == "uint8"
        # Without items, it takes those of the encoder.
        export_encoder(dense(), tmp_path / "y", preprocessing=layers.Rescaling(1 / 255))

    def test_tolerance(self, tmp_path):
        with pytest.raises(ValueError, match="`tolerance` must be"):
            export_encoder(dense(), tmp_path / "x", tolerance=0)
