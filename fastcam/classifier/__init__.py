"""Classifiers that explain photos and streams: loaded, run photo by photo or frame by frame, pickled.

`loader` opens a model, `vision` is the way of a photo through it, `explanations` gathers photos, `pipeline` and
`stream` run frames on threads. For users: `fastcam.load` returns a `Classifier`; `Classifier.vision` has the steps. May
import every room below, and none of `evaluate`, `video`, `serve`, `cli` or `export`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier as Classifier
    from fastcam.classifier.labels import Labels as Labels
    from fastcam.classifier.loader import load as load  # pyright: ignore[reportUnknownVariableType]  # ONNX Runtime's
    from fastcam.classifier.steady import Steady as Steady
    from fastcam.classifier.stream import Stream as Stream
    from fastcam.classifier.vision import Vision as Vision
    from fastcam.classifier.worker import Worker as Worker

_HOMES = {
    "Classifier": "classifier",
    "Labels": "labels",
    "Steady": "steady",
    "Stream": "stream",
    "Vision": "vision",
    "Worker": "worker",
    "load": "loader",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
