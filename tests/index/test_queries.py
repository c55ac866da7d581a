import threading

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data import from_arrays
from keras_siamese.index import EmbeddingIndex, KReciprocal, QueryExpansion


@pytest.fixture(scope="module")
def index(model, clusters):
    x, y = clusters
    metadata = {"file": [f"{i}.png" for i in range(120)]}
    return EmbeddingIndex(model).add(x[:120], y[:120], metadata=metadata, verbose=0)


@pytest.fixture(scope="module")
def queries(clusters):
    return clusters[0][120:]


@pytest.fixture(scope="module")
def distances(index, queries):
    # Embedded in the same batches, so that rounding does not decide between near ties.
    asked = index._encoder.embed(queries, 256, 4).astype(float)
    found = np.linalg.norm(asked[:, None] - index.embeddings(index.ids), axis=-1)
    return found.astype("float32")


def test_k_nearest(index, clusters, queries, distances):
    result = index.query(queries, k=7)
    expected = distances.argsort(axis=1, kind="stable")[:, :7]
    assert np.array_equal(result.ids, expected)
    assert result.distances == pytest.approx(np.sort(distances, axis=1)[:, :7], abs=1e-6)
    assert np.array_equal(result.labels, clusters[1][expected])
    assert result.metadata["file"][3, 2] == f"{expected[3, 2]}.png"
    for array in (result.ids, result.labels, result.distances, result.metadata["file"]):
        assert array.shape == (60, 7)


def test_any_kind_of_queries(index, model, clusters, queries):
    expected = index.query(queries, k=3).ids
    y = clusters[1][120:]
    for data in (
        queries.tolist(),
        from_arrays(queries, y),
        tf.data.Dataset.from_tensor_slices((queries, y)).batch(7),
        tf.data.Dataset.from_tensor_slices(queries).batch(7),
    ):
        assert np.array_equal(index.query(data, k=3).ids, expected)
    embeddings = model.predict(queries, verbose=0)
    assert np.array_equal(index.query_embeddings(embeddings, k=3).ids, expected)


def test_within(index, queries, distances):
    result = index.query_within(queries, 0.4)
    assert len(result) == 60
    for q in range(60):
        order = distances[q].argsort(kind="stable")
        assert result[q].ids.tolist() == order[distances[q][order] <= 0.4].tolist()
    embeddings = index.embeddings(result[0].ids)
    assert len(index.query_embeddings_within(embeddings, 0.0)) == len(embeddings)
    assert len(index.query_within(queries, -1.0).ids) == 0


def test_reranked(index, queries, distances):
    for rerank in (KReciprocal(num_candidates=120), QueryExpansion()):
        result = index.query(queries, k=6, rerank=rerank)
        assert result.ids.shape == (60, 6)
        found = np.take_along_axis(distances, result.ids, axis=1)
        assert result.distances == pytest.approx(found, abs=1e-6)
        with pytest.raises(ValueError, match="`k` is larger"):
            index.query(queries, k=121, rerank=rerank)
    for rerank in ("k_reciprocal", KReciprocal):
        with pytest.raises(ValueError, match=r"`rerank` must be `KReciprocal\(\)`"):
            index.query(queries, k=2, rerank=rerank)


def test_predict_with_a_threshold(index, clusters, queries, distances):
    y = clusters[1]
    nearest = distances.argmin(axis=1)
    labels = index.predict(queries, threshold=np.inf)
    assert np.array_equal(labels, y[:120][nearest])
    threshold = float(np.median(distances.min(axis=1)))
    labels = index.predict(queries, threshold=threshold, unknown_label=-7)
    is_known = distances.min(axis=1) <= threshold
    assert np.array_equal(labels, np.where(is_known, y[:120][nearest], -7))


def test_names(model, clusters, queries):
    x, y = clusters
    index = EmbeddingIndex(model).add(x[:9], y[:9].astype(str), verbose=0)
    labels = index.predict(queries, k=3, threshold=0.0)
    assert labels.tolist() == ["unknown"] * 60
    # Long names of the unknown are not cut off.
    labels = index.predict(queries, threshold=-1, unknown_label="no one that we know of")
    assert labels[0] == "no one that we know of"
    with pytest.raises(ValueError, match="kind of the labels, names"):
        index.predict(queries, threshold=1.0, unknown_label=-1)


def test_a_removed_label_may_stand_for_the_unknown(model, clusters, queries):
    x, _ = clusters
    index = EmbeddingIndex(model).add(x[:3], ["unknown", "a", "b"], verbose=0)
    with pytest.raises(ValueError, match="which is one"):
        index.predict(queries, threshold=0.0)
    index.remove([0])
    assert index.predict(queries, threshold=-1.0)[0] == "unknown"


def test_without_calibration(index, queries):
    for ask in (index.predict, index.match_probability, index.query_within):
        with pytest.raises(ValueError, match=r"not calibrated. Use `index.calibrate"):
            ask(queries)


def test_without_labels(model, clusters, queries):
    index = EmbeddingIndex(model).add(clusters[0][:9], verbose=0)
    assert index.query(queries, k=2).labels is None
    assert index.query_within(queries, 1.0)[0].labels is None
    with pytest.raises(ValueError, match="no labels"):
        index.predict(queries, threshold=1.0)


def test_queries_that_do_not_fit(index, queries):
    with pytest.raises(ValueError, match="one item"):
        index.query(queries[0])
    with pytest.raises(ValueError, match=r"of size 4. Received: size 8"):
        index.query_embeddings(queries)
    nan = queries.copy()
    nan[5] = np.nan
    with pytest.raises(ValueError, match="first at row 5"):
        index.query(nan)
    with pytest.raises(ValueError, match="empty"):
        index.query(queries[:0])


def test_threads(model, clusters):
    """Queries while others add and remove: each sees a whole index."""
    x, y = clusters
    index = EmbeddingIndex(model).add(x[:20], y[:20], verbose=0)
    embeddings = model.predict(x, verbose=0)
    errors = []

    def change():
        for i in range(20, 60):
            index.add_embeddings(embeddings[i : i + 1], y[i : i + 1])
            index.remove(index.ids[-1:])

    def ask():
        for _ in range(40):
            result = index.query_embeddings(embeddings[:5], k=3)
            if result.ids[:, 0].tolist() != [0, 1, 2, 3, 4]:
                errors.append(result.ids)

    threads = [threading.Thread(target=target) for target in (change, ask, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(index) == 20
