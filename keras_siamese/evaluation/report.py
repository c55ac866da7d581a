"""What an evaluation found: figures that can be read as a mapping, printed, saved and shown."""

import functools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.evaluation.confidence import Interval, confidence_intervals
from keras_siamese.evaluation.html import Page
from keras_siamese.evaluation.labelled_space import LabelledSpace
from keras_siamese.evaluation.operating_points import (
    OperatingPoint,
    find_operating_points,
    point_name,
    points_at,
)
from keras_siamese.evaluation.report_page import add_plots
from keras_siamese.evaluation.table import format_table
from keras_siamese.evaluation.validation_pairs import count_pairs
from keras_siamese.files import atomic_path
from keras_siamese.metrics import EmbeddingMetric
from keras_siamese.ops.pair_counts import PairCounts

_FORMAT, _VERSION = "keras_siamese.EvaluationReport", 1
# The operating point whose threshold is drawn among the distances.
_MARKED = {False: point_name(0.01), True: "default"}


@dataclass(frozen=True)
class SetSummary:
    """The set that was evaluated.

    Attributes:
        num_items: Number of items.
        num_classes: Number of classes.
        num_left_out: Items that have no match, being alone in their class: they are no queries.
        embedding_dim: Size of the embeddings.
        distance: Of the metrics that have none of their own.
        seen_classes: Whether training saw these classes; None: not told.
        num_gallery: Number of items of the gallery that they are searched in; None: the set itself.
    """

    num_items: int
    num_classes: int
    num_left_out: int
    embedding_dim: int
    distance: str
    seen_classes: bool | None = None
    num_gallery: int | None = None

    def __str__(self) -> str:
        seen = {None: "", True: " that training saw", False: " that training never saw"}
        text = (
            f"{self.num_items:,} items of {self.num_classes:,} classes{seen[self.seen_classes]}; "
            f"{self.embedding_dim} dimensions, {self.distance} distance."
        )
        if self.num_gallery is not None:
            text += f" Searched in a gallery of {self.num_gallery:,} items."
        if self.num_left_out:
            where = "alone in their class" if self.num_gallery is None else "without a match there"
            text += f" {self.num_left_out:,} items are {where}: they are no queries."
        return text


