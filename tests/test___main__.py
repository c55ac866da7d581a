"""The command line: exit codes, and errors that are one line."""

import subprocess
import sys

import pytest

from keras_siamese import __main__ as command_line


def test_errors_are_one_line_on_stderr(capsys, tmp_path):
    assert command_line.main(["evaluate", str(tmp_path / "no.keras"), "nowhere"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: Expected a saved model")
    assert captured.err.count("\n") == 1


def test_errors_of_keras_are_plain_text(capsys, monkeypatch):
    def run(args):
        raise ValueError("\x1b[1mInvalid input\n shape\x1b[0m")

    monkeypatch.setattr(command_line.evaluate, "run", run)
    assert command_line.main(["evaluate", "model.keras", "data.npz"]) == 1
    assert capsys.readouterr().err == "error: Invalid input shape\n"


def test_mistakes_of_the_package_are_not_hidden(monkeypatch):
    monkeypatch.setattr(command_line.evaluate, "run", lambda args: [][0])
    with pytest.raises(IndexError):
        command_line.main(["evaluate", "model.keras", "data.npz"])


def test_success_is_0(monkeypatch):
    monkeypatch.setattr(command_line.evaluate, "run", lambda args: None)
    assert command_line.main(["evaluate", "model.keras", "data.npz"]) == 0


@pytest.mark.parametrize("argv", [[], ["unknown"], ["evaluate"], ["evaluate", "a", "b", "--x"]])
def test_wrong_arguments_are_2(argv, capsys):
    with pytest.raises(SystemExit) as error:
        command_line.main(argv)
    assert error.value.code == 2
    assert "usage: python -m keras_siamese" in capsys.readouterr().err


def test_as_a_process():
    run = subprocess.run(
        [sys.executable, "-m", "keras_siamese", "evaluate", "--help"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "MODEL.keras" in run.stdout and "--html" in run.stdout


def test_importing_the_package_leaves_the_commands_alone():
    code = "import sys, keras_siamese; print('keras_siamese.commands' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert run.stdout == "False\n"
