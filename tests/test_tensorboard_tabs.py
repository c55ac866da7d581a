"""The tabs Scalars, Images, Histograms and HParams as a user sees them, in a real browser."""

import re

import keras
import keras_tuner as kt
import pytest
from browser import Browser, chromium, needs_browser, tensorboard, wait_for
from sklearn.datasets import load_digits

import keras_siamese as ks
from keras_siamese.tuning import SiameseHyperModel

pytestmark = [*needs_browser, pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")]

MARGINS = (0.25, 0.75)


def train(log_dir):
    """Two trainings with all callbacks that write summaries, and a search of two trials.

    Returns: The history of each training, by margin.
    """
    images, y = load_digits(return_X_y=True)
    x = (images.reshape(-1, 8, 8, 1) / 16).astype("float32")
    gallery, queries = (x[600:900], y[600:900]), (x[900:960], y[900:960])
    batches = ks.data.pk_batches(
        x[:600], y[:600], classes_per_batch=8, examples_per_class=4, steps_per_epoch=3, seed=0
    )

    def encoder(dim):
        return ks.encoders.convnet(x.shape[1:], embedding_dim=dim, filters=(8, 16))

    keras.utils.set_random_seed(0)
    histories = {}
    for margin in MARGINS:
        model = ks.SiameseModel(encoder(8))
        model.compile("adam", ks.losses.TripletLoss(margin), metrics=[ks.metrics.RecallAtK(1)])
        logs = log_dir / f"margin_{margin}"
        callbacks = [
            ks.callbacks.TrainingDiagnostics(logs),
            ks.callbacks.RetrievalEvaluation(queries, gallery, log_dir=logs),
            ks.callbacks.EmbeddingPictures(logs, queries, num_queries=3, k=4, map_method="pca"),
            ks.callbacks.HyperParameters(logs),
        ]
        histories[margin] = model.fit(
            batches, validation_data=queries, epochs=2, verbose=0, callbacks=callbacks
        ).history
    hypermodel = SiameseHyperModel(encoder, embedding_dims=(4, 16))
    tuner = kt.RandomSearch(
        hypermodel, hypermodel.objective, max_trials=2, directory=log_dir.parent / "search", seed=0
    )
    callbacks = [
        ks.callbacks.RetrievalEvaluation(queries, gallery),
        ks.callbacks.HyperParameters(log_dir / "search"),
    ]
    tuner.search(batches, validation_data=queries, epochs=1, verbose=0, callbacks=callbacks)
    return histories


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """Yields browser, address and histories."""
    folder = tmp_path_factory.mktemp("tabs")
    histories = train(folder / "logs")
    with (
        tensorboard(folder / "logs", folder / "output.txt") as url,
        chromium(folder / "profile") as browser,
    ):
        yield browser, url, histories


@pytest.fixture
def browser(tools):
    tools[0].errors()
    yield tools[0]
    assert tools[0].errors() == []


def test_scalars_are_drawn_under_their_names(browser, tools):
    url = tools[1]
    browser.open(f"{url}#scalars")
    browser.one("tf-scalar-card")
    groups = {text.split("\n")[0] for text in browser.texts("button.heading")}
    assert {"batch", "loss", "retrieval"} <= groups
    assert not any(name.startswith("batch_") for name in groups)
    browser.one("tf-tag-filterer").click()
    browser.type("retrieval/")
    shown = {"retrieval/map_at_r", "retrieval/recall_at_1", "retrieval/recall_at_5"}
    wait_for(lambda: shown <= set(tags(browser, "tf-scalar-card")), "the figures of retrieval")
    wait_for(
        lambda: len(browser.values("path.line", "x.getAttribute('d')")) >= 2 * len(shown),
        "the curves",
    )
    # A curve of two epochs has two points.
    assert all("L" in path for path in browser.values("path.line", "x.getAttribute('d')"))
    browser.screenshot("scalars")


def test_pictures_are_shown(browser, tools):
    browser.open(f"{tools[1]}#images")
    names = ["distances", "map", "neighbours", "roc", "triplets"]
    expected = {(f"margin_{margin}/pictures", f"pictures/{x}") for margin in MARGINS for x in names}
    found = "[x.run, x.tag]"
    wait_for(
        lambda: {tuple(x) for x in browser.values("tf-image-loader", found)} == expected,
        "a picture of each kind of each run",
    )
    sizes = "x.complete && x.naturalWidth"
    wait_for(
        lambda: [size > 200 for size in browser.values("img", sizes)] == [True] * len(expected),
        "the pictures",
    )
    browser.screenshot("images")


def test_histograms_are_drawn(browser, tools):
    browser.open(f"{tools[1]}#histograms")
    wait_for(
        lambda: (
            {"distances/positive", "distances/negative"} <= set(tags(browser, "tf-card-heading"))
        ),
        "the histograms",
    )
    # Two trainings of two epochs each.
    wait_for(lambda: len(browser.all("g.histogram path")) >= 2 * 4, "their curves")
    browser.screenshot("histograms")


def test_each_training_is_a_row_and_a_line(browser, tools):
    _, url, histories = tools
    browser.open(f"{url}#hparams")
    rows = wait_for(lambda: table(browser) if len(table(browser)) == 4 else None, "four rows")
    for margin, history in histories.items():
        row = rows[f"margin_{margin}/hparams"]
        assert float(row["margin"]) == margin and float(row["embedding_dim"]) == 8
        for name in ("retrieval_recall_at_1", "val_recall_at_1"):
            assert float(row[name]) == pytest.approx(history[name][-1], rel=1e-4)
    trials = [row for name, row in rows.items() if "trial" in name]
    assert {float(row["embedding_dim"]) for row in trials} <= {4, 16}
    assert len({row["margin"] for row in trials}) == 2
    browser.screenshot("hparams_table")

    next(x for x in browser.all("paper-tab") if "PARALLEL" in x.text).click()
    axes = wait_for(lambda: browser.texts(".axis-title"), "the axes")
    ticked = [name for name in next(iter(rows.values())) if name != "Show Metrics"]
    assert axes == ticked and {"margin", "embedding_dim", "retrieval_recall_at_1"} <= set(axes)
    lines = wait_for(lambda: browser.values(".foreground path", "x.getAttribute('d')"), "the lines")
    assert len(lines) == len(rows)
    for line in lines:
        assert len(re.findall("[ML]", line)) == len(axes) and "NaN" not in line
    browser.screenshot("hparams_parallel_coordinates")


def tags(browser: Browser, element: str) -> list[str]:
    return browser.values(element, "x.tag")


def table(browser: Browser) -> dict[str, dict[str, str]]:
    """Returns the rows of the HParams tab by their first cell."""
    cells = browser.texts("vaadin-grid-cell-content")
    starts = [i for i, cell in enumerate(cells) if re.search("/hparams$|^trial ", cell)]
    header = cells[1 : starts[0]] if starts else []
    return {
        cells[start]: dict(zip(header, cells[start + 1 : start + 1 + len(header)], strict=True))
        for start in starts
    }
