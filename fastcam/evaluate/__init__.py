"""Evaluation: how well class activation maps find objects, and how faithful they are to the model.

For everybody who compares models and methods. Four rooms, in the order of their imports: `metrics`, which take maps
and true boxes as arrays, count images (`update`), have figures (`summary`) and add up across shards (`merge`), exactly;
`data`, which reads annotated photos in the formats of COCO, Pascal VOC, ILSVRC, wsolevaluation, CUB-200-2011, and CSV;
`evaluate`, which puts both together for models and methods in steps that can be interrupted and shared out
(`protocol`, `score`, `records`, `run` and others), and `merge_shards`; and `report`, a page of the results. May import
all rooms of fastcam but `video`, `serve` and `cli`.
"""

from fastcam.evaluate.data import Annotations, Pairs, Problem, read_annotations
from fastcam.evaluate.metrics import (
    AverageDrop,
    Deletion,
    EnergyInBox,
    Insertion,
    Interval,
    KnownLocalization,
    MaxBoxAcc,
    MaxBoxAccV2,
    MeanIoU,
    Metric,
    PointingGame,
    PxAP,
    Randomization,
    Road,
    TopLocalization,
    Truth,
    bootstrap,
    by_class,
    center_gaussian,
    center_point,
    heuristics,
    impute,
    iou,
    peak_points,
    photo_map,
    randomized_models,
    restored,
    truth_of,
    wsol_truth,
)
from fastcam.evaluate.protocol import Protocol
from fastcam.evaluate.report import Pictures
from fastcam.evaluate.results import markdown
from fastcam.evaluate.run import evaluate
from fastcam.evaluate.shards import merge_shards

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
