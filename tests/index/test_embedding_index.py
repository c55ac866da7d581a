import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data import from_arrays
from keras_siamese.index import EmbeddingIndex


@pytest.fixture
def index(model, clusters):
    x, y = clusters
    return EmbeddingIndex(model).add(x[:120], y[:120], verbose=0)


def test_first_steps(model, clusters):
    x, y = clusters
    test = (x[:120], y[:120])
    index = EmbeddingIndex(model).add(*test)
    assert len(index) == 120 and index.encoder is model.encoder
    assert list(index) == list(range(120)) and 3 in index and 120 not in index and "3" not in index
    assert np.array_equal(index.labels, y[:120])
    assert index.query(x[:5], k=1).ids[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert repr(index) == "<EmbeddingIndex: 120 items of size 4, Euclidean(), exact, float32>"
    assert repr(EmbeddingIndex()) == "<EmbeddingIndex: 0 items, Euclidean(), exact, float32>"


def test_progress(model, clusters, capsys):
    EmbeddingIndex(model).add(clusters[0][:9])
    assert "9/9" in capsys.readouterr().out
    EmbeddingIndex(model).add(clusters[0][:9], verbose=0)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("kind", ["source", "dataset"])
def test_sources_and_datasets(model, clusters, kind):
    x, y = clusters
    names = np.array(["ant", "bee", "cat", "dog", "eel"])[y]
    if kind == "source":
        data = from_arrays(x, names)
    else:
        data = tf.data.Dataset.from_tensor_slices((x, names)).batch(32)
    index = EmbeddingIndex(model).add(data, metadata={"n": np.arange(180)}, verbose=0)
    assert np.array_equal(index.labels, names)
    assert index.embeddings(index.ids) == pytest.approx(model.predict(x, verbose=0), abs=1e-6)
    assert index.metadata["n"].tolist() == list(range(180))


def test_ids(index, clusters):
    x, y = clusters
    index.add(x[120:123], y[120:123], ids=[900, 500, 700], verbose=0)
    index.add(x[123:124], y[123:124], verbose=0)
    assert index.ids[-4:].tolist() == [900, 500, 700, 901]
    assert index.remove([901, 0]) is index
    assert index.add(x[124:125], y[124:125], verbose=0).ids[-1] == 902
    assert index.query(x[[121]], k=1).ids.tolist() == [[500]]
    with pytest.raises(ValueError, match="none"):
        index.embeddings([0])
    index.ids[:] = 3  # a copy
    assert index.ids[-1] == 902


def test_embeddings_that_are_ready(index, model, clusters):
    x, y = clusters
    embeddings = model.predict(x[120:], verbose=0)
    index.add_embeddings(embeddings, y[120:], metadata={"a": range(60)})
    assert index.query(x[150:153], k=1).ids[:, 0].tolist() == [150, 151, 152]
    assert index.metadata["a"][[0, 120]].tolist() == [None, 0]
    with pytest.raises(ValueError, match=r"of size 4. Received: size 8"):
        index.add_embeddings(x, y)


def test_half_precision(model, clusters):
    x, y = clusters
    embeddings = model.predict(x, verbose=0).astype("float16")
    index = EmbeddingIndex(model, dtype="float16").add_embeddings(embeddings, y)
    assert np.array_equal(index.embeddings(index.ids), embeddings.astype("float32"))
    assert index.nbytes == 180 * 4 * 2
    assert EmbeddingIndex(model).add_embeddings(embeddings).nbytes == 180 * 4 * 4


def test_the_distance_of_the_loss(new_model, clusters):
    x, y = clusters
    model = new_model()
    model.compile("adam", ks.losses.TripletLoss(0.1, distance=ks.distances.Mahalanobis()))
    index = EmbeddingIndex(model).add(x, y, verbose=0)
    assert index.distance.name == "mahalanobis"
    before = index.query(x[:5], k=9).distances
    # Training the model's own distance leaves that of the index as it was.
    model.loss.distance.trainable_variables[0].assign(5 * np.eye(4))
    assert np.array_equal(index.query(x[:5], k=9).distances, before)
    assert EmbeddingIndex(model, "cosine").distance.name == "cosine"
    assert EmbeddingIndex(model.encoder).distance.name == "euclidean"


def test_update(index, clusters):
    x, _ = clusters
    assert index.update([3, 5], x[130:132], [77, 78], metadata={"new": [1, 2]}) is index
    result = index.query(x[130:132], k=1)
    assert result.ids[:, 0].tolist() == [3, 5] and result.labels[:, 0].tolist() == [77, 78]
    assert result.metadata["new"][:, 0].tolist() == [1, 2]
    index.update([3], embeddings=index.embeddings([9]))
    assert index.query(x[9:10], k=2).ids.tolist() == [[3, 9]]
    with pytest.raises(ValueError, match="Received: both"):
        index.update([3], x[:1], embeddings=index.embeddings([9]))
    with pytest.raises(ValueError, match="Expected as many of `x` as `ids`, 2"):
        index.update([3, 4], x[:1])


def test_deduplicate(index, clusters):
    x, y = clusters
    index.add(x[[5, 9]], y[[5, 9]], verbose=0)
    removed = index.deduplicate(0.0)
    assert removed.ids.tolist() == [120, 121] and removed.kept_ids.tolist() == [5, 9]
    assert len(index) == 120 and 120 not in index
    removed = index.deduplicate(0.1)
    assert len(index) == 120 - len(removed)
    for found in index.query_embeddings_within(index.embeddings(index.ids), 0.1):
        assert len(found.ids) == 1


def test_calibrated(index, clusters):
    x, y = clusters
    assert index.calibrate(x[120:], y[120:], target="fmr", at=0.05) is index
    threshold = index.calibration.threshold
    e = index._encoder.embed(x[120:], 64, 4).astype(float)
    d = np.linalg.norm(e[:, None] - e, axis=-1)
    negative = d[np.triu(y[120:, None] != y[None, 120:], 1)]
    assert 0.02 < np.mean(negative <= threshold) <= 0.05
    assert "calibrated" in repr(index)
    queries = x[120:]
    labels = index.predict(queries)
    assert np.array_equal(labels, index.predict(queries, threshold=threshold))
    far = index.query(queries, k=1).distances[:, 0] > threshold
    assert np.array_equal(labels == -1, far)
    probability = index.match_probability(queries)
    assert probability.shape == (60,) and probability.min() >= 0 and probability.max() <= 1
    nearest = index.query(queries, k=1).distances[:, 0]
    order = nearest.argsort()
    assert (np.diff(probability[order]) <= 1e-6).all()
    assert np.array_equal(
        index.query_within(queries).ids, index.query_within(queries, threshold).ids
    )
    index.calibrate(x[120:], y[120:], more={"loose": ("recall", 0.99)}, fpir=0.05)
    loose = index.calibration.operating_points["loose"].threshold
    assert len(index.query_within(queries, "loose").ids) == len(
        index.query_within(queries, loose).ids
    )
    limit = index.calibration.unknown_threshold
    assert limit != index.calibration.threshold
    assert np.array_equal(index.predict(queries), index.predict(queries, threshold=limit))
    with pytest.raises(ValueError, match=r"Unknown `threshold`.*'strict'"):
        index.predict(queries, threshold="strict")
    with pytest.raises(ValueError, match="Labels are missing"):
        index.calibrate(x[120:])


def test_a_trained_model_is_refused(new_model, clusters, tmp_path):
    x, y = clusters
    model = new_model()
    index = EmbeddingIndex(model).add(x, y, verbose=0)
    model.compile("sgd", ks.losses.TripletLoss(0.2))
    model.fit(x[:64], y[:64], batch_size=64, verbose=0)
    for use in (
        lambda: index.query(x),
        lambda: index.add(x, y),
        lambda: index.add_embeddings(index.embeddings(index.ids), y),
        lambda: index.calibrate(x, y),
        lambda: index.update([1], x[:1]),
        lambda: index.save(tmp_path / "index"),
    ):
        with pytest.raises(ValueError, match="encoder has changed"):
            use()
    assert len(index) == 180 and not list(tmp_path.iterdir())
    # What needs no encoder still works.
    assert len(index.query_embeddings(index.embeddings([5]), k=1)) == 1


def test_without_a_model(rng):
    x = rng.normal(size=(9, 3)).astype("float32")
    index = EmbeddingIndex(distance="cosine").add(x, np.arange(9) // 3, verbose=0)
    assert index.encoder is None
    assert index.query(x, k=1).ids[:, 0].tolist() == list(range(9))
    assert index.predict(2 * x, threshold=1e-4).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    with pytest.raises(ValueError, match="Embeddings must be numbers"):
        index.query(["text"])


def test_a_million_labels_are_no_problem(rng):
    x = rng.normal(size=(3, 2))
    index = EmbeddingIndex().add(x, [1, 2, 3], verbose=0)
    for labels, message in ((["a", "b", "c"], "are integers"), (None, "are integers")):
        with pytest.raises(ValueError, match=message):
            index.add(x, labels, verbose=0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x, y: EmbeddingIndex("model"), "keras.Model"),
        (lambda x, y: EmbeddingIndex().save("index"), "The index is empty"),
        (lambda x, y: EmbeddingIndex().query(x), "The index is empty"),
        (lambda x, y: EmbeddingIndex().deduplicate(0.1), "The index is empty"),
        (lambda x, y: EmbeddingIndex().add(x, y[:3]), "lengths"),
        (lambda x, y: EmbeddingIndex().add(x, y, ids=[1]), "Expected 180 `ids`"),
        (lambda x, y: EmbeddingIndex().add(x, y, metadata={"a": [1]}), "180 items"),
        (lambda x, y: EmbeddingIndex().add(np.full((2, 3), np.nan)), "row 0"),
        (lambda x, y: EmbeddingIndex().add(x[:, :, None]), "shape"),
    ],
)
def test_refused(clusters, make, message):
    with pytest.raises(ValueError, match=message):
        make(*clusters)
