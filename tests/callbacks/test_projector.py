import copy
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from projector_runs import X, Y, fit, make_model, read_table, read_tensor, snapshots

from keras_siamese import SiameseModel, distances
from keras_siamese.callbacks import EmbeddingProjector
from keras_siamese.callbacks.computed_columns import COMPUTED
from keras_siamese.data import from_arrays
from keras_siamese.losses import TripletLoss


def test_the_trained_embeddings_are_written(tmp_path, capsys):
    model = make_model()
    fit(model, [EmbeddingProjector(tmp_path, (X, Y))], epochs=3)
    assert snapshots(tmp_path / "projector") == ["final"]
    embeddings = model.predict(X, verbose=0)
    assert not np.allclose(embeddings, X)
    np.testing.assert_allclose(read_tensor(tmp_path / "projector", "final"), embeddings, rtol=1e-4)
    assert read_table(tmp_path / "projector")["label"] == tuple(str(i) for i in Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_snapshots_by_epoch_show_the_model_of_that_epoch(tmp_path, steps_per_execution):
    model, seen = make_model(steps_per_execution=steps_per_execution), {}
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.update({epoch + 1: model.predict(X, verbose=0)})
    )
    fit(model, [note, EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=2, name="run")], epochs=5)
    assert snapshots(tmp_path / "run") == ["epoch_002", "epoch_004", "final"]
    for snapshot, epoch in (("epoch_002", 2), ("epoch_004", 4), ("final", 5)):
        tensor = read_tensor(tmp_path / "run", snapshot)
        np.testing.assert_allclose(tensor, seen[epoch], rtol=1e-4, atol=1e-6)


def test_snapshots_sort_by_epoch(tmp_path):
    projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)
    fit(make_model(), [projector], epochs=1000, initial_epoch=998)
    assert snapshots(tmp_path / "projector") == ["epoch_0999", "epoch_1000", "final"]
    fit(make_model(), [projector], epochs=1001, initial_epoch=999)
    assert snapshots(tmp_path / "projector") == ["epoch_0999", "epoch_1000", "epoch_1001", "final"]


def test_training_that_goes_on_keeps_the_epochs_before(tmp_path):
    for epochs, initial_epoch in ((4, 0), (5, 2)):
        projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)
        fit(make_model(), [projector], epochs=epochs, initial_epoch=initial_epoch)
    # Of the first fit 3, 4 and final are gone: the second one trained those epochs anew.
    names = ["epoch_001", "epoch_002", "epoch_003", "epoch_004", "epoch_005", "final"]
    assert snapshots(tmp_path / "projector") == names
    fit(make_model(), [projector], epochs=3, initial_epoch=2)
    assert snapshots(tmp_path / "projector") == [*names[:3], "final"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving
def test_backup_and_restore_keeps_the_epochs_before(tmp_path):
    model = make_model()
    for epochs in (2, 3):
        fit(
            model,
            [
                keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
                EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1),
            ],
            epochs=epochs,
        )
        first = read_tensor(tmp_path / "projector", "epoch_001")
    assert snapshots(tmp_path / "projector") == ["epoch_001", "epoch_002", "epoch_003", "final"]
    np.testing.assert_array_equal(read_tensor(tmp_path / "projector", "epoch_001"), first)


def test_a_fit_from_the_start_begins_the_run_anew(tmp_path):
    projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=2)
    fit(make_model(), [projector], epochs=4)
    fit(make_model(), [projector], epochs=2)
    assert snapshots(tmp_path / "projector") == ["epoch_002", "final"]
    assert not (tmp_path / "projector" / "epoch_004.bytes").exists()


def test_other_points_begin_the_run_anew(tmp_path):
    fit(make_model(), [EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)], epochs=2)
    other = EmbeddingProjector(tmp_path, (X, Y[::-1]), every_n_epochs=1)
    fit(make_model(), [other], epochs=3, initial_epoch=2)
    assert snapshots(tmp_path / "projector") == ["epoch_003", "final"]


