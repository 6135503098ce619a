"""What results say, in words: names of metrics, figures, rows and classes, and which way a figure is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fastcam.evaluate.protocol import OF_BOXES, OF_MASKS
from fastcam.evaluate.report.markup import DIGITS, is_number

Results = Mapping[str, Any]

METRICS = {
    "localisation": "ILSVRC localisation",
    "heuristics": "ILSVRC, five boxes of three classes (heuristics)",
    "known": "GT-known localisation",
    "max_box_acc": "MaxBoxAcc",
    "max_box_acc_v2": "MaxBoxAccV2",
    "pointing": "Pointing game",
    "pointing_15": "Pointing game, 15 pixels",
    "energy": "Energy in boxes",
    "px_ap": "PxAP",
    "mean_iou": "Masks",
    "average_drop": "Confidence",
    "deletion": "Deletion",
    "insertion": "Insertion",
    "road": "ROAD",
}
POINTING = ("pointing", "pointing_15")
OF_CLASSES = {"accuracy": "GT-known accuracy", "mean_iou": "GT-known mean IoU"} | {
    name: f"{METRICS[name]}, accuracy" for name in POINTING
}
LESS = {"average_drop", "deletion_auc", "road_morf"}
MORE = {
    *("accuracy", "mean_iou", "energy", "average_precision", "pixel_accuracy", "mean_of_classes"),
    *("increase_in_confidence", "insertion_auc", "road_lerf", "road"),
}
WORDS = {"iou": "IoU", "auc": "AUC", "top1": "top-1"}
OF_POINTING = {"accuracy": "accuracy of all pairs", "mean_of_classes": "mean accuracy of classes"}
AT_ONE_IOU = "best_"  # begins what the legends of curves say
# What a second box of a class can't change.
AS_WITHOUT = {"heuristics": {"top1_localisation_error", "classification_error", "top1_classification_error"}}


class Column(NamedTuple):
    """A figure of a metric; `better` is 1 where more is better, -1 where less is, and 0 where that can't be said."""

    metric: str
    figure: str
    title: str
    better: int


def metric_title(metric: str) -> str:
    """As people call it.

    Examples
    --------
    >>> metric_title("known"), metric_title("another")
    ('GT-known localisation', 'another')
    """
    return METRICS.get(metric, metric)


def counts_pairs(metric: str) -> bool:
    """Whether "images" of its figures counts pairs of an image and a class."""
    return metric in (*OF_BOXES, *OF_MASKS)


def figure_title(metric: str, figure: str, figures: Mapping[str, Any]) -> str:
    """A figure's name in words; with the number of predictions that count, where the metric's figures tell it.

    Examples
    --------
    >>> figure_title("known", "mean_iou", {}), figure_title("localisation", "localisation_error", {"top": 5})
    ('mean IoU', 'top-5 localisation error')
    >>> figure_title("pointing", "accuracy", {})
    'accuracy of all pairs'
    """
    if metric in POINTING and figure in OF_POINTING:
        return OF_POINTING[figure]
    words = [WORDS.get(word, word) for word in figure.split("_")]
    if "top" in figures and figure in ("localisation_error", "classification_error"):
        words.insert(0, f"top-{figures['top']}")
    return " ".join(words)


def columns_of(rows: Iterable[Results]) -> list[Column]:
    """Every figure that is a fraction in any row, but for those that stand elsewhere on the page."""
    found: dict[str, dict[str, Column]] = {}
    for row in rows:
        for metric, figures in row["metrics"].items():
            for figure, value in figures.items():
                stands_elsewhere = figure.startswith(AT_ONE_IOU) or figure in AS_WITHOUT.get(metric, ())
                if isinstance(value, float) and not stands_elsewhere:
                    better = -1 if figure in LESS or figure.endswith("_error") else int(figure in MORE)
                    column = Column(metric, figure, figure_title(metric, figure, figures), better)
                    found.setdefault(metric, {}).setdefault(figure, column)
    return [column for columns in found.values() for column in columns.values()]


def are_best(values: list[Any], better: int) -> list[bool]:
    """Which values of a column look like its best one, as they are shown; none where all look alike.

    Examples
    --------
    >>> are_best([0.2, None, 0.4, 0.20001], -1), are_best([0.5, 0.5], 1)
    ([True, False, False, True], [False, False])
    """
    shown = [better * round(value, DIGITS) if is_number(value) else None for value in values]
    known = {value for value in shown if value is not None}
    return [len(known) > 1 and value == max(known) for value in shown]


def row_titles(results: Results) -> list[str]:
    """The method of each row, and its model where there are several."""
    rows = results["rows"]
    several = len({row["model"] for row in rows}) > 1
    return [f"{row['model']}, {row['method']}" if several and row["model"] else row["method"] for row in rows]


def class_names(results: Results) -> dict[int, str]:
    """Labels by class index; JSON has the numbers as text."""
    return {int(index): label for index, label in results["labels"].items()}
