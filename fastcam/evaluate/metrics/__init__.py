"""Metrics: rows of numbers for each map, and the figures that follow from them; one file each.

For everybody who has maps and true boxes or masks as arrays (`update`, `summary`, `merge`), and for evaluations, which
compute those of `METRICS`. A new metric is a subclass of `SummedMetric` or `KeptMetric` in a file of its own, and a
line in `table.py`. May import all rooms below `fastcam.evaluate`, and nothing of it but this package.
"""

from fastcam.evaluate.metrics.average_drop import AverageDrop
from fastcam.evaluate.metrics.baselines import BASELINES, center_gaussian, center_point
from fastcam.evaluate.metrics.deletion import Deletion, Insertion
from fastcam.evaluate.metrics.group import BEST, BOXES, MASKS, SEEN, Group
from fastcam.evaluate.metrics.iou import Truth, iou, truth_of, wsol_truth
from fastcam.evaluate.metrics.kept import KeptMetric
from fastcam.evaluate.metrics.localization import Heuristics, KnownLocalization, TopLocalization, heuristics
from fastcam.evaluate.metrics.maps import peak_points, photo_map
from fastcam.evaluate.metrics.max_box_acc import MaxBoxAcc, MaxBoxAccV2
from fastcam.evaluate.metrics.mean_iou import MeanIoU
from fastcam.evaluate.metrics.metric import ClassFigure, Figure, Metric
from fastcam.evaluate.metrics.pointing import EnergyInBox, PointingGame, PointingGame15
from fastcam.evaluate.metrics.px_ap import PxAP
from fastcam.evaluate.metrics.randomization import Randomization, randomized_models
from fastcam.evaluate.metrics.road import Road, impute
from fastcam.evaluate.metrics.sample import Sample, Subject
from fastcam.evaluate.metrics.summed import Interval, SummedMetric, bootstrap, by_class, restored
from fastcam.evaluate.metrics.table import METRICS
from fastcam.evaluate.metrics.terms import Terms

__all__ = [
    "BASELINES",
    "BEST",
    "BOXES",
    "MASKS",
    "METRICS",
    "SEEN",
    "AverageDrop",
    "ClassFigure",
    "Deletion",
    "EnergyInBox",
    "Figure",
    "Group",
    "Heuristics",
    "Insertion",
    "Interval",
    "KeptMetric",
    "KnownLocalization",
    "MaxBoxAcc",
    "MaxBoxAccV2",
    "MeanIoU",
    "Metric",
    "PointingGame",
    "PointingGame15",
    "PxAP",
    "Randomization",
    "Road",
    "Sample",
    "Subject",
    "SummedMetric",
    "Terms",
    "TopLocalization",
    "Truth",
    "bootstrap",
    "by_class",
    "center_gaussian",
    "center_point",
    "heuristics",
    "impute",
    "iou",
    "peak_points",
    "photo_map",
    "randomized_models",
    "restored",
    "truth_of",
    "wsol_truth",
]