def test_a_sample_keeps_items_labels_columns_and_pictures_together(tmp_path, rng):
    images = rng.integers(0, 256, (12, 32, 32), dtype="uint8")
    options = {
        "class_names": ["nil", "one", "two"],
        "metadata": {"squared": [i * i for i in range(12)]},
        "images": images,
        "max_points": 6,
    }
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(5)
    data = {"arrays": (X, Y), "dataset": dataset, "source": from_arrays(X, Y)}
    projectors = [EmbeddingProjector(tmp_path, data[n], name=n, **options) for n in data]
    fit(make_model(), projectors, epochs=0)
    assert {(p.num_points, p.num_available) for p in projectors} == {(6, 12)}
    table = read_table(tmp_path / "arrays")
    assert list(table) == ["label", "item", "squared", *COMPUTED]
    assert table["label"] == ("nil", "nil", "one", "one", "two", "two")
    items = [int(item) for item in table["item"]]
    assert items == sorted(items)
    assert [int(value) for value in table["squared"]] == [item * item for item in items]
    np.testing.assert_allclose(
        read_tensor(tmp_path / "arrays", "final"), X[items], rtol=1e-4, atol=1e-6
    )
    sheet = np.asarray(Image.open(tmp_path / "arrays" / "sprite.png"))
    np.testing.assert_array_equal(sheet[32:64, 64:96], images[items[5]])
    for name in ("dataset", "source"):
        for file in ("metadata.tsv", "metadata_final.tsv", "sprite.png", "final.bytes"):
            expected = (tmp_path / "arrays" / file).read_bytes()
            assert (tmp_path / name / file).read_bytes() == expected


def test_pictures_are_found_in_images_and_left_out_on_request(tmp_path):
    x, y = np.zeros((3, 8, 8, 1), "uint8"), ["a", "b", "a"]
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    for name, options in {"auto": {}, "none": {"images": None}}.items():
        projector = EmbeddingProjector(tmp_path, (x, y), name=name, **options)
        projector.set_model(model)
        projector.on_train_end()
    assert (tmp_path / "auto" / "sprite.png").exists()
    assert not (tmp_path / "none" / "sprite.png").exists()


def test_a_deep_copy_works_and_shares_the_points(tmp_path):
    projector = EmbeddingProjector(tmp_path, (X, Y))
    twin = copy.deepcopy(projector)
    fit(make_model(), [twin], epochs=1)
    assert snapshots(tmp_path / "projector") == ["final"]
    for large in ("_points", "_metadata"):
        assert getattr(twin, large) is getattr(projector, large)


