"""embedding_head: any backbone becomes an encoder, or an error says why not."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_siamese.encoders import embedding_head


@keras.saving.register_keras_serializable(package="test_head")
class TwoLayers(keras.Model):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.norm = layers.BatchNormalization()
        self.dense = layers.Dense(units)

    def build(self, input_shape):
        self.norm.build(input_shape)
        self.dense.build(input_shape)

    def call(self, inputs, training=None):
        return self.dense(self.norm(inputs, training=training))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def subclassed():
    backbone = TwoLayers()
    backbone(np.zeros((3, 4), "float32"))  # built on data: the batch of 3 must not stick
    return backbone


def functional():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(6)(inputs))


BACKBONES = {
    "sequential": lambda: keras.Sequential([keras.Input((4,)), layers.Dense(6)]),
    "functional": functional,
    "subclassed": subclassed,
}


@pytest.mark.parametrize("kind", BACKBONES)
def test_backbone_becomes_an_encoder(kind, rng, tmp_path):
    backbone = BACKBONES[kind]()
    encoder = embedding_head(backbone, embedding_dim=5, dropout=0.5, name="encoder")
    assert encoder.name == "encoder"
    assert encoder.output_shape == (None, 5)

    x = rng.normal(size=(7, 4)).astype("float32")
    kernel, bias = (np.asarray(w) for w in encoder.get_layer("projection").weights)
    wanted = np.asarray(backbone(x)) @ kernel + bias
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    embeddings = encoder.predict(x, verbose=0)
    np.testing.assert_allclose(embeddings, wanted, atol=1e-5)

    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), embeddings)
    assert not np.allclose(loaded(x, training=True), wanted, atol=1e-3)  # dropout is at work


def test_keras_application(rng):
    backbone = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    encoder = embedding_head(backbone, embedding_dim=8)
    x = rng.uniform(size=(2, 32, 32, 3)).astype("float32")
    pooled = np.asarray(backbone(x)).mean(axis=(1, 2))
    kernel, bias = (np.asarray(w) for w in encoder.get_layer("projection").weights)
    wanted = pooled @ kernel + bias
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder(x), wanted, atol=1e-4)


@pytest.mark.parametrize("middle", [(3,), (3, 2), (2, 3, 2)])
def test_middle_axes_are_averaged(middle, rng):
    encoder = embedding_head(
        keras.Sequential([keras.Input((*middle, 4)), layers.Rescaling(2.0)]), 5, normalize=False
    )
    x = rng.normal(size=(3, *middle, 4)).astype("float32")
    projection = encoder.get_layer("projection")
    wanted = projection(2.0 * x.reshape(3, -1, 4).mean(axis=1))
    np.testing.assert_allclose(encoder(x), wanted, atol=1e-5)


def test_pooling_leaves_padding_out():
    backbone = keras.Sequential(
        [keras.Input((None,), dtype="int32"), layers.Embedding(9, 4, mask_zero=True)]
    )
    encoder = embedding_head(backbone, 5)
    short, padded = np.array([[3, 7]]), np.array([[3, 7, 0, 0]])
    np.testing.assert_allclose(encoder(padded), encoder(short), atol=1e-6)


def test_several_inputs(rng):
    inputs = {"image": keras.Input((4,), name="image"), "size": keras.Input((2,), name="size")}
    backbone = keras.Model(inputs, layers.Concatenate()([inputs["image"], inputs["size"]]))
    encoder = embedding_head(backbone, 5)
    batch = {"size": rng.normal(size=(3, 2)), "image": rng.normal(size=(3, 4))}
    assert encoder.predict(batch, verbose=0).shape == (3, 5)


def test_backbone_is_shared_and_can_be_frozen(rng):
    backbone = subclassed()
    encoder = embedding_head(backbone, 5)
    backbone.trainable = False
    assert {id(v) for v in encoder.trainable_variables} == {
        id(v) for v in encoder.get_layer("projection").variables
    }
    backbone.trainable = True
    before = np.asarray(backbone.norm.moving_mean).copy()
    encoder(rng.normal(loc=5.0, size=(8, 4)).astype("float32"), training=True)
    assert (np.asarray(backbone.norm.moving_mean) > before).all()  # training mode reaches it


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("normalize", [True, False])
def test_trains_in_mixed_precision_and_gives_float32(policy, normalize, rng, dtype_policy):
    dtype_policy(policy)
    encoder = embedding_head(functional(), 3, normalize=normalize)
    assert encoder.get_layer("projection").compute_dtype == "float32"
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 3))
    before = [np.asarray(v).copy() for v in encoder.trainable_variables]
    encoder.compile("sgd", "mse")
    encoder.fit(x, y, batch_size=8, verbose=0)
    embeddings = encoder(x)
    assert embeddings.dtype == "float32"
    assert np.isfinite(embeddings).all()
    for old, new in zip(before, encoder.trainable_variables, strict=True):
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new)


def test_bad_backbones():
    with pytest.raises(ValueError, match=r"is not built.*`keras.Input\(shape\)`"):
        embedding_head(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="is not built"):
        embedding_head(TwoLayers())
    with pytest.raises(ValueError, match=r"must be a `keras.Model`"):
        embedding_head(layers.Dense(3))
    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match=r"one output.*\(None, 4\), \(None, 3\).*Cut the backbone"):
        embedding_head(keras.Model(inputs, [inputs * 2, layers.Dense(3)(inputs)]))
    with pytest.raises(ValueError, match=r"rank 5 at most"):
        embedding_head(keras.Sequential([keras.Input((2, 2, 2, 2, 4)), layers.Rescaling(1.0)]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embedding_dim": 0}, "`embedding_dim`.*at least 1"),
        ({"embedding_dim": 2.5}, "`embedding_dim`.*integer"),
        ({"dropout": 1.0}, "`dropout`.*below 1"),
        ({"dropout": -0.1}, "`dropout`"),
        ({"dropout": float("nan")}, "`dropout`"),
        ({"dropout": True}, "`dropout`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        embedding_head(functional(), **arguments)
