import numpy as np
import pytest
from reference import index_search

from keras_siamese import distances
from keras_siamese.index.vector_index import VectorIndex, check_threshold


def make(x, y=None, num_batches=3, **arguments):
    index = VectorIndex(**arguments)
    add(index, x, y, num_batches)
    return index


def add(index, x, y=None, num_batches=1, **arguments):
    parts = [(part.astype("float32"), None) for part in np.array_split(x, num_batches)]
    index.add(parts, None if y is None else np.asarray(y), num_items=len(x), **arguments)


@pytest.fixture
def x(rng):
    return rng.normal(size=(60, 4)).astype("float32")


@pytest.mark.parametrize("backend", ["exact", "usearch", "faiss"])
def test_a_life(x, backend):
    """Whatever is added, removed and changed: what is found is what loops find in what is left."""
    if backend == "faiss":
        pytest.importorskip("faiss")
    index = make(x[:30], np.arange(30) % 3, backend=backend)
    add(index, x[30:50], np.arange(20) % 2, ids=np.arange(100, 120))
    index.remove(np.array([0, 7, 110]))
    index.update(np.array([5, 101]), x[50:52], [8, 9])
    add(index, x[52:55], [4, 4, 4])
    index.remove(np.arange(10, 25))
    expected = {i: x[i] for i in range(30)} | {100 + i: x[30 + i] for i in range(20)}
    expected |= {5: x[50], 101: x[51], 120: x[52], 121: x[53], 122: x[54]}
    for gone in (0, 7, 110, *range(10, 25)):
        del expected[gone]
    assert sorted(index.items.ids.tolist()) == sorted(expected)
    ids = index.items.ids
    assert index.vectors(ids) == pytest.approx(np.array([expected[i] for i in ids.tolist()]))
    result = index.nearest(x[55:], 6)
    for q, query in enumerate(x[55:]):
        ranked = index_search.ranked("euclidean", query, [expected[i] for i in ids.tolist()])
        assert result.ids[q].tolist() == [ids[place] for _, place in ranked[:6]]
    labels = dict(zip(ids.tolist(), index.items.labels.take(slice(None)).tolist(), strict=True))
    assert (labels[5], labels[101], labels[121], labels[3]) == (8, 9, 4, 0)


@pytest.mark.parametrize("backend", ["exact", "usearch"])
def test_a_failure_adds_nothing(x, backend):
    index = make(x[:20], np.arange(20), backend=backend, dtype="float16")
    before = index.nearest(x[:3], 20)

    def broken():
        yield x[20:25], None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add(broken(), np.arange(9), num_items=9)
    with pytest.raises(ValueError, match="float16"):
        index.add([(x[20:25], None), (x[25:30] * 1e9, None)], np.arange(10))
    with pytest.raises(ValueError, match=r"Expected 5 labels. Received: 4"):
        index.add([(x[20:25], None)], np.arange(4))
    with pytest.raises(ValueError, match="are integers"):
        add(index, x[20:25])
    with pytest.raises(ValueError, match="in the index"):
        add(index, x[20:22], [1, 2], ids=[3, 90])
    assert len(index) == 20 and index.items.next_id == 20
    after = index.nearest(x[:3], 20)
    assert np.array_equal(after.ids, before.ids)
    add(index, x[20:25], np.arange(5))
    assert index.items.ids[-1] == 24


def test_a_first_failure_leaves_the_size_open(x):
    index = VectorIndex()
    with pytest.raises(ValueError, match="labels"):
        index.add([(x, None)], np.arange(4))
    assert index.embedding_dim is None and len(index) == 0
    index.add([(x[:, :2].copy(), None)])
    assert index.embedding_dim == 2


