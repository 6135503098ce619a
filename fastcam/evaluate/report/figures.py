"""Results in words: titles of metrics, figures, rows and classes, and which way a figure is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fastcam.evaluate.metrics.metric import Figure
from fastcam.evaluate.metrics.table import METRICS
from fastcam.evaluate.report.markup import DIGITS, is_number

WORDS = {"iou": "IoU", "auc": "AUC"}
Results = Mapping[str, Any]


class Column(NamedTuple):
    """A figure of a metric; `better` is 1 where more is better, -1 where less is, and 0 where that can't be said."""

    metric: str
    figure: str
    title: str
    better: int


def metric_title(metric: str) -> str:
    """Return the name by which people call a metric; its own where it isn't one of ours.

    Examples
    --------
    >>> metric_title("known"), metric_title("another")
    ('GT-known localisation', 'another')
    """
    return METRICS[metric].title if metric in METRICS else metric


def class_title(figure: str) -> str:
    """Return the title of a figure of each class by itself.

    Examples
    --------
    >>> class_title("mean_iou"), class_title("another")
    ('GT-known mean IoU', 'another')
    """
    every = (one for metric in METRICS.values() for one in metric.of_classes)
    return next((one.title for one in every if one.name == figure), figure)


def counts_pairs(metric: str) -> bool:
    """Return whether "images" of a metric's figures counts pairs of an image and a class."""
    return metric in METRICS and METRICS[metric].group.of_pairs


def figure_title(metric: str, figure: str, figures: Mapping[str, Any]) -> str:
    """Return a figure's name in words; with the number of predictions that count, where the metric's figures have it.

    Examples
    --------
    >>> figure_title("known", "mean_iou", {}), figure_title("localization", "localization_error", {"top": 5})
    ('mean IoU', 'top-5 localisation error')
    >>> figure_title("pointing", "accuracy", {})
    'accuracy of all pairs'
    """
    if known := _known(metric, figure):
        return known.title.format(top=figures.get("top"))
    return " ".join(WORDS.get(word, word) for word in figure.split("_"))


def columns_of(rows: Iterable[Results]) -> list[Column]:
    """Return every figure that is a fraction in any row; of our own metrics those that have a title."""
    found: dict[str, dict[str, Column]] = {}
    for row in rows:
        for metric, figures in row["metrics"].items():
            for figure, value in figures.items():
                known = _known(metric, figure)
                if isinstance(value, float) and (known or metric not in METRICS):
                    title = figure_title(metric, figure, figures)
                    column = Column(metric, figure, title, known.better if known else 0)
                    found.setdefault(metric, {}).setdefault(figure, column)
    return [column for columns in found.values() for column in columns.values()]


def _known(metric: str, figure: str) -> Figure | None:
    """Return the record of a figure of one of our metrics."""
    own = METRICS[metric].figures if metric in METRICS else ()
    return next((one for one in own if one.name == figure), None)


def are_best(values: list[Any], better: int) -> list[bool]:
    """Return which values of a column look like its best one, as they are shown; none where all look alike.

    Examples
    --------
    >>> are_best([0.2, None, 0.4, 0.20001], -1), are_best([0.5, 0.5], 1)
    ([True, False, False, True], [False, False])
    """
    shown = [better * round(value, DIGITS) if is_number(value) else None for value in values]
    known = {value for value in shown if value is not None}
    return [len(known) > 1 and value == max(known) for value in shown]


def row_titles(results: Results) -> list[str]:
    """Return the method of each row, and its model where there are several."""
    rows = results["rows"]
    several = len({row["model"] for row in rows}) > 1
    return [f"{row['model']}, {row['method']}" if several and row["model"] else row["method"] for row in rows]


def class_names(results: Results) -> dict[int, str]:
    """Return labels by class index; JSON has the numbers as text."""
    return {int(index): label for index, label in results["labels"].items()}