class EvaluationReport(Mapping[str, float]):
    """What `evaluate_embeddings` found.

    A mapping: name of a figure -> its value. `print(report)` shows a table with a 95 % interval
    beside each figure; `to_json` and `to_html` save it. What takes time - intervals, operating
    points, plots - is computed when it is first asked for, from the embeddings, which the report
    keeps.

    Args:
        figures: Name -> value.
        summary: The set.
        intervals: Name -> interval. Defaults to computing them.
        operating_points: Thresholds and what they give. Defaults to computing them.
        space: The labelled embeddings. Without them, nothing more can be computed.
        gallery: The set that they are searched in. Defaults to the first one.
        metrics: The metrics that the figures are of.
        distance: The distance.
        thresholds: Name -> distance, chosen on other data. Defaults to none.

    Attributes:
        summary: The set, a `SetSummary`.
        is_calibrated: Whether the thresholds were chosen on other data than this set.
    """

    def __init__(
        self,
        figures: Mapping[str, float],
        summary: SetSummary,
        *,
        intervals: Mapping[str, Interval] | None = None,
        operating_points: Sequence[OperatingPoint] | None = None,
        space: LabelledSpace | None = None,
        gallery: LabelledSpace | None = None,
        metrics: Sequence[EmbeddingMetric] = (),
        distance: Distance | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self._figures = dict(figures)
        self.summary = summary
        self._space, self._gallery = space, gallery
        self._metrics, self._distance = list(metrics), distance
        self._thresholds = thresholds
        self.is_calibrated = thresholds is not None
        if intervals is not None:
            self.intervals = dict(intervals)
        if operating_points is not None:
            self.operating_points = list(operating_points)

    def __getitem__(self, name: str) -> float:
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._figures})"

    def __str__(self) -> str:
        parts = [str(self.summary), format_table(self._rows())]
        if self.operating_points:
            parts += [_NOTES[self.is_calibrated], format_table(_point_rows(self.operating_points))]
        return "\n\n".join(parts)

    @functools.cached_property
    def intervals(self) -> dict[str, Interval]:
        """The 95 % interval of each figure, by the bootstrap: see `confidence_intervals`.

        Items are drawn; or classes, if the set is told to be of classes that training never saw.
        Empty for a set of which no intervals can be computed, such as one of 1 item a class.
        """
        if self._space is None or self._distance is None:
            return {}
        over = "classes" if self.summary.seen_classes is False else "items"
        try:
            return confidence_intervals(
                self._space.embeddings,
                self._space.class_ids,
                self._metrics,
                over=over,
                distance=self._distance,
            )
        except ValueError:  # Too few items, or classes, to draw from.
            return {}

    @functools.cached_property
    def operating_points(self) -> list[OperatingPoint]:
        """Thresholds, and the false-match and false-non-match rates that they give on this set.

        Those of a calibration, if `evaluate_embeddings` was given one. Else those that give some
        false-match rates on this very set: to decide with, choose one on validation data (see
        `keras_siamese.evaluation.calibrate`).
        """
        if self._pairs is None:
            return []
        if self._thresholds is not None:
            return points_at(self._pairs, self._thresholds)
        return find_operating_points(self._pairs)

    @functools.cached_property
    def _pairs(self) -> PairCounts | None:
        if self._space is None or self._distance is None or self._gallery is not None:
            return None
        try:
            space = self._space
            return count_pairs(space.embeddings, space.class_ids, None, self._distance)[0]
        except ValueError:  # No pairs of one class, or none of two.
            return None

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Gives all but the plots as JSON, and writes it if there is a path.

        Figures that are not finite are given as text: "inf", "-inf", "nan".

        Args:
            path: Of a file, which is there as a whole or not at all. Defaults to none.
        """
        figures = {
            name: {
                "value": value if math.isfinite(value) else str(value),
                **({"low": interval.low, "high": interval.high} if interval else {}),
            }
            for name, value, interval in self._with_intervals()
        }
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "set": asdict(self.summary),
            "figures": figures,
            "operating_points": [asdict(point) for point in self.operating_points],
            "is_calibrated": self.is_calibrated,
        }
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        if path is not None:
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> "EvaluationReport":
        """Reads what `to_json` wrote. Such a report has no embeddings to make plots of.

        Args:
            path: Of the file.

        Raises: ValueError: If the file is no such report, or of another version.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if (content["format"], content["version"]) != (_FORMAT, _VERSION):
                raise ValueError(
                    f"it is {content['format']!r}, version {content['version']!r}, where "
                    f"{_FORMAT!r}, version {_VERSION}, was expected"
                )
            figures = {
                str(name): float(figure["value"]) for name, figure in content["figures"].items()
            }
            intervals = {
                str(name): Interval(figures[name], float(figure["low"]), float(figure["high"]))
                for name, figure in content["figures"].items()
                if "low" in figure
            }
            points = [OperatingPoint(**point) for point in content["operating_points"]]
            summary = SetSummary(**content["set"])
            is_calibrated = bool(content["is_calibrated"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"Expected a report that `to_json` wrote. Received: {os.fspath(path)!r}, which "
                f"cannot be read: {error}."
            ) from error
        report = cls(figures, summary, intervals=intervals, operating_points=points)
        report.is_calibrated = is_calibrated
        return report

    def to_html(
        self,
        path: str | os.PathLike[str],
        items: Any = None,
        *,
        gallery_items: Any = None,
        title: str = "Evaluation of embeddings",
        method: str = "tsne",
        max_points: int = 2000,
        seed: int = 0,
    ) -> None:
        """Writes one HTML page with all figures, plots and examples, which asks for no other file.

        It is light or dark as the reader's system is. The file is there as a whole or not at all.

        Args:
            path: Of the file.
            items: What the embeddings are of, in the same order: images, texts, or a
                `keras_siamese.data.Source`. Images may be bytes, floats of any range, grey or in
                colour. Defaults to `None`: items are named by their places.
            gallery_items: What the embeddings of the gallery are of, if there is one.
            title: Title of the page.
            method: `"tsne"` (the default), `"pca"` or `"umap"`, for the map.
            max_points: Items on the map at most. Defaults to 2000.
            seed: Seed of the map and of the choice of queries. Defaults to 0.

        Raises: ValueError: If there are not as many items as embeddings, or the report was read
            from a file and has no embeddings.
        """
        if self._space is None or self._distance is None:
            raise ValueError(
                "The plots need the embeddings. Received: a report that was read from a file. "
                "Call `to_html` on what `evaluate_embeddings` gave."
            )
        page = Page(title)
        page.add_text(str(self.summary))
        rows = [
            [name, f"{value:.4f}", *([f"{i.low:.4f}", f"{i.high:.4f}"] if i else ["-", "-"])]
            for name, value, i in self._with_intervals()
        ]
        page.add_table(["", "value", "95 % interval: from", "to"], rows)
        if self.operating_points:
            page.add_heading("Operating points")
            page.add_text(_NOTES[self.is_calibrated], is_note=True)
            titles = ["", "threshold", "false-match rate", "false-non-match rate"]
            page.add_table(titles, [_point_cells(point) for point in self.operating_points])
        thresholds = {point.name: point.threshold for point in self.operating_points}
        add_plots(
            page,
            self._space,
            self._distance,
            pairs=self._pairs,
            threshold=thresholds.get(_MARKED[self.is_calibrated]),
            items=items,
            gallery=self._gallery,
            gallery_items=gallery_items,
            method=method,
            max_points=max_points,
            seed=seed,
        )
        page.write(path)

    def _with_intervals(self) -> Iterator[tuple[str, float, Interval | None]]:
        for name, value in self._figures.items():
            interval = self.intervals.get(name)
            yield name, value, interval if interval and interval.is_known else None

    def _rows(self) -> dict[str, dict[str, float]]:
        return {
            name: {"value": value, **({"from": i.low, "to": i.high} if i else {})}
            for name, value, i in self._with_intervals()
        }


_NOTES = {
    False: "Thresholds of this very set. To decide with, choose one on validation data "
    "(keras_siamese.evaluation.calibrate).",
    True: "Thresholds that were chosen on other data, and what they give on this set.",
}


def summarize(
    space: LabelledSpace,
    distance: Distance,
    seen_classes: bool | None = None,
    gallery: LabelledSpace | None = None,
) -> SetSummary:
    """Describes a set.

    Args:
        space: The set.
        distance: The distance.
        seen_classes: Whether training saw its classes.
        gallery: The set that it is searched in, if it is another one.
    """
    if gallery is None:
        num_left_out = np.count_nonzero(np.bincount(space.class_ids) == 1)
    else:
        num_left_out = np.count_nonzero(~np.isin(space.labels, gallery.classes))
    return SetSummary(
        num_items=len(space),
        num_classes=len(space.classes),
        num_left_out=int(num_left_out),
        embedding_dim=space.embeddings.shape[1],
        distance=distance.name,
        seen_classes=seen_classes,
        num_gallery=None if gallery is None else len(gallery),
    )


def _point_rows(points: Sequence[OperatingPoint]) -> dict[str, dict[str, float]]:
    return {
        point.name: {
            "threshold": point.threshold,
            "false matches, %": 100 * point.false_match_rate,
            "false non-matches, %": 100 * point.false_non_match_rate,
        }
        for point in points
    }


def _point_cells(point: OperatingPoint) -> list[str]:
    rates = (point.false_match_rate, point.false_non_match_rate)
    return [point.name, f"{point.threshold:.4g}", *(f"{rate:.3%}" for rate in rates)]