def test_a_graph_that_fails(x, monkeypatch):
    index = make(x[:20], backend="usearch")
    insert = index.search.insert

    def half(ids, codes):
        insert(ids[:3], codes[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(index.search, "insert", half)
    with pytest.raises(KeyboardInterrupt):
        add(index, x[20:30])
    monkeypatch.undo()
    assert len(index) == len(index.store) == 20
    add(index, x[20:30], ids=np.arange(20, 30))
    assert index.nearest(x[20:30], 1).ids[:, 0].tolist() == list(range(20, 30))


def test_labels_of_batches(x):
    index = VectorIndex()
    index.add([(x[:3], np.array([b"a", b"b", b"a"])), (x[3:4], np.array([b"c"]))])
    assert index.items.labels.take(slice(None)).tolist() == ["a", "b", "a", "c"]


def test_empty(x):
    index = VectorIndex()
    for ask in (lambda: index.nearest(x, 1), lambda: index.within(x, 1)):
        with pytest.raises(ValueError, match="The index is empty"):
            ask()
    add(index, x)
    index.remove(index.items.ids.copy())
    with pytest.raises(ValueError, match="The index is empty"):
        index.nearest(x, 1)
    add(index, x[:2])
    assert index.items.ids.tolist() == [60, 61]


@pytest.mark.parametrize("backend", ["exact", "usearch"])
def test_no_queries(x, backend):
    index = make(x, np.arange(60), backend=backend)
    assert index.nearest(x[:0], 3).labels.shape == (0, 3)
    assert len(index.within(x[:0], 3)) == 0


@pytest.mark.parametrize("k, message", [(61, "at most 60"), (0, "`k` must be"), (1.5, "`k` must")])
def test_wrong_k(x, k, message):
    with pytest.raises(ValueError, match=message):
        make(x).nearest(x, k)


def test_nothing_is_changed_by_a_wrong_update(x):
    index = make(x[:9], np.arange(9))
    for arguments, message in [
        ((np.array([1, 77]), None, [1, 2]), "Received: \\[77\\]"),
        ((np.array([1, 2]), x[:1], [1, 2]), "Expected as many of `x` as `ids`, 2. Received: 1"),
        ((np.array([1, 2]), x[:2], [1]), "`y`"),
        ((np.array([1, 2]), x[:2], ["a", "b"]), "integers"),
        ((np.array([1, 2]), x[:2], None, {"a": [1]}), "2 items"),
    ]:
        with pytest.raises(ValueError, match=message):
            index.update(*arguments)
    assert np.array_equal(index.vectors(np.arange(9)), x[:9])
    assert index.items.labels.values.tolist() == list(range(9))
    with pytest.raises(ValueError, match="77"):
        index.remove(np.array([1, 77]))
    assert len(index) == 9


def test_metadata_of_some_items(x):
    index = make(x[:3])
    index.update(np.array([2]), None, metadata={"note": ["new"]})
    assert index.nearest(x[[2]], 1).metadata["note"].tolist() == [["new"]]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"backend": "hnsw"}, "Unknown `backend`"),
        ({"dtype": "float64"}, "Unknown `dtype`"),
        ({"distance": "l2"}, "Unknown `distance`"),
        ({"codes": "int8"}, "exact backend searches the vectors themselves"),
        ({"options": {"connectivity": 3}}, "exact backend searches"),
        ({"rescore": 0}, "`rescore`"),
        ({"backend": "usearch", "distance": "manhattan"}, "usearch backend has distances"),
        ({"backend": "usearch", "distance": distances.Mahalanobis()}, "usearch backend has"),
    ],
)
def test_what_does_not_go_together(arguments, message):
    with pytest.raises(ValueError, match=message):
        VectorIndex(**arguments)


def test_a_learned_distance(x):
    distance = distances.Mahalanobis()
    distance.build(4)
    distance.trainable_variables[0].assign(np.diag([10.0, 1, 1, 1]))
    scaled = x * np.array([10, 1, 1, 1])
    expected = np.linalg.norm(scaled[:5, None] - scaled, axis=-1).argsort(axis=1)[:, :4]
    assert np.array_equal(make(x, distance=distance).nearest(x[:5], 4).ids, expected)


def test_signal_to_noise_takes_the_query_for_the_signal(x):
    noise = (x[:5, None] - x[None]).var(axis=-1) / x[:5].var(axis=-1)[:, None]
    result = make(x, distance="signal_to_noise").nearest(x[:5], 4)
    assert np.array_equal(result.ids, noise.argsort(axis=1)[:, :4])
    assert result.distances == pytest.approx(np.sort(noise, axis=1)[:, :4], abs=1e-5)


@pytest.mark.parametrize("threshold", [float("nan"), None, "x", [1, 2]])
def test_thresholds(threshold):
    with pytest.raises(ValueError, match="`threshold` must be a number"):
        check_threshold(threshold)
