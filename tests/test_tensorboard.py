"""The Projector as a user sees it, in a real TensorBoard and a real browser."""

import keras
import numpy as np
import pytest
from browser import Projector, chromium, needs_browser, tensorboard, wait_for
from sklearn.datasets import load_digits

import keras_siamese as ks

pytestmark = needs_browser

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TRICKY = [
    "tab\there",
    "line\nend",
    "\r\nreturns\r",
    'é "<b>bold</b>"',
    "<img src=x onerror='window.hacked = true'>",
    "<script>window.hacked = true</script>",
    "日本 🙂",
    "'quoted' & \\t",
    "",
]


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return (images.reshape(-1, 8, 8, 1) / 16).astype("float32")[:600], labels[:600]


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory, digits):
    """Three runs: digits by epoch, the same as two sets, and labels that try to break out."""
    log_dir = tmp_path_factory.mktemp("logs")
    x, y = digits
    keras.utils.set_random_seed(0)
    model = ks.SiameseModel(ks.encoders.convnet(x.shape[1:], embedding_dim=8))
    model.compile("adam", ks.losses.TripletLoss(0.5))
    batches = ks.data.pk_batches(
        x, y, classes_per_batch=10, examples_per_class=8, steps_per_epoch=20, seed=0
    )
    projector = ks.callbacks.EmbeddingProjector(
        log_dir, (x, y), every_n_epochs=1, class_names=NAMES, name="digits"
    )
    model.fit(batches, epochs=2, verbose=0, callbacks=[projector])
    sets = {"gallery": (x[:400], y[:400]), "queries": (x[400:], y[400:])}
    ks.callbacks.EmbeddingProjector(
        log_dir, sets, name="sets", class_names=NAMES, images=None, max_points=300
    ).write(model)
    vectors = np.random.default_rng(0).normal(size=(len(TRICKY) * 3, 2)).astype("float32")
    identity = keras.Sequential([keras.Input((2,)), keras.layers.Identity()])
    ks.callbacks.EmbeddingProjector(log_dir, (vectors, TRICKY * 3), name="tricky").write(identity)
    return log_dir


@pytest.fixture(scope="module")
def tools(log_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    with (
        tensorboard(log_dir, folder / "output.txt") as url,
        chromium(folder / "profile") as browser,
    ):
        yield browser, url


@pytest.fixture
def projector(tools):
    browser, url = tools
    browser.errors()
    projector = Projector(browser, url)
    yield projector
    assert projector.complaints() == []
    assert browser.errors() == []


def test_every_run_shows_its_points(projector):
    sizes = {"digits": 600, "sets": 300, "tricky": 27}
    assert projector.options("runs found") == list(sizes)
    for run, size in sizes.items():
        projector.choose("runs found", run)
        assert projector.num_points() == size


def test_labels_colour_the_points(projector):
    projector.choose("runs found", "sets")
    plain = projector.colours()
    for column, values in {"label": NAMES, "set": ["gallery", "queries"]}.items():
        projector.choose("Color by", column)
        legend = projector.legend()
        assert sorted(legend) == sorted(values)
        assert len(set(legend.values())) == len(values)
        colours = projector.colours()
        assert colours >= set(legend.values()) and not plain & set(legend.values())
    assert projector.options("Color by")[2:] == [
        *("label", "item", "set"),
        *("predicted_label", "nearest_is_correct", "distance_to_centre"),
    ]


def test_a_saved_view_colours_the_points_by_one_click(projector):
    projector.choose("runs found", "sets")
    projector.use_bookmark("coloured by label")
    assert projector.chosen("Color by") == "label"
    assert projector.colours() >= set(projector.legend().values())
    projector.use_bookmark("coloured by nearest_is_correct")
    assert projector.chosen("Color by") == "nearest_is_correct"
    assert "1" in projector.legend() and set(projector.legend()) <= {"0", "1"}
    assert projector.num_points() == 300
    # The snapshots that are chosen then are coloured alike, and labelled as before.
    projector.choose("runs found", "digits")
    for snapshot in ("epoch_002", "final"):
        projector.choose("tensors found", snapshot)
        assert projector.chosen("Color by") == "nearest_is_correct"
        assert projector.chosen("Label by") == "label"


def test_pictures_are_drawn(projector):
    """Without pictures, points are discs of one colour, and no grey one."""
    greys = {}
    for run in ("sets", "digits"):
        projector.choose("runs found", run)
        colours = [c for c in projector.colours() if max(c) - min(c) < 3 and 20 < c[0] < 240]
        greys[run] = len(colours)
    projector.choose("tensors found", "final")
    projector.choose("Color by", "label")
    projector.browser.screenshot("projector")
    assert greys["digits"] > 20 > 5 > greys["sets"]


def test_another_snapshot_is_another_tensor_of_the_same_points(projector, log_dir):
    projector.choose("runs found", "digits")
    assert projector.options("tensors found") == ["epoch_001", "epoch_002", "final"]
    for snapshot in ("epoch_001", "final"):
        projector.choose("tensors found", snapshot)
        request = f"/tensor?run=digits&name={snapshot}&"
        assert any(request in address for address in projector.browser.requests())
        written = np.fromfile(log_dir / "digits" / f"{snapshot}.bytes", "<f4").reshape(600, 8)
        np.testing.assert_array_equal(projector.vectors(), written)
        assert "label zero" in " ".join(projector.card_of(0)) and projector.num_points() == 600
    earlier = np.fromfile(log_dir / "digits" / "epoch_001.bytes", "<f4").reshape(600, 8)
    assert np.abs(earlier - written).max() > 0.1


def test_labels_of_any_text_are_shown_and_not_executed(projector):
    projector.choose("runs found", "tricky")
    projector.choose("Color by", "label")
    shown = [
        *("tab here", "line end", "returns", 'é "<b>bold</b>"'),
        "<img src=x onerror='window.hacked = true'>",
        "<script>window.hacked = true</script>",
        *("日本 🙂", "'quoted' & \\t", "(empty)"),
    ]
    legend = projector.legend()
    assert list(legend) == shown
    # Embeddings of two dimensions are drawn, too.
    assert projector.colours() >= set(legend.values())
    for point, label in enumerate(shown):
        title, *rows = projector.card_of(len(TRICKY) + point)
        assert title == label and rows[:2] == [f"label {label}", f"item {len(TRICKY) + point}"]
    projector.browser.screenshot("tricky_labels")
    assert not projector.browser.script("return 'hacked' in window")


def test_a_running_tensorboard_shows_a_new_snapshot(tools, log_dir, digits):
    browser, url = tools
    x, y = (part[:300] for part in digits)
    model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Flatten()])
    written = ks.callbacks.EmbeddingProjector(log_dir, (x, y), name="digits_later")
    written.write(model, "first")
    wait_for(lambda: "digits_later" in Projector(browser, url).options("runs found"), "the run")
    written.write(model, "second")
    projector = Projector(browser, url)
    projector.choose("runs found", "digits_later")
    assert projector.options("tensors found") == ["first", "second"]
