import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from idx_files import write_idx

from keras_siamese import catalogue, losses

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    def load(name):
        monkeypatch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    before, path = set(sys.modules), list(sys.path)
    yield load
    sys.path[:] = path
    for name in ("measure", "triplet_loss", "loss_cases", "train_step", "omniglot", "unpack"):
        if name not in before:
            sys.modules.pop(name, None)


@pytest.fixture
def run(load, capsys):
    def run(name, *arguments):
        load(name).main(arguments)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


# The peer of the triplet benchmark warns where it is installed.
@pytest.mark.filterwarnings("default")
def test_triplet_loss(run):
    speed, memory = run("triplet_loss", "--sizes", "16", "--memory", "64", "--seconds", "0.1")
    assert speed["batch_size"] == 16
    assert 0 < speed["milliseconds"]["ours"] < 1000
    assert speed["ratios"]["ours_to_dense"] > 0
    assert memory["batch_size"] == 64
    assert memory["process_mib"] > memory["extra_mib"] >= 0


def test_train_step(load, capsys, monkeypatch):
    module = load("train_step")
    # Convolutions take long where the compiler is told to be quick.
    monkeypatch.setattr(module, "CLASSES_PER_BATCH", 4)
    monkeypatch.setattr(module, "EXAMPLES_PER_CLASS", 2)
    module.main(["--images", "3000", "--seconds", "0.1"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["jit_compile"] for line in lines] == [False, True]
    for line in lines:
        assert 0 < line["milliseconds"]["supervised"]
        assert "loss_and_sampler" in line["percent_added"]


# The peer warns where it is installed.
@pytest.mark.filterwarnings("default")
def test_losses(load, capsys, monkeypatch):
    module = load("losses")
    monkeypatch.setattr(module, "PROBED_FROM", 16)
    names = ["CosFace", "Barlow Twins"]
    module.main(["--losses", *names, "--sizes", "16", "--seconds", "0.01", "--table"])
    *lines, empty, titles, _, _, last = capsys.readouterr().out.splitlines()
    assert empty == "" and titles.startswith("| loss | B | ours, ms | peer, ms |")
    assert last.startswith("| Barlow Twins | 16 | ") and len(lines) == len(names)
    for name, line in zip(names, map(json.loads, lines), strict=True):
        assert (line["loss"], line["batch_size"]) == (name, 16)
        assert line["ratios"]["ours_to_dense"] > 0
        assert line["memory"]["ours"] >= 0
        if line["value_of_peer"] is not None:
            assert line["value"] == pytest.approx(line["value_of_peer"], rel=1e-4)
            assert line["memory"]["peer"] >= 0


# The peer warns where it is installed, and TensorFlow Datasets at import.
@pytest.mark.filterwarnings("default")
def test_sampling(run):
    lines = {line["case"]: line for line in run("sampling", "--images", "1000", "--seconds", "0.1")}
    assert list(lines) == ["arrays", "files", "records", "stream", "step", "memory"]
    for case in ("arrays", "files", "records", "stream"):
        assert lines[case]["images"] == 1000
        assert lines[case]["samples_per_second"]["ours"] > 100
        assert lines[case]["ratios"]["ours_to_bare"] > 0
    assert lines["step"]["milliseconds"]["sampled"] > 0
    small, large = lines["memory"]["epochs"].values()
    assert large["array_mib"] > 10 * small["array_mib"]


def test_callbacks(load, capsys, monkeypatch, tmp_path, rng):
    module = load("callbacks")
    monkeypatch.setattr(module, "CLASSES_PER_BATCH", 4)
    monkeypatch.setattr(module, "EXAMPLES_PER_CLASS", 2)
    for part in ("train", "t10k"):
        labels = np.repeat(np.arange(8, dtype="uint8"), 20)
        images = rng.integers(0, 256, (160, 28, 28), dtype="uint8")
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    options = ["--data", str(tmp_path), "--points", "40", "--steps", "2", "--rounds", "1"]
    options += ["--seconds", "0.1"]
    named = ["--epochs", "2", "--callbacks", "EmbeddingProjector", "TrainingDiagnostics"]
    module.main([*options, *named])
    *lines, steps = map(json.loads, capsys.readouterr().out.splitlines())
    assert [line["callback"] for line in lines] == named[3:]
    assert steps["milliseconds"]["probe_on"] > 0 and steps["percent"] != 0
    for line in lines:
        assert line["end_seconds"] > 0 and line["bare_epoch_seconds"] > 0
        assert line["mib_per_epoch"] > 0


def test_a_peer_beyond_the_limits_is_left_out(load):
    module = load("losses")
    limits = {"limit_gib": 8.0, "limit_seconds": 0.01}
    result = module.probe_in_fresh_process("CosFace", "ours", 16, argparse.Namespace(**limits))
    assert result == "out of time"


def test_every_loss_has_a_benchmark(load):
    cases = load("loss_cases").CASES.values()
    measured = {type(case.ours(4)) for case in cases}
    exported = set(catalogue.find_concrete(losses, losses.MetricLoss))
    assert exported - measured == {
        losses.TripletSemiHardLoss,  # TripletLoss with other defaults
        losses.WeightedSum,
        losses.Matryoshka,
    }


def test_quality(load, tmp_path, capsys):
    out = tmp_path / "runs" / "quality.jsonl"
    arguments = ["--toy", "--losses", "TripletLoss", "--steps", "2", "--seeds", "1"]
    module = load("quality")
    module.main([*arguments, "--out", str(out)])
    table = capsys.readouterr().out
    rows = [line.split(" | ")[0] for line in table.splitlines()[3:]]
    assert rows[2:4] == ["| raw pixels", "| untrained encoder"]
    best = float(rows[4].removeprefix("| TripletLoss, margin "))
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["key"]["part"] for record in records] == ["validation"] * 3 + ["test"]
    trials = {record["key"]["value"]: record["result"]["map_at_r"] for record in records[:3]}
    assert trials[best] == max(trials.values())
    assert records[3]["key"]["value"] == best and records[3]["key"]["seed"] == 1
    assert f" {records[3]['result']['recall_at_1']:.3f} | " in table.splitlines()[-1]
    # What is there is not trained again.
    module.train = None
    module.main([*arguments, "--out", str(out)])
    assert capsys.readouterr().out == table


