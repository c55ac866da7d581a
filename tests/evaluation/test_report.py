"""EvaluationReport: a mapping; intervals, table, JSON and page, each paid for when asked for."""

import json
import pickle

import numpy as np
import pytest

from keras_siamese.evaluation import report as module
from keras_siamese.evaluation.calibration import calibrate
from keras_siamese.evaluation.embeddings import evaluate_embeddings
from keras_siamese.evaluation.report import EvaluationReport
from keras_siamese.metrics import MAPAtR, PairAUC, RecallAtK


@pytest.fixture
def report(rng):
    labels = np.repeat(["ant", "bee", "cat & dog"], 20)
    embeddings = rng.normal(size=(60, 4)) + 2 * np.repeat(np.eye(4)[:3], 20, axis=0)
    return evaluate_embeddings(
        embeddings, labels, metrics=[RecallAtK(1), MAPAtR(), PairAUC()], seen_classes=True
    )


def test_a_mapping(report):
    assert list(report) == ["recall_at_1", "map_at_r", "pair_auc"] and len(report) == 3
    assert report == dict(report) == {**report}
    assert "recall_at_1" in report and report.get("none") is None
    assert type(report["pair_auc"]) is float
    assert repr(report).startswith("EvaluationReport({'recall_at_1': 0.")


def test_nothing_is_computed_before_it_is_asked_for(report, monkeypatch):
    for name in ("confidence_intervals", "find_operating_points", "count_pairs"):
        monkeypatch.setattr(module, name, lambda *args, **options: 1 / 0)
    assert dict(report) and repr(report) and report.summary.num_items == 60
    with pytest.raises(ZeroDivisionError):
        str(report)


def test_each_figure_has_an_interval(report):
    assert set(report.intervals) == set(report)
    for name, interval in report.intervals.items():
        assert interval.value == pytest.approx(report[name], abs=1e-6)
        assert interval.low <= report[name] <= interval.high
        assert interval.high - interval.low < 0.5
    assert report.intervals is report.intervals


def test_intervals_over_classes_never_seen(report, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        module, "confidence_intervals", lambda *args, **options: seen.update(options) or {}
    )
    assert report.intervals == {} and seen["over"] == "items"
    embeddings, labels = np.eye(4), [0, 0, 1, 1]
    unseen = evaluate_embeddings(
        embeddings, labels, metrics=[RecallAtK(1)], distance="cosine", seen_classes=False
    )
    assert unseen.intervals == {} and seen["over"] == "classes"
    assert seen["distance"].name == "cosine"


def test_the_table(report):
    text = str(report)
    assert "60 items of 3 classes that training saw; 4 dimensions, euclidean distance." in text
    for name, value in report.items():
        interval = report.intervals[name]
        (line,) = (line for line in text.splitlines() if line.startswith(f"| {name}"))
        shown = [float(cell) for cell in line.strip("| ").split("|")[1:]]
        assert shown == pytest.approx([value, interval.low, interval.high], abs=6e-4)
    assert "FMR 10%" in text and "validation" in text


def test_items_alone_in_their_class_are_counted():
    report = evaluate_embeddings([[0.0], [1.0], [3.0], [9.0]], list("aabc"), metrics=[RecallAtK(1)])
    assert report.summary.num_left_out == 2
    assert "2 items are alone in their class" in str(report)
    assert report.summary.seen_classes is None and "saw" not in str(report)


def test_json_round_trip(report, tmp_path):
    text = report.to_json(tmp_path / "new" / "report.json")
    assert (tmp_path / "new" / "report.json").read_text(encoding="utf-8") == text
    content = json.loads(text)
    assert content["set"]["num_classes"] == 3
    assert set(content["figures"]["map_at_r"]) == {"value", "low", "high"}
    loaded = EvaluationReport.from_json(tmp_path / "new" / "report.json")
    assert loaded == report and str(loaded) == str(report)
    assert loaded.intervals == report.intervals
    assert loaded.operating_points == report.operating_points
    assert loaded.summary == report.summary
    assert loaded.to_json() == text
    with pytest.raises(ValueError, match="was read from a file"):
        loaded.to_html(tmp_path / "page.html")


