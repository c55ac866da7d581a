import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import keras_siamese as ks
from keras_siamese.index import EmbeddingIndex


def same_answers(index, again, x):
    before, after = index.query(x, k=5), again.query(x, k=5)
    assert np.array_equal(before.ids, after.ids)
    assert np.array_equal(before.distances, after.distances)
    assert np.array_equal(before.labels, after.labels)
    for name, values in before.metadata.items():
        assert np.array_equal(values, after.metadata[name])


@pytest.fixture(scope="module")
def index(model, clusters):
    x, y = clusters
    names = np.array(["ant", "bee", "cat", "dog", "eel"])[y]
    metadata = {"n": np.arange(120), "nested": [{"a": [i, None]} for i in range(120)]}
    index = EmbeddingIndex(model).add(x[:120], names[:120], metadata=metadata, verbose=0)
    return index.calibrate(x[120:], names[120:], at=0.05).remove([3, 119])


@pytest.fixture
def path(index, tmp_path):
    index.save(tmp_path / "an.index")
    return tmp_path / "an.index"


def test_all_comes_back(index, path, clusters):
    x, _ = clusters
    again = EmbeddingIndex.load(path)
    same_answers(index, again, x)
    assert repr(again) == repr(index)
    assert again.encoder is not index.encoder
    assert again.calibration.to_config() == index.calibration.to_config()
    assert np.array_equal(again.predict(x), index.predict(x))
    assert np.array_equal(again.match_probability(x), index.match_probability(x))
    # Numbers of removed items are not given again.
    assert again.add(x[:1], ["fox"], verbose=0).ids[-1] == 120
    assert index.ids[-1] == 118


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("backend", ["exact", "usearch", "faiss"])
def test_backends_and_dtypes(tmp_path, clusters, backend, dtype):
    codes = None
    if backend == "faiss":
        pytest.importorskip("faiss")
        codes = "float32"
    x, y = clusters
    index = EmbeddingIndex(distance="cosine", backend=backend, dtype=dtype, codes=codes)
    index.add(x, y, verbose=0).remove([0])
    index.save(tmp_path / "index")
    for trust_graph in (False, True):
        again = EmbeddingIndex.load(tmp_path / "index", trust_graph=trust_graph)
        same_answers(index, again, x)
        again.add(x[:1], y[:1], verbose=0)
        assert again.query(x[:1], k=1).ids.tolist() == [[180]]


def test_learned_distances(tmp_path, rng):
    x = rng.normal(size=(30, 4)).astype("float32")
    distance = ks.distances.Mahalanobis(rank=2)
    distance.build(4)
    distance.trainable_variables[0].assign(rng.normal(size=(2, 4)))
    index = EmbeddingIndex(distance=distance).add(x, np.arange(30), verbose=0)
    index.save(tmp_path / "index")
    same_answers(index, EmbeddingIndex.load(tmp_path / "index"), x)


def test_an_index_that_became_empty(tmp_path, clusters):
    index = EmbeddingIndex().add(clusters[0], verbose=0)
    index.remove(index.ids)
    index.save(tmp_path / "index")
    again = EmbeddingIndex.load(tmp_path / "index")
    assert len(again) == 0 and again.add(clusters[0][:1], verbose=0).ids.tolist() == [180]


def test_another_encoder_is_refused(index, path, new_model, clusters):
    x, _ = clusters
    assert EmbeddingIndex.load(path, index.encoder).encoder is index.encoder
    other = new_model(seed=1)
    with pytest.raises(ValueError, match="not embedded by this encoder"):
        EmbeddingIndex.load(path, other)
    told = EmbeddingIndex.load(path, other, check_encoder=False)
    assert told.query(x[:2], k=1).ids.shape == (2, 1)


def test_embeddings_of_no_known_encoder(tmp_path, model):
    EmbeddingIndex().add(np.eye(4), verbose=0).save(tmp_path / "index")
    assert EmbeddingIndex.load(tmp_path / "index").encoder is None
    with pytest.raises(ValueError, match="no encoder was named"):
        EmbeddingIndex.load(tmp_path / "index", model)
    told = EmbeddingIndex.load(tmp_path / "index", model, check_encoder=False)
    assert told.encoder is model.encoder


