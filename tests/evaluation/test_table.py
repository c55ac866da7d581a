"""format_table: alignment, missing figures, bad input."""

import pytest

from keras_siamese.evaluation import format_table


def test_example_of_the_docstring():
    table = format_table({"pixels": {"recall@1": 0.9}, "trained": {"recall@1": 0.987}})
    assert table == (
        "|         | recall@1 |\n"
        "| ------- | -------: |\n"
        "| pixels  |    0.900 |\n"
        "| trained |    0.987 |"
    )


def test_percent_missing_figures_and_wide_figures():
    table = format_table(
        {"a|b": {"AUC": 12345.6, "error": 0.0345}, "c": {"error": 1.0, "n": float("nan")}},
        percent=["error"],
    )
    assert table == (
        "|      |       AUC |  error |   n |\n"
        "| ---- | --------: | -----: | --: |\n"
        "| a\\|b | 12345.600 |   3.5% |   - |\n"
        "| c    |         - | 100.0% | nan |"
    )


def test_bad_input():
    with pytest.raises(ValueError, match="empty"):
        format_table({})
    with pytest.raises(ValueError, match="empty"):
        format_table({"pixels": {}})
    with pytest.raises(ValueError, match=r"`percent`.*'erro'.*'error'"):
        format_table({"pixels": {"error": 0.1}}, percent=["erro"])
