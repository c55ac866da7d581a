import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.augmentation.random_warp import RandomWarp

HEIGHT, WIDTH = 24, 40
# Images whose two channels say where a pixel is, so that a warped one says where it came from.
GRID = np.stack(np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), indexing="ij"), axis=-1)
CENTRE = np.array([HEIGHT - 1, WIDTH - 1]) / 2


def places(num_images=200, images=None, **sizes):
    """Where the pixels of each image came from, shape `(num_images, height, width, 2)`."""
    images = np.tile(GRID.astype("float32"), (num_images, 1, 1, 1)) if images is None else images
    return np.asarray(RandomWarp(**{"elastic": 0.0, "seed": 1, **sizes})(images))


def affine_maps(**sizes):
    """The matrix and the shift of each image, from pixels that came from inside of the border."""
    matrices, shifts = [], []
    for place in places(**sizes):
        inside = ((place > 0) & (place < [HEIGHT - 1, WIDTH - 1])).all(axis=-1)
        columns = np.column_stack([(GRID - CENTRE)[inside], np.ones(inside.sum())])
        solution, *_ = np.linalg.lstsq(columns, place[inside] - CENTRE, rcond=None)
        np.testing.assert_allclose(columns @ solution, place[inside] - CENTRE, atol=1e-3)
        matrices.append(solution[:2].T)
        shifts.append(solution[2])
    return np.array(matrices), np.array(shifts)


def test_nothing_is_nothing():
    images = np.random.default_rng(0).normal(size=(3, 7, 5, 2)).astype("float32")
    np.testing.assert_array_equal(RandomWarp(0.0)(images), images)


def assert_spans(values, limit):
    """They are uniform from `-limit` to `limit`: for 200, extremes and mean are near theirs."""
    assert (abs(values) <= limit * 1.001).all()
    assert values.min() < -0.9 * limit and values.max() > 0.9 * limit
    assert abs(values.mean()) < 0.2 * limit


def test_rotation():
    matrices, shifts = affine_maps(rotation=0.05)
    angles = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
    assert_spans(angles, 0.05 * 2 * np.pi)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-3)
    assert abs(matrices @ matrices.swapaxes(1, 2) - np.eye(2)).max() < 1e-3
    assert abs(shifts).max() < 1e-2


def test_zoom():
    matrices, _ = affine_maps(zoom=0.2)
    assert_spans(matrices[:, 0, 0] - 1, 0.2)
    assert abs(matrices - matrices[:, :1, :1] * np.eye(2)).max() < 1e-3


def test_shear():
    matrices, _ = affine_maps(shear=0.3)
    # Rows keep their height: columns move by a share of it.
    assert_spans(matrices[:, 1, 0], 0.3)
    matrices[:, 1, 0] = 0
    assert abs(matrices - np.eye(2)).max() < 1e-3


def test_translation():
    matrices, shifts = affine_maps(translation=0.1)
    assert_spans(shifts[:, 0], 0.1 * HEIGHT)
    assert_spans(shifts[:, 1], 0.1 * WIDTH)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.2
    assert abs(matrices - np.eye(2)).max() < 1e-3


