"""Evaluation: the figures by which class activation maps are judged, and the data that they are judged on.

Metrics take arrays and count images (`update`), tell figures (`summary`), and add up across shards (`merge`, `state`,
`restored`), exactly. `bootstrap` gives confidence intervals, `by_class` figures of each class.
"""

from fastcam.evaluate.localisation import KnownLocalisation, TopLocalisation, heuristics
from fastcam.evaluate.maps import centre_gaussian, centre_point, peak_points, photo_map
from fastcam.evaluate.max_box_acc import MaxBoxAcc, MaxBoxAccV2
from fastcam.evaluate.mean_iou import MeanIoU
from fastcam.evaluate.metric import Interval, Metric, bootstrap, by_class, restored
from fastcam.evaluate.overlap import Truth, iou, truth_of, wsol_truth
from fastcam.evaluate.pointing import EnergyInBox, PointingGame
from fastcam.evaluate.pxap import PxAP

__all__ = [
    "EnergyInBox",
    "Interval",
    "KnownLocalisation",
    "MaxBoxAcc",
    "MaxBoxAccV2",
    "MeanIoU",
    "Metric",
    "PointingGame",
    "PxAP",
    "TopLocalisation",
    "Truth",
    "bootstrap",
    "by_class",
    "centre_gaussian",
    "centre_point",
    "heuristics",
    "iou",
    "peak_points",
    "photo_map",
    "restored",
    "truth_of",
    "wsol_truth",
]
