import importlib.util
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def run(monkeypatch, capsys):
    def run(name, *arguments):
        monkeypatch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main(arguments)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    yield run
    sys.modules.pop("measure", None)


# The peer of the triplet benchmark warns where it is installed.
@pytest.mark.filterwarnings("default")
def test_triplet_loss(run):
    speed, memory = run("triplet_loss", "--sizes", "16", "--memory", "64", "--seconds", "0.1")
    assert speed["batch_size"] == 16
    assert 0 < speed["milliseconds"]["ours"] < 1000
    assert speed["ratios"]["ours_to_dense"] > 0
    assert memory["batch_size"] == 64
    assert memory["process_mib"] > memory["extra_mib"] >= 0


def test_train_step(run):
    lines = run("train_step", "--images", "3000", "--seconds", "0.1")
    assert [line["jit_compile"] for line in lines] == [False, True]
    for line in lines:
        assert 0 < line["milliseconds"]["supervised"]
        assert "loss_and_sampler" in line["percent_added"]