def test_figures_that_are_no_numbers(report, tmp_path):
    figures = {"a": float("nan"), "b": float("inf")}
    report = EvaluationReport(figures, report.summary, intervals={}, operating_points=[])
    report.to_json(tmp_path / "report.json")
    loaded = EvaluationReport.from_json(tmp_path / "report.json")
    assert np.isnan(loaded["a"]) and loaded["b"] == float("inf")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "other", "version": 1}',
        '{"format": "keras_siamese.EvaluationReport", "version": 2}',
        '{"format": "keras_siamese.EvaluationReport", "version": 1, "figures": {"a": 1}}',
        '{"format": "keras_siamese.EvaluationReport", "version": 1, "figures": {}, '
        '"operating_points": [{"command": "rm"}], "set": {}}',
    ],
)
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"Expected a report that `to_json` wrote.*report\.json"):
        EvaluationReport.from_json(path)


def test_the_page(report, rng, tmp_path):
    report.to_html(tmp_path / "page.html", rng.random((60, 5, 5)), title="My page", method="pca")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>My page</h1>" in text and str(report.summary) in text
    assert f"{report['map_at_r']:.4f}" in text and f"{report.intervals['map_at_r'].low:.4f}" in text
    assert "Operating points" in text and "cat &amp; dog" in text and "cat & dog" not in text


def test_sets_without_pairs_or_intervals(tmp_path):
    report = evaluate_embeddings([[0.0], [1.0], [3.0]], [0, 0, 0], metrics=[RecallAtK(1)])
    assert report.operating_points == []
    assert "recall_at_1" in str(report) and "FMR" not in str(report)
    report.to_html(tmp_path / "page.html", method="pca")


@pytest.mark.parametrize("seen_classes", [None, False])
def test_a_gallery(seen_classes, rng, tmp_path):
    embeddings, labels = rng.normal(size=(30, 3)), np.repeat(["ant", "bee", "cat"], 10)
    report = evaluate_embeddings(
        embeddings,
        labels,
        gallery=(embeddings[:20] + 0.01, labels[:20]),
        seen_classes=seen_classes,
    )
    assert list(report) == ["recall_at_1", "recall_at_5", "map_at_r"]
    assert report["recall_at_1"] == 1.0 and report.summary.num_left_out == 10
    assert "gallery of 20 items. 10 items are without a match there" in str(report)
    interval = report.intervals["map_at_r"]
    assert interval.low < report["map_at_r"] < interval.high
    assert report.operating_points == [] and "FMR" not in str(report)
    report.to_html(tmp_path / "page.html", rng.random((30, 4, 4)), method="pca")
    assert "Nearest neighbours" in (tmp_path / "page.html").read_text()
    report.to_json(tmp_path / "report.json")
    assert EvaluationReport.from_json(tmp_path / "report.json").summary == report.summary


def test_thresholds_of_a_calibration(rng, tmp_path):
    embeddings, labels = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    calibration = calibrate(embeddings[::2], labels[::2], at=0.2, more={"best": ("f1", None)})
    report = evaluate_embeddings(
        embeddings[1::2], labels[1::2], metrics=[RecallAtK(1)], calibration=calibration
    )
    default, best = report.operating_points
    assert (default.name, best.name) == ("default", "best")
    assert default.threshold == calibration.threshold
    far = np.linalg.norm(embeddings[1::2][:10, None] - embeddings[1::2][10:], axis=-1)
    assert default.false_match_rate == pytest.approx((far <= default.threshold).mean())
    assert "chosen on other data" in str(report) and "very set" not in str(report)
    report.to_json(tmp_path / "report.json")
    assert str(EvaluationReport.from_json(tmp_path / "report.json")) == str(report)
    with pytest.raises(ValueError, match="calibration is for distances by"):
        evaluate_embeddings(embeddings, labels, distance="cosine", calibration=calibration)
    with pytest.raises(ValueError, match="a `calibration` and a `gallery`"):
        evaluate_embeddings(
            embeddings, labels, gallery=(embeddings, labels), calibration=calibration
        )


def test_reports_can_be_sent_to_other_processes(report):
    again = pickle.loads(pickle.dumps(report))
    assert again == report and str(again) == str(report)
