"""Class activation maps and their boxes for any ONNX image classifier.

>>> import fastcam
>>> model = fastcam.load("mobilenet_v2.onnx", preprocess="inception")  # doctest: +SKIP
>>> explanation = model.explain("dog.jpg", top=5)         # doctest: +SKIP
>>> explanation.boxes.xyxy                                # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastcam import threads as _threads  # noqa: F401  # exit handlers registered from here on come before its own

if TYPE_CHECKING:
    from fastcam.api import load as load
    from fastcam.boxes import find_boxes as find_boxes
    from fastcam.boxes import localize as localize
    from fastcam.classifier import Classifier as Classifier
    from fastcam.errors import BackendError as BackendError
    from fastcam.errors import FastcamError as FastcamError
    from fastcam.errors import GradientError as GradientError
    from fastcam.errors import HeadNotFoundError as HeadNotFoundError
    from fastcam.errors import InputError as InputError
    from fastcam.errors import KernelError as KernelError
    from fastcam.errors import ModelError as ModelError
    from fastcam.model.head import Head as Head
    from fastcam.ops import activation_maps as activation_maps
    from fastcam.ops import heatmaps as heatmaps
    from fastcam.overlays import overlay as overlay
    from fastcam.results import Boxes as Boxes
    from fastcam.results import Explanation as Explanation

_HOME = {
    "BackendError": "errors",
    "Boxes": "results",
    "Classifier": "classifier",
    "Explanation": "results",
    "FastcamError": "errors",
    "GradientError": "errors",
    "Head": "model.head",
    "HeadNotFoundError": "errors",
    "InputError": "errors",
    "KernelError": "errors",
    "ModelError": "errors",
    "activation_maps": "ops",
    "find_boxes": "boxes",
    "heatmaps": "ops",
    "load": "api",
    "localize": "boxes",
    "overlay": "overlays",
}
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that `import fastcam` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'fastcam' has no attribute {name!r}")
    value = getattr(import_module(f"fastcam.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