def test_losses_of_the_quality_benchmark(load):
    for tuned in load("quality").LOSSES.values():
        for value in tuned.values:
            assert tuned.make(value, 5).get_config()[tuned.argument] == value


def test_mean_and_spread(load):
    mean_and_spread = load("quality").mean_and_spread
    assert mean_and_spread([0.5, 0.7, 0.9]) == "0.700 ± 0.200"
    assert mean_and_spread([0.5]) == "0.500"


@pytest.mark.data
@pytest.mark.parametrize(
    "variable, folder, name, num_classes",
    [
        ("KERAS_SIAMESE_DATA", "omniglot", "load_omniglot", 8 * 114),
        ("KERAS_SIAMESE_FASHION_MNIST", "", "load_fashion_mnist", 10),
    ],
)
def test_data_of_the_quality_benchmark(load, tmp_path, variable, folder, name, num_classes):
    if variable not in os.environ:
        pytest.skip(f"{variable} names no folder")
    arguments = [str(Path(os.environ[variable]) / folder), tmp_path]
    task = getattr(load("quality"), name)(*arguments[: 2 if folder else 1])
    assert np.array_equal(np.unique(task.train[1]), np.arange(num_classes))
    for x, y in (task.train, task.validation, task.test):
        assert x.shape[1:] == (28, 28, 1) and len(x) == len(y) and x.min() >= 0 and x.max() <= 1
    known = {image.tobytes() for image in task.train[0]}
    assert not any(image.tobytes() in known for image in task.validation[0][:500])


def test_retrieval(run):
    (line,) = run(
        "retrieval", "--sizes", "300x8", "--class-sizes", "5", "--seconds", "0.1", "--least", "1"
    )
    assert line["num_items"] == 300 and line["class_size"] == 5
    assert line["seconds"]["recall"] > 0 and line["ratios"]["all_to_floor"] > 0
    assert line["extra_mib"] >= 0
    if line["value_of_faiss"] is not None:
        assert line["value"] == line["value_of_faiss"]


def test_index(run):
    exact, graph = run(
        "index", "--sizes", "2000", "--queries", "60", "--cases", "exact", "usearch_int8"
    )
    assert (exact["case"], exact["recall_at_10"]) == ("exact", 1.0)
    assert graph["recall_at_10"] > 0.95 and graph["build_seconds"] > 0


def test_verification(run):
    speed, memory = run(
        "verification",
        *("--sizes", "300", "--memory", "300", "--seconds", "0.01", "--least", "1", "--sklearn"),
    )
    assert speed["pairs"] == 300 * 299 // 2
    assert speed["error"] <= speed["error_bound"] + 1e-6
    assert speed["seconds"]["sklearn"] > 0 and speed["ratios"]["times_faster_than_sorting"] > 0
    assert memory["process_mib"] > memory["extra_mib"] >= 0
