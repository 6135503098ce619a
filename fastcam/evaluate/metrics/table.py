"""The table of all metrics that an evaluation can have."""

from __future__ import annotations

from typing import Any

from fastcam.evaluate.metrics.average_drop import AverageDrop
from fastcam.evaluate.metrics.deletion import Deletion, Insertion
from fastcam.evaluate.metrics.localization import Heuristics, KnownLocalization, TopLocalization
from fastcam.evaluate.metrics.max_box_acc import MaxBoxAcc, MaxBoxAccV2
from fastcam.evaluate.metrics.mean_iou import MeanIoU
from fastcam.evaluate.metrics.metric import Metric
from fastcam.evaluate.metrics.pointing import EnergyInBox, PointingGame, PointingGame15
from fastcam.evaluate.metrics.px_ap import PxAP
from fastcam.evaluate.metrics.road import Road

# In the order of columns.
METRICS: dict[str, type[Metric[Any]]] = {
    one.name: one
    for one in (
        TopLocalization,
        Heuristics,
        KnownLocalization,
        MaxBoxAcc,
        MaxBoxAccV2,
        PointingGame,
        PointingGame15,
        EnergyInBox,
        PxAP,
        MeanIoU,
        AverageDrop,
        Deletion,
        Insertion,
        Road,
    )
}


def described() -> str:
    """Return the table of all metrics in Markdown, as docs/evaluation.md has it.

    What a metric counts is the first line of its docstring.

    Examples
    --------
    >>> print(described().splitlines()[2])
    | `localization` | photo with boxes, by its best classes |
    ILSVRC: one of the five best (class, box) has the class and IoU ≥ 0.5 with one of its boxes. |
    """
    rows = ["| `--metrics` | of each | what is counted |", "| --- | --- | --- |"]
    for name, metric in METRICS.items():
        counted = (metric.__doc__ or "").splitlines()[0]
        rows.append(f"| `{name}` | {metric.group.of} | {counted} |")
    return "\n".join(rows)