def test_elastic():
    # Away from the border, where they are cut.
    moved = (places(elastic=0.03) - GRID)[:, 4:-4, 4:-4]
    deviations = moved.std(axis=(0, 1, 2)) / [HEIGHT, WIDTH]
    assert ((0.6 * 0.03 < deviations) & (deviations < 1.1 * 0.03)).all()
    assert (abs(moved.mean(axis=(0, 1, 2))) < 0.1).all()
    # Rows and columns, and images, move for themselves; neighbours move together.
    assert abs(np.corrcoef(moved[..., 0].ravel(), moved[..., 1].ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(moved[:-1].ravel(), moved[1:].ravel())[0, 1]) < 0.1
    assert np.corrcoef(moved[:, 1:].ravel(), moved[:, :-1].ravel())[0, 1] > 0.95
    assert np.corrcoef(moved[:, :, 1:].ravel(), moved[:, :, :-1].ravel())[0, 1] > 0.95


def test_pixels_are_interpolated_between_four(rng):
    values = rng.normal(size=(5, HEIGHT, WIDTH, 1)).astype("float32")
    images = np.concatenate([np.tile(GRID, (5, 1, 1, 1)), values], axis=-1).astype("float32")
    sizes = {"rotation": 0.05, "zoom": 0.1, "shear": 0.1, "translation": 0.05, "elastic": 0.03}
    warped = places(images=images, **sizes)
    for image, result in zip(values[..., 0], warped.reshape(5, -1, 3), strict=True):
        for row, column, value in result[::7]:
            top, left = min(int(row), HEIGHT - 2), min(int(column), WIDTH - 2)
            down, right = row - top, column - left
            upper = (1 - right) * image[top, left] + right * image[top, left + 1]
            lower = (1 - right) * image[top + 1, left] + right * image[top + 1, left + 1]
            assert value == pytest.approx((1 - down) * upper + down * lower, abs=1e-3)


def test_beyond_the_border_is_the_border():
    images = np.full((4, 9, 9, 1), 7.0, "float32")
    warp = RandomWarp(0.1, rotation=0.1, translation=0.5)
    np.testing.assert_allclose(warp(images), images, rtol=1e-6)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (2, 1, 5, 3), (2, 6, 1, 1), (9, 8, 3), (0, 4, 4, 1)]
)
def test_shapes(shape):
    warped = RandomWarp(rotation=0.1)(np.ones(shape, "float32"))
    np.testing.assert_allclose(warped, np.ones(shape), rtol=1e-6)


def test_one_layer_takes_images_of_all_sizes_and_kinds():
    warp = RandomWarp(0.1, seed=0)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype="uint8")
    warped = np.asarray(warp(images))
    assert warped.dtype == "float32" and 100 < warped.max() <= 255
    assert warp(images[0]).shape == (8, 8, 3)
    assert warp(np.ones((2, 5, 6, 1), "float32")).shape == (2, 5, 6, 1)
    half = RandomWarp(0.1, dtype="float16")(images)
    assert half.dtype == "float16" and np.isfinite(half).all()


def test_only_training_warps():
    images = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype("float32")
    warp = RandomWarp(0.1)
    np.testing.assert_array_equal(warp(images, training=False), images)
    assert (np.asarray(warp(images)) != images).any()
    model = keras.Sequential([keras.Input((6, 6, 1)), warp])
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)
    assert model.output_shape == (None, 6, 6, 1)


def test_seeds():
    images = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype("float32")
    first, same, other = (RandomWarp(seed=seed) for seed in (1, 1, 2))
    one, two = np.asarray(first(images)), np.asarray(first(images))
    assert (one != two).any()
    np.testing.assert_array_equal(same(images), one)
    np.testing.assert_array_equal(same(images), two)
    assert (np.asarray(other(images)) != one).any()


def test_graphs_without_a_batch_size():
    images = np.random.default_rng(0).normal(size=(6, 5, 5, 2)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(4).map(RandomWarp(seed=3))
    assert dataset.element_spec.shape == (None, 5, 5, 2)
    warp = RandomWarp(seed=3)
    for part, warped in zip((images[:4], images[4:]), dataset, strict=True):
        np.testing.assert_allclose(warped, warp(part), atol=1e-5)


def test_saved_models(tmp_path):
    sizes = {"elastic": 0.01, "rotation": 0.1, "zoom": 0.2, "shear": 0.3, "translation": 0.4}
    model = keras.Sequential([keras.Input((6, 6, 1)), RandomWarp(**sizes, seed=5)])
    model.save(tmp_path / "model.keras")
    (warp,) = keras.saving.load_model(tmp_path / "model.keras").layers
    assert {name: getattr(warp, name) for name in sizes} == sizes
    assert warp.seed == 5


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"elastic": -0.1}, "`elastic` must be a finite number above 0"),
        ({"rotation": float("nan")}, "`rotation` must be"),
        ({"zoom": 1.0}, "`zoom` must be a finite number above 0 and below 1"),
        ({"shear": "0.1"}, "`shear` must be"),
    ],
)
def test_bad_sizes(sizes, message):
    with pytest.raises(ValueError, match=message):
        RandomWarp(**sizes)
