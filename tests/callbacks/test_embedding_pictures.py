import copy
import functools
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import _pylab_helpers
from small_model import batches_of, make_data, make_model

import keras_siamese as ks
from keras_siamese.callbacks import EmbeddingPictures
from keras_siamese.callbacks import embedding_pictures as module

X, Y = make_data()
ALL = {f"pictures/{name}" for name in ("triplets", "neighbours", "distances", "roc", "map")}
RNG = np.random.default_rng(0)


def make(log_dir, data=(X, Y), **options):
    return EmbeddingPictures(log_dir, data, **{"map_method": "pca", "k": 2, **options})


@functools.cache
def some_model():
    """A model of no matter which weights, whose programs are compiled once."""
    return make_model()


def fit(callbacks, model=None, epochs=2, **options):
    model = some_model() if model is None else model
    model.fit(batches_of((X, Y)), epochs=epochs, callbacks=callbacks, verbose=0, **options)
    return model


def images_of(directory):
    """Step -> tag -> picture."""
    found = {}
    for file in sorted(directory.glob("events*")):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                _, _, png = tf.make_ndarray(value.tensor)
                pictures = found.setdefault(event.step, {})
                assert value.tag not in pictures, "none is written twice"
                pictures[value.tag] = tf.io.decode_png(png).numpy()
    return found