def test_a_distribution_strategy_is_no_obstacle(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = make_model()
    fit(model, [EmbeddingProjector(tmp_path, (X, Y))], epochs=1)
    assert snapshots(tmp_path / "projector") == ["final"]


def test_only_the_chief_writes(tmp_path):
    calls = []

    def predict(x, verbose):
        calls.append(x)
        return x

    strategy = SimpleNamespace(extended=SimpleNamespace(should_save_summary=False))
    projector = EmbeddingProjector(tmp_path, (X, Y))
    projector.set_model(SimpleNamespace(predict=predict, distribute_strategy=strategy))
    projector.on_train_end()
    assert len(calls) == 1
    assert not (tmp_path / "projector").exists()


def test_a_model_is_projected_outside_of_fit(tmp_path):
    model = make_model()
    projector = EmbeddingProjector(tmp_path, (X, Y))
    assert projector.write(model) == tmp_path / "projector"
    projector.write(model, "twice")
    projector.write(model)
    assert snapshots(tmp_path / "projector") == ["twice", "final"]
    np.testing.assert_allclose(
        read_tensor(tmp_path / "projector", "final"), model.predict(X, verbose=0), 1e-4, 1e-6
    )
    with pytest.raises(ValueError, match="name of a snapshot"):
        projector.write(model, "../final")
    projector.log_dir = None
    with pytest.raises(ValueError, match="nowhere"):
        projector.write(model)


def test_named_sets_are_shown_together(tmp_path):
    sets = {
        "train": (X, Y),
        "validation": tf.data.Dataset.from_tensor_slices((X + 100, Y)).batch(5),
        "gallery": from_arrays(X[:2] - 100, Y[:2]),
    }
    images = {
        name: np.full((len(x), 24, 24), i, "uint8")
        for i, (name, x) in enumerate(
            (("train", X), ("validation", X), ("gallery", X[:2])), start=1
        )
    }
    projector = EmbeddingProjector(
        tmp_path,
        sets,
        metadata={"train": {"id": [f"t{i}" for i in range(12)]}, "gallery": {"id": ["g0", "g1"]}},
        images=images,
        max_points=10,
    )
    assert (projector.num_points, projector.num_available) == (10, 26)
    fit(make_model(), [projector], epochs=0)
    table = read_table(tmp_path / "projector")
    assert list(table) == ["label", "item", "set", "id", *COMPUTED]
    assert table["set"] == ("train",) * 4 + ("validation",) * 4 + ("gallery",) * 2
    items = [int(item) for item in table["item"]]
    assert table["id"] == (*(f"t{i}" for i in items[:4]), "", "", "", "", "g0", "g1")
    expected = np.concatenate([X[items[:4]], X[items[4:8]] + 100, X[:2] - 100])
    np.testing.assert_allclose(
        read_tensor(tmp_path / "projector", "final"), expected, rtol=1e-4, atol=1e-6
    )
    # Sheets of four columns.
    sheet = np.asarray(Image.open(tmp_path / "projector" / "sprite.png"))
    shown = sheet[::24, ::24].reshape(-1)[:10]
    assert shown.tolist() == [1] * 4 + [2] * 4 + [3] * 2


def test_metadata_may_be_no_plain_dict(tmp_path):
    class Frame(dict):
        def __bool__(self):
            raise ValueError("The truth value of a DataFrame is ambiguous.")

    EmbeddingProjector(tmp_path, (X, Y), metadata=Frame(id=Y)).write(make_model())
    assert "id" in read_table(tmp_path / "projector")


def test_computed_columns_tell_what_the_model_of_the_snapshot_makes_of_the_points(tmp_path):
    data = (np.array([[0.0, 0], [1, 0], [3, 0], [9, 0]], "float32"), ["a", "a", "b", "b"])
    projector = EmbeddingProjector(tmp_path, data)
    projector.write(SimpleNamespace(predict=lambda x, verbose: x), "before")
    projector.write(SimpleNamespace(predict=lambda x, verbose: x * [[1], [1], [3], [1]]), "after")
    before, after = (read_table(tmp_path / "projector", name) for name in ("before", "after"))
    assert before["predicted_label"] == ("a", "a", "a", "b")
    assert before["nearest_is_correct"] == ("1", "1", "0", "1")
    assert before["distance_to_centre"] == ("0.5", "0.5", "3", "3")
    assert after["nearest_is_correct"] == ("1",) * 4
    assert after["distance_to_centre"] == ("0.5", "0.5", "0", "0")
    shared = (tmp_path / "projector" / "metadata.tsv").read_text()
    assert shared == "label\titem\na\t0\na\t1\nb\t2\nb\t3\n"


def test_the_distance_is_that_of_the_model(tmp_path):
    data = (np.array([[1.0, 0], [1, 1], [5, 0]], "float32"), ["a", "b", "c"])
    projector = EmbeddingProjector(tmp_path, data, computed=["predicted_label"])
    for name, distance in {"cosine": distances.get("cosine"), "none": None}.items():
        model = SimpleNamespace(predict=lambda x, verbose: x, distance_function=distance)
        projector.write(model, name)
    run = tmp_path / "projector"
    assert read_table(run, "cosine")["predicted_label"][0] == "c"
    assert read_table(run, "none")["predicted_label"][0] == "b"
    assert list(read_table(run, "none")) == ["label", "item", "predicted_label"]


def test_the_projector_labels_points_by_integer_labels_at_first(tmp_path):
    # It takes the first column that is not of numbers; if all are, the first.
    fit(make_model(), [EmbeddingProjector(tmp_path, from_arrays(X, Y, groups=Y // 2))], epochs=0)
    for cells in read_table(tmp_path / "projector").values():
        assert all(cell == "" or np.isfinite(float(cell)) for cell in cells)


def test_nothing_computed_needs_no_table_of_its_own(tmp_path):
    fit(make_model(), [EmbeddingProjector(tmp_path, (X, Y), computed=())], epochs=1)
    assert list(read_table(tmp_path / "projector")) == ["label", "item"]
    assert [path.name for path in (tmp_path / "projector").glob("*.tsv")] == ["metadata.tsv"]


def test_views_are_of_what_is_worth_seeing(tmp_path):
    source = from_arrays(X, Y, groups=Y // 2)
    projector = EmbeddingProjector(tmp_path, source, metadata={"two\nwords": Y})
    fit(make_model(), [projector], epochs=0)
    views = json.loads((tmp_path / "projector" / "bookmarks.json").read_text())
    colours = [view["selectedColorOptionName"] for view in views]
    assert colours == ["label", "group", "two words", *COMPUTED]


def test_texts_have_a_column_and_are_embedded(tmp_path):
    lengths = keras.layers.Lambda(lambda x: tf.cast(tf.strings.length(x), "float32")[:, None])
    model = keras.Sequential([keras.Input((), dtype="string"), lengths])
    texts = tf.data.Dataset.from_tensor_slices((["a\tb", "line\nend", "c"], [0, 1, 1])).batch(2)
    EmbeddingProjector(tmp_path, texts).write(model)
    assert read_table(tmp_path / "projector")["text"] == ("a b", "line end", "c")
    tensor = read_tensor(tmp_path / "projector", "final")
    np.testing.assert_allclose(tensor[:, 0], [3, 8, 1], rtol=1e-4)


def test_pictures_in_a_nest_are_found(tmp_path):
    x = {"image": np.zeros((3, 8, 8), "uint8"), "size": np.ones((3, 2), "float32")}
    projector = EmbeddingProjector(tmp_path, (x, [0, 1, 1]))
    projector.write(SimpleNamespace(predict=lambda x, verbose: x["size"]))
    assert (tmp_path / "projector" / "sprite.png").exists()


def test_pictures_of_several_sizes_are_taken(tmp_path):
    images = [np.zeros((8 + i, 40 - i, 4), "uint8") for i in range(12)]
    EmbeddingProjector(tmp_path, (X, Y), images=images).write(make_model())
    with Image.open(tmp_path / "projector" / "sprite.png") as sheet:
        assert sheet.size == (4 * 40, 4 * 40)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16"])
def test_embeddings_of_any_width_are_written(tmp_path, dtype):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="identity", dtype=dtype)]
    )
    EmbeddingProjector(tmp_path, (X, Y)).write(model)
    np.testing.assert_allclose(
        read_tensor(tmp_path / "projector", "final"), X, rtol=1e-3, atol=1e-6
    )


def test_a_siamese_model_is_projected_by_its_own_distance(tmp_path, rng):
    encoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model = SiameseModel(encoder)
    model.compile("adam", TripletLoss(distance="cosine", margin=0.2))
    projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)
    model.fit(X, Y, batch_size=12, epochs=2, verbose=0, callbacks=[projector])
    assert snapshots(tmp_path / "projector") == ["epoch_001", "epoch_002", "final"]
    embeddings = model.predict(X, verbose=0)
    centre = embeddings[:4].astype("float64").mean(axis=0)
    expected = model.distance_function.paired(embeddings[:4].astype("float64"), centre)
    shown = [float(d) for d in read_table(tmp_path / "projector")["distance_to_centre"][:4]]
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-7)


def test_the_log_directory_may_change_between_fits(tmp_path):
    projector = EmbeddingProjector(tmp_path / "a", (X, Y))
    fit(make_model(), [projector], epochs=1)
    projector.log_dir = tmp_path / "b"
    fit(make_model(), [projector], epochs=1)
    projector.log_dir = None
    fit(make_model(), [projector], epochs=1)
    for name in ("a", "b"):
        assert snapshots(tmp_path / name / "projector") == ["final"]


def test_several_runs_stand_beside_the_logs_of_a_training(tmp_path):
    fit(
        make_model(),
        [
            keras.callbacks.TensorBoard(tmp_path),
            EmbeddingProjector(tmp_path, (X, Y), name="train"),
            EmbeddingProjector(tmp_path, (X, Y), name="trial/1"),
        ],
        epochs=1,
    )
    for name in ("train", "trial/1"):
        assert snapshots(tmp_path / name) == ["final"]