@pytest.mark.parametrize("name", ["model.keras", "graph.bin", "encoder.keras", "index"])
def test_any_name_will_do(tmp_path, model, clusters, name):
    x, y = clusters
    index = EmbeddingIndex(model, backend="usearch").add(x, y, verbose=0)
    index.save(tmp_path / "new folder" / name)
    same_answers(index, EmbeddingIndex.load(tmp_path / "new folder" / name, trust_graph=True), x)
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == [name]


def test_a_file_that_is_there(index, path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="is there"):
        index.save(path, overwrite=False)
    assert path.read_bytes() == before
    index.save(path)


def test_all_or_nothing(index, path, monkeypatch):
    before = path.read_bytes()

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(index.encoder, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        index.save(path)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["an.index"]


def test_no_pickle(path):
    with zipfile.ZipFile(path) as file:
        assert sorted(file.namelist()) == [
            "calibration.json",
            "distance_weights.npy",
            "ids.npy",
            "label_names.json",
            "labels.npy",
            "manifest.json",
            "metadata.json",
            "model.keras",
            "vectors.npy",
        ]
        for name in file.namelist():
            if name.endswith(".npy"):
                np.load(io.BytesIO(file.read(name)), allow_pickle=False)


@pytest.mark.slow
def test_in_a_new_process(index, path, clusters, tmp_path):
    x, _ = clusters
    np.save(tmp_path / "x.npy", x)
    code = (
        "import json, numpy as np, keras_siamese as ks\n"
        "from keras_siamese.index import EmbeddingIndex\n"
        f"index = EmbeddingIndex.load({str(path)!r})\n"
        f"x = np.load({str(tmp_path / 'x.npy')!r})\n"
        "result = index.query(x, k=4)\n"
        "print(json.dumps([result.ids.tolist(), index.predict(x).tolist()]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    ids, labels = json.loads(run.stdout.splitlines()[-1])
    assert ids == index.query(x, k=4).ids.tolist() and labels == index.predict(x).tolist()


def rewrite(path, change):
    """Changes members, and has the manifest agree with them again."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members, manifest)
    for name, data in members.items():
        stated = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest["members"][name] = stated
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
        file.writestr("manifest.json", json.dumps(manifest))


def setting(**values):
    return lambda members, manifest: manifest.update(values)


def array(name, change):
    def rewritten(members, manifest):
        data = io.BytesIO()
        np.save(data, change(np.load(io.BytesIO(members[name]))))
        members[name] = data.getvalue()

    return rewritten


def member(name, data):
    return lambda members, manifest: members.update({name: data})


def with_value(value):
    def change(array):
        array.reshape(-1)[7] = value
        return array

    return change


@pytest.mark.parametrize(
    "change, message",
    [
        (setting(version=2), "of version 2, not 'keras_siamese.EmbeddingIndex' of version 1"),
        (setting(format="other"), "is 'other' of version 1"),
        (setting(num_items=10**15), "vectors.npy is float32 of shape"),
        (setting(num_items=-1), "its num_items is -1"),
        (setting(num_items=True), "its num_items is True"),
        (setting(num_items=2**70), "its num_items is"),
        (setting(embedding_dim="4"), "its embedding_dim is '4'"),
        (setting(embedding_dim=8), "vectors.npy is"),
        (setting(embedding_dim=2**40), "its embedding_dim is"),
        (setting(dtype="float16"), "vectors.npy is float32"),
        (setting(dtype="object"), "Unknown `dtype`"),
        (setting(dtype=["float32"]), "Unknown `dtype`"),
        (setting(backend="../../evil"), "Unknown `backend`"),
        (setting(backend={}), "Unknown `backend`"),
        (setting(options=3), "in its settings"),
        (setting(options=[["a", 1]]), "exact backend searches"),
        (setting(rescore=None), "`rescore`"),
        (setting(codes="int8"), "exact backend searches"),
        (setting(backend="usearch", options={"threads": 10**6}), "at most 1024"),
        (setting(backend="usearch", options={"connectivity": 1e308}), "must be an integer"),
        (setting(backend="usearch", options={"connectivity": 10**9}), "at most 1024"),
        (setting(next_id=5), "ids are out of range"),
        (setting(label_kind="evil"), "its labels are 'evil'"),
        (setting(label_kind=None), "labels.npy is"),
        (setting(fingerprint=3), "its fingerprint is no text"),
        (setting(fingerprint="0" * 64), "not embedded by this encoder"),
        (setting(distance={"registered_name": "os>system", "config": {}}), "no registered"),
        (setting(distance=None), "no registered"),
        (setting(num_distance_weights=1), "distance_weights.npy is"),
        (array("vectors.npy", with_value(np.nan)), "first at row 1"),
        (array("vectors.npy", lambda a: a.astype("float64")), "vectors.npy is float64"),
        (array("vectors.npy", lambda a: a[:-1]), "vectors.npy is float32 of shape"),
        (array("vectors.npy", np.asfortranarray), "vectors.npy is"),
        (array("ids.npy", with_value(4)), "two of its items have one id"),
        (array("ids.npy", with_value(-4)), "ids are out of range"),
        (array("labels.npy", with_value(9)), "do not fit their 5 names"),
        (array("labels.npy", lambda a: a.astype("int32")), "labels.npy is int32"),
        (member("vectors.npy", b"\x80\x04evil"), r"vectors.npy is no \.npy"),
        (member("label_names.json", b'{"a": 1}'), "names of labels are no texts"),
        (member("label_names.json", b'["a", "a", "b", "c", "d"]'), "do not fit their 5 names"),
        (member("metadata.json", b'{"n": [1]}'), "columns of 118 values"),
        (member("metadata.json", b"[" * 10**5), "no proper JSON"),
        (member("metadata.json", b'{"n": [1e999]}'), "no proper JSON"),
        (member("calibration.json", b"{}"), "no calibration"),
        (member("calibration.json", b"[]"), "no calibration"),
        (setting(distance={"registered_name": "keras_siamese>Cosine", "config": {}}), "is for"),
        (member("model.keras", b"PK evil"), "encoder in .* cannot be loaded"),
        (member("../../evil", b""), "does not belong"),
        (lambda members, manifest: members.pop("ids.npy"), "other members"),
    ],
)
def test_hostile_files(path, change, message):
    rewrite(path, change)
    with pytest.raises(ValueError, match=message):
        EmbeddingIndex.load(path)


def test_an_encoder_that_unpacks_to_far_more(path):
    def change(members, manifest):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("model.weights.h5", bytes(10**7))
        members["model.keras"] = packed.getvalue()

    rewrite(path, change)
    with pytest.raises(ValueError, match="its encoder is compressed"):
        EmbeddingIndex.load(path)


def test_rewritten_with_care_it_loads(index, path, clusters):
    rewrite(path, lambda members, manifest: None)
    same_answers(index, EmbeddingIndex.load(path), clusters[0])


def test_code_in_the_encoder_is_not_run(tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x, f=str(marker): (open(f, "w").close(), x)[1])(inputs)
    index = EmbeddingIndex(keras.Model(inputs, outputs)).add(np.eye(2), verbose=0)
    index.save(tmp_path / "index")
    marker.unlink()
    with pytest.raises(ValueError, match=r"encoder in .* cannot be loaded"):
        EmbeddingIndex.load(tmp_path / "index")
    assert not marker.exists()


def test_a_graph_that_is_not_trusted_is_not_read(tmp_path, clusters):
    x, y = clusters
    # A graph depends on the order in which threads add to it: searched this widely, it is exact.
    options = {"expansion_add": 256, "expansion_search": 256}
    index = EmbeddingIndex(backend="usearch", options=options).add(x, y, verbose=0)
    index.save(tmp_path / "index")
    rewrite(tmp_path / "index", member("graph.bin", b"evil" * 1000))
    same_answers(index, EmbeddingIndex.load(tmp_path / "index"), x)
    index.save(tmp_path / "index", graph=False)
    with zipfile.ZipFile(tmp_path / "index") as file:
        assert "graph.bin" not in file.namelist()
    same_answers(index, EmbeddingIndex.load(tmp_path / "index", trust_graph=True), x)


def test_fuzzed(index, path, clusters):
    """Cut off or changed in one byte anywhere: an equal index, or a ValueError."""
    x, _ = clusters
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    num_refused = 0
    for place in rng.choice(len(data), 40, replace=False).tolist():
        path.write_bytes(data[:place])
        with pytest.raises(ValueError):
            EmbeddingIndex.load(path, index.encoder)
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:  # The encoder in the file is most of it, and is not read here.
            again = EmbeddingIndex.load(path, index.encoder)
        except ValueError:
            num_refused += 1
        else:
            same_answers(index, again, x)
    assert num_refused >= 10


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        EmbeddingIndex.load(os.fspath(tmp_path / "missing"))