def encoder_of(shape):
    """A model that takes items of some shape, and gives their first two numbers."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, keras.layers.Flatten()(inputs)[:, :2])


def draw(pictures, model, epoch=0):
    """Has a model drawn as it is."""
    pictures.set_model(model)
    pictures.on_train_begin()
    pictures.on_epoch_begin(epoch)
    pictures.on_epoch_end(epoch)
    pictures.on_train_end()


@pytest.fixture
def drawn(monkeypatch):
    """What the functions that draw were given: name -> arguments and keywords, in order."""
    calls = {}

    def watch(name):
        function = getattr(module, name)

        def watched(*args, **kwargs):
            calls.setdefault(name, []).append((args, kwargs))
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    for name in ("triplets", "neighbours", "distances", "roc"):
        watch(f"plot_{name}")
    watch("draw_embeddings")
    return calls


def test_all_pictures_are_there_after_due_epochs_and_after_training(tmp_path):
    fit([make(tmp_path, every_n_epochs=2)], epochs=5)
    found = images_of(tmp_path / "pictures")
    assert list(found) == [2, 4, 5]
    for pictures in found.values():
        assert set(pictures) == ALL
        for image in pictures.values():
            assert image.shape[2] == 3 and min(image.shape) > 0 and image.std() > 0


def test_some_pictures_after_training_only_and_never_twice(tmp_path):
    fit([make(tmp_path, pictures=["roc", "map"], every_n_epochs=0)])
    fit([make(tmp_path, pictures=["roc"], every_n_epochs=2, name="due")])
    assert {step: set(found) for step, found in images_of(tmp_path / "pictures").items()} == {
        2: {"pictures/roc", "pictures/map"}
    }
    assert list(images_of(tmp_path / "due")) == [2]


def test_the_last_pictures_are_of_the_weights_that_are_kept(tmp_path, drawn):
    restore = keras.callbacks.LambdaCallback(
        on_train_end=lambda logs: model.set_weights([0.5 * w for w in model.get_weights()])
    )
    model = make_model()
    fit([restore, make(tmp_path, every_n_epochs=0, pictures=["roc"])], model)
    ((args, options),) = drawn["plot_roc"]
    np.testing.assert_allclose(args[0], model.predict(X, verbose=0), atol=1e-6)
    assert options["title"].endswith("after training")


def test_what_is_drawn_is_the_model_as_it_is(tmp_path, drawn):
    names = ["ant", "bee", "cat", "dog"]
    model = make_model(loss=ks.losses.TripletLoss(0.5, distance="cosine"))
    fit([make(tmp_path, every_n_epochs=1, class_names=names, num_queries=4)], model, epochs=1)
    embeddings = model.predict(X, verbose=0)
    for name, ((args, options), *_) in drawn.items():
        if name == "draw_embeddings":
            assert args[0].class_names == names
            continue
        given = options["embeddings"] if name == "plot_triplets" else args[0]
        np.testing.assert_allclose(given, embeddings, atol=1e-6)
        assert options["distance"].name == "cosine" and "epoch 1" in options["title"]
        labels = options["labels"] if name == "plot_triplets" else args[1]
        np.testing.assert_array_equal(labels, np.array(names)[Y])
    assert drawn["plot_distances"][0][1]["limits"] == (0, 2)
    queries = drawn["plot_neighbours"][0][1]["queries"]
    assert sorted(Y[queries]) == [0, 1, 2, 3], "one query of each class"


def test_the_same_queries_and_items_each_time(tmp_path, drawn):
    twins = [make(tmp_path, every_n_epochs=1, max_points=20) for _ in range(2)]
    for pictures in twins:
        fit([pictures])
    calls = drawn["plot_neighbours"]
    assert len(calls) == 4
    for args, options in calls:
        np.testing.assert_array_equal(options["queries"], calls[0][1]["queries"])
        np.testing.assert_array_equal(args[1], calls[0][0][1])
        assert len(args[0]) == 20 and "20 items" in options["title"]
    other = make(tmp_path, seed=1, max_points=20)
    assert other._queries.tolist() != twins[0]._queries.tolist()


def test_a_map_is_turned_as_the_one_before(tmp_path, drawn):
    model = encoder_of((6,))
    x = RNG.normal(size=(30, 6)).astype("float32")
    pictures = make(tmp_path, (x, np.arange(30) % 3), every_n_epochs=1, pictures=["map"])
    pictures.set_model(model)
    pictures.on_train_begin()
    first, second = {}, {}
    original = model.predict
    for epoch, turn in enumerate([np.eye(2), [[0.0, -3.0], [-3.0, 0.0]]]):
        model.predict = lambda x, turn=turn, **_: original(x, verbose=0) @ turn
        pictures.on_epoch_begin(epoch)
        pictures.on_epoch_end(epoch)
    first, second = (args[0].panels[""] for args, _ in drawn["draw_embeddings"])
    np.testing.assert_allclose(second, 3 * first, atol=1e-4)


def test_a_gallery_is_searched_and_shown(tmp_path, drawn):
    gallery = X + 1, Y
    model = make_model()
    draw(make(tmp_path, gallery=batches_of(gallery), every_n_epochs=1), model)
    ((_, options),) = drawn["plot_neighbours"]
    embeddings, labels, items = options["gallery"]
    np.testing.assert_allclose(embeddings, model.predict(X + 1, verbose=0), atol=1e-6)
    np.testing.assert_array_equal(labels, Y)
    np.testing.assert_array_equal(items, X + 1)


def test_queries_are_items_with_a_match():
    labels = [0, 0, 1, 2, 3, 4]
    x = X[:6]
    pictures = make(None, (x, labels), num_queries=2)
    assert sorted(pictures._queries) == [0, 1]
    pictures = make(None, (x, labels), gallery=(x, [3, 4, 8, 8, 8, 8]), num_queries=2)
    assert sorted(pictures._queries) == [4, 5]
    with pytest.warns(UserWarning, match="no positive"):
        assert len(make(None, (x, range(6)), num_queries=2)._queries) == 2


@pytest.mark.parametrize(
    "items",
    [
        RNG.integers(0, 255, (12, 7, 5), "uint8"),
        RNG.integers(0, 255, (12, 8, 8, 3), "uint8"),
        RNG.random((12, 6, 9, 1)).astype("float32"),
        RNG.normal(size=(12, 9, 3, 3)).astype("float16"),
        RNG.normal(size=(12, 5)).astype("float32"),
        RNG.normal(size=(12, 2, 2, 2, 2)).astype("float32"),
    ],
    ids=lambda items: f"{items.dtype}{items.shape}",
)
def test_images_of_any_kind_and_other_items(tmp_path, items):
    data = items, np.arange(12) % 3
    draw(make(tmp_path, data, every_n_epochs=1), encoder_of(items.shape[1:]))
    assert set(images_of(tmp_path / "pictures")[1]) == ALL


def test_texts_and_items_of_several_parts(tmp_path, drawn):
    texts = np.array([f"{'long ' * (i % 5)}text {i} <b>ü日</b> $x$\t" for i in range(12)])
    inputs = keras.Input((), dtype="string")
    vectors = keras.layers.TextVectorization(
        vocabulary=["long", "text"], output_mode="count", standardize="lower"
    )(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(vectors))
    labels = np.array(["a", "b", "c"] * 4)
    for data in ((texts, labels), ks.data.from_arrays(texts, labels), batches_of((texts, labels))):
        draw(make(tmp_path, data, every_n_epochs=1), model)
    for run in ("pictures", "pictures_2", "pictures_3"):
        assert set(images_of(tmp_path / run)[1]) == ALL
    for args, _ in drawn["plot_triplets"]:
        shown = [x.decode() if isinstance(x, bytes) else x for x in args[0]]
        assert shown == texts.tolist()

    two = {"a": X, "b": X}
    parts = {name: keras.Input((6,), name=name) for name in two}
    model = keras.Model(parts, keras.layers.Add()(list(parts.values())))
    draw(make(tmp_path, (two, Y), every_n_epochs=1, name="parts"), model)
    assert set(images_of(tmp_path / "parts")[1]) == ALL


@pytest.mark.parametrize(
    ("labels", "left_out", "why"),
    [
        ([5] * 6, "['triplets', 'distances', 'roc']", "no negative exists"),
        (range(6), "['triplets', 'distances', 'roc']", "no positive exists"),
        ([0], "['triplets', 'neighbours', 'distances', 'roc']", "no negative exists"),
    ],
)
def test_what_cannot_be_drawn_is_left_out_and_said_once(tmp_path, labels, left_out, why):
    with pytest.warns(UserWarning) as warned:
        pictures = make(tmp_path, (X[: len(labels)], labels), every_n_epochs=1)
    (warning,) = warned
    assert left_out in str(warning.message) and why in str(warning.message)
    assert warning.filename == __file__
    fit([pictures, copy.deepcopy(pictures)])
    assert set(images_of(tmp_path / "pictures")[2]) == {f"pictures/{p}" for p in pictures.pictures}
    assert "map" in pictures.pictures


def test_embeddings_that_are_not_finite_are_said_and_training_goes_on(tmp_path):
    pictures = make(tmp_path, every_n_epochs=1)
    x = X.copy()
    spoiled = keras.Sequential(
        [keras.Input((6,)), keras.layers.Lambda(lambda x: x / keras.ops.zeros_like(x))]
    )
    with pytest.warns(UserWarning, match=r"lost the pictures of epoch 3: Embeddings must be finit"):
        draw(pictures, spoiled, epoch=2)
    draw(make(tmp_path, (x, Y), every_n_epochs=1), make_model())
    assert list(images_of(tmp_path / "pictures")) == [1]


def test_collapsed_and_huge_embeddings_are_drawn(tmp_path):
    for name, factor in (("collapsed", 0.0), ("huge", 1e12), ("tiny", 1e-20)):
        model = keras.Sequential([keras.Input((6,)), keras.layers.Rescaling(factor)])
        draw(make(tmp_path, every_n_epochs=1, name=name, map_method="tsne"), model)
        assert set(images_of(tmp_path / name)[1]) == ALL


def test_a_failing_disk_is_said_and_training_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="lost the summaries of epoch 1.*Training goes on"):
        fit([make(tmp_path / "file", every_n_epochs=1, pictures=["roc"])], epochs=1)


def test_without_a_directory_nothing_is_drawn(drawn):
    fit([make(None, every_n_epochs=1)], epochs=1)
    assert not drawn


def test_no_figure_stays_with_pyplot(tmp_path):
    fit([make(tmp_path, every_n_epochs=1)], epochs=1)
    assert not _pylab_helpers.Gcf.figs


def test_a_copy_shares_the_items_and_a_second_fit_and_a_resumed_one_have_their_runs(tmp_path):
    pictures = make(tmp_path, gallery=(X, Y), every_n_epochs=2, pictures=["roc"])
    model = fit([pictures], epochs=1)
    twin = copy.deepcopy(pictures)
    assert twin._points is pictures._points and twin._gallery is pictures._gallery
    fit([twin], model, epochs=3, initial_epoch=1)
    fit([twin], epochs=1)
    assert list(images_of(tmp_path / "pictures")) == [1, 2, 3]
    assert list(images_of(tmp_path / "pictures_2")) == [1]


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_training_is_the_same_with_it(tmp_path, steps_per_execution):
    trained = []
    for callbacks in ([], [make(tmp_path, every_n_epochs=1)]):
        keras.utils.set_random_seed(3)
        model = make_model(steps_per_execution=steps_per_execution)
        trained.append(fit(callbacks, model).get_weights())
    for a, b in zip(*trained, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("Unknown `pictures`.*Did you mean 'roc'", {"pictures": ["rock"]}),
        ("`pictures` must be a list of names. Received: 'roc'", {"pictures": "roc"}),
        ("The data set is empty", {"data": (X[:0], Y[:0])}),
        ("classes that `data` has.*Received: .* and \\[10, ", {"gallery": (X, np.sort(Y) + 10)}),
        ("classes that `data` has", {"gallery": (X, Y.astype(str))}),
        ("The data set is empty", {"gallery": (X[:0], Y[:0])}),
        ("`num_queries` must be", {"num_queries": 0}),
        ("`k` must be", {"k": 0}),
        ("`k` must be at most 32. Received: 500", {"k": 500}),
        ("`max_points` must be", {"max_points": 1}),
        ("`every_n_epochs` must be", {"every_n_epochs": -1}),
        ("Unknown `map_method`", {"map_method": "t-sne"}),
        ("Unknown `style`", {"style": "drak"}),
        ("`seed` must be", {"seed": -1}),
        ("Unknown `distance`", {"distance": "euclid"}),
        ("2 names for labels from 0 to 3", {"class_names": ["a", "b"]}),
        ("two classes of one name", {"class_names": ["a", "b", "a", "c"]}),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, message, options):
    with pytest.raises(ValueError, match=message):
        make(tmp_path, **options)


def test_a_missing_package_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match="umap-learn"):
        make(tmp_path, map_method="umap")
