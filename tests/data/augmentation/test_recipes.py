import keras
import numpy as np
import pytest

from keras_siamese.data.augmentation.recipes import grey_augmentation, natural_augmentation

RECIPES = [grey_augmentation, natural_augmentation]


def pictures(*shape):
    """Smooth random images in [0.2, 0.8]."""
    coarse = np.random.default_rng(0).uniform(0.2, 0.8, (shape[0], 5, 5, shape[3]))
    return np.asarray(keras.ops.image.resize(coarse, shape[1:3])).astype("float32")


@pytest.mark.parametrize("recipe", RECIPES)
def test_pictures_change_lightly_each_in_its_own_way(recipe):
    images = np.repeat(pictures(1, 32, 32, 3), 64, axis=0)
    augment = recipe(seed=0)
    augmented = np.asarray(augment(images, training=True))
    assert augmented.shape == images.shape and augmented.dtype == "float32"
    assert augmented.min() >= 0 and augmented.max() <= 1
    assert len(np.unique(augmented.round(4).reshape(64, -1), axis=0)) == 64
    assert 0.01 < abs(augmented - images).mean() < 0.15
    np.testing.assert_allclose(augment(images, training=False), images)


@pytest.mark.parametrize("recipe", RECIPES)
def test_strength(recipe):
    images = pictures(64, 32, 32, 3)
    changes = [
        abs(np.asarray(recipe(strength, seed=0)(images, training=True)) - images).mean()
        for strength in (0.25, 1, 2)
    ]
    assert 1.2 * changes[0] < changes[1] < changes[2] / 1.2
    assert np.isfinite(np.asarray(recipe(4.9)(images, training=True))).all()
    for strength in (0, 5, -1, float("nan")):
        with pytest.raises(ValueError, match="`strength` must be"):
            recipe(strength)


@pytest.mark.parametrize("recipe", RECIPES)
def test_seeds(recipe):
    images = pictures(4, 16, 16, 3)
    draws = [np.asarray(recipe(seed=seed)(images, training=True)) for seed in (1, 1, 2, None)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any() and (draws[0] != draws[3]).any()


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_are_saved_with_a_model(recipe, tmp_path):
    images = pictures(4, 16, 16, 3)
    model = keras.Sequential([keras.Input((16, 16, 3)), recipe(2, seed=7)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded(images, training=True), model(images, training=True), atol=1e-6
    )


def test_grey_images_keep_their_background():
    for ink, paper in ((1.0, 0.0), (0.0, 255.0)):
        images = np.full((8, 28, 28, 1), paper, "float32")
        images[:, 10:18, 13:15] = ink
        augmented = np.asarray(grey_augmentation(seed=0)(images, training=True))
        np.testing.assert_allclose(augmented[:, [0, -1]], paper, rtol=1e-6)
        inked = abs(augmented - paper).sum(axis=(1, 2, 3)) / abs(ink - paper)
        assert ((inked > 8) & (inked < 28)).all()  # of 16 pixels


def test_natural_images_are_shifted_in_whole_pixels_and_mirrored():
    # No colour to jitter but brightness: each image is a constant, and one bright column.
    images = np.full((200, 32, 32, 3), 0.4, "float32")
    images[:, :, 11] = 0.6
    augmented = np.asarray(natural_augmentation(seed=0)(images, training=True))[:, 16, :, 0]
    bright = augmented > augmented.mean(axis=1, keepdims=True) + 0.05
    assert (bright.sum(axis=1) == 1).all()
    columns = set(bright.argmax(axis=1).tolist())
    # By up to 4 to either side of 11, or mirrored, of 20.
    assert columns == {*range(7, 16), *range(16, 25)}


def test_bytes():
    images = (255 * pictures(16, 8, 8, 3)).astype("uint8")
    augmented = np.asarray(natural_augmentation(2, value_range=(0, 255))(images, training=True))
    assert augmented.min() >= 0 and augmented.max() <= 255
    assert augmented.std() > 25


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 0)])
def test_colours_start_from_black(value_range):
    with pytest.raises(ValueError, match="`value_range` must begin with 0"):
        natural_augmentation(value_range=value_range)
