"""Class activation maps and their boxes for any ONNX image classifier.

>>> import fastcam
>>> model = fastcam.load("mobilenet_v2.onnx", preprocess="inception")  # doctest: +SKIP
>>> explanation = model.explain("dog.jpg", top=5)         # doctest: +SKIP
>>> explanation.boxes.xyxy                                # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# Exit handlers that are registered from here on are called before that of `threads`.
from fastcam.arrays import threads as _threads  # noqa: F401  # pyright: ignore[reportUnusedImport]
from fastcam.package import __version__ as __version__
from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.arrays.boxes import find_boxes as find_boxes
    from fastcam.arrays.boxes import localize as localize
    from fastcam.arrays.maps import activation_maps as activation_maps
    from fastcam.arrays.maps import heatmaps as heatmaps
    from fastcam.arrays.values import Boxes as Boxes
    from fastcam.classifier.classifier import Classifier as Classifier
    from fastcam.classifier.loader import load as load  # pyright: ignore[reportUnknownVariableType]  # ONNX Runtime's
    from fastcam.classifier.steady import Steady as Steady
    from fastcam.classifier.stream import Stream as Stream
    from fastcam.errors import BackendError as BackendError
    from fastcam.errors import FastcamError as FastcamError
    from fastcam.errors import GradientError as GradientError
    from fastcam.errors import HeadNotFoundError as HeadNotFoundError
    from fastcam.errors import InputError as InputError
    from fastcam.errors import KernelError as KernelError
    from fastcam.errors import ModelError as ModelError
    from fastcam.export.figure import show as show
    from fastcam.export.overlays import overlay as overlay
    from fastcam.images.preprocessing import Preprocess as Preprocess
    from fastcam.model.head.head import Head as Head
    from fastcam.results import Explanation as Explanation
    from fastcam.results import Found as Found
    from fastcam.results import InputGradient as InputGradient

_ROOMS = ("arrays", "classifier", "evaluate", "export", "images", "methods", "model", "results", "serve", "video")
_HOMES = {
    "BackendError": "errors",
    "Boxes": "arrays.values",
    "Classifier": "classifier.classifier",
    "Explanation": "results",
    "FastcamError": "errors",
    "Found": "results",
    "GradientError": "errors",
    "Head": "model.head.head",
    "HeadNotFoundError": "errors",
    "InputError": "errors",
    "InputGradient": "results",
    "KernelError": "errors",
    "ModelError": "errors",
    "Preprocess": "images.preprocessing",
    "Steady": "classifier.steady",
    "Stream": "classifier.stream",
    "activation_maps": "arrays.maps",
    "find_boxes": "arrays.boxes",
    "heatmaps": "arrays.maps",
    "load": "classifier.loader",
    "localize": "arrays.boxes",
    "overlay": "export.overlays",
    "show": "export.figure",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES, _ROOMS)
