"""Evaluation: the figures by which class activation maps are judged, and the data that they are judged on.

Metrics of localisation take arrays and count images (`update`), tell figures (`summary`), and add up across shards
(`merge`, `state`, `restored`), exactly. `bootstrap` gives confidence intervals, `by_class` figures of each class.
`read_annotations` reads photos, classes and boxes in the formats of COCO, Pascal VOC, ILSVRC, wsolevaluation,
CUB-200-2011, and CSV. How faithful maps are to the model, `AverageDrop`, `Deletion`, `Insertion`, `Road` and
`Randomization` ask the model itself. `evaluate` puts all of it together for models, methods and a data set, in steps
that can be interrupted and shared out, and `merge_shards` puts the shards together. `Worker` explains parts of a data
set in other processes.
"""

from fastcam.evaluate.data.annotations import Annotations, Pairs, Problem
from fastcam.evaluate.data.read import read_annotations
from fastcam.evaluate.metrics.average_drop import AverageDrop
from fastcam.evaluate.metrics.deletion import Deletion, Insertion
from fastcam.evaluate.metrics.iou import Truth, iou, truth_of, wsol_truth
from fastcam.evaluate.metrics.localization import KnownLocalization, TopLocalization, heuristics
from fastcam.evaluate.metrics.maps import center_gaussian, center_point, peak_points, photo_map
from fastcam.evaluate.metrics.max_box_acc import MaxBoxAcc, MaxBoxAccV2
from fastcam.evaluate.metrics.mean_iou import MeanIoU
from fastcam.evaluate.metrics.metric import Interval, Metric, bootstrap, by_class, restored
from fastcam.evaluate.metrics.pointing import EnergyInBox, PointingGame
from fastcam.evaluate.metrics.px_ap import PxAP
from fastcam.evaluate.metrics.randomization import Randomization, randomized_models
from fastcam.evaluate.metrics.road import Road, impute
from fastcam.evaluate.protocol import Protocol
from fastcam.evaluate.report.pictures import Pictures
from fastcam.evaluate.run import evaluate
from fastcam.evaluate.shards import merge_shards
from fastcam.evaluate.tables import markdown
from fastcam.evaluate.worker import Worker

__all__ = [
    "Annotations",
    "AverageDrop",
    "Deletion",
    "EnergyInBox",
    "Insertion",
    "Interval",
    "KnownLocalization",
    "MaxBoxAcc",
    "MaxBoxAccV2",
    "MeanIoU",
    "Metric",
    "Pairs",
    "Pictures",
    "PointingGame",
    "Problem",
    "Protocol",
    "PxAP",
    "Randomization",
    "Road",
    "TopLocalization",
    "Truth",
    "Worker",
    "bootstrap",
    "by_class",
    "center_gaussian",
    "center_point",
    "evaluate",
    "heuristics",
    "impute",
    "iou",
    "markdown",
    "merge_shards",
    "peak_points",
    "photo_map",
    "randomized_models",
    "read_annotations",
    "restored",
    "truth_of",
    "wsol_truth",
]
