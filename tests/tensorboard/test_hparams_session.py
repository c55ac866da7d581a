import numpy as np
import pytest
from hparams_table import read_table

from keras_siamese.tensorboard.hparams_session import check_hparams, session_end, session_start
from keras_siamese.tensorboard.summary_run import SummaryRun


def test_a_session_is_a_row_and_its_first_start_and_end_count(tmp_path):
    run = SummaryRun(tmp_path / "a" / "run")
    run.write(1, messages=[session_start({"margin": 0.5, "loss": "triplet", "jit": True})])
    assert read_table(tmp_path)["a/run"].statuses == ["STATUS_UNKNOWN"]
    run.write(2, scalars={"val_loss": 0.25}, messages=[session_start({"margin": 9.0})])
    run.write(2, messages=[session_end(success=False)])
    run.write(3, messages=[session_end(success=True)])
    (row,) = read_table(tmp_path).values()
    assert row.hparams == {"margin": 0.5, "loss": "triplet", "jit": True}
    assert row.metrics == {"val_loss": 0.25}
    assert row.statuses == ["STATUS_FAILURE"]


def test_sessions_of_a_group_share_a_row(tmp_path):
    for name, value in (("a", 0.25), ("b", 0.75)):
        start, end = session_start({"margin": 0.5}, group="trial 3"), session_end(success=True)
        SummaryRun(tmp_path / name).write(1, scalars={"recall": value}, messages=[start, end])
    SummaryRun(tmp_path / "c").write(1, messages=[session_start({"margin": 0.5})])
    table = read_table(tmp_path)
    assert list(table) == ["c", "trial 3"]
    assert table["trial 3"].metrics == {"recall": 0.5}
    assert table["trial 3"].statuses == ["STATUS_SUCCESS", "STATUS_SUCCESS"]


def test_values_are_those_of_python():
    values = {"a": np.float32(0.5), "b": np.int64(3), "c": True, "d": "text", "e": np.bool_(False)}
    checked = check_hparams(values)
    assert checked == {"a": 0.5, "b": 3, "c": True, "d": "text", "e": False}
    assert [type(value) for value in checked.values()] == [float, int, bool, str, bool]


@pytest.mark.parametrize("hparams", [{"a": None}, {"a": [1]}, {"a": float("nan")}, {"": 1}, {3: 1}])
def test_what_tensorboard_cannot_show_is_refused(hparams):
    with pytest.raises(ValueError, match=r"strings, finite numbers or bools, by name. Received"):
        check_hparams(hparams)
