"""Methods: how to weigh the channels of the feature maps. One file each.

Most have one shape: from feature maps A (C, h, w) and gradients g = d logit / d A of M classes, (M, C, h, w),
come weights, one for each channel (M, C) or for each place as well (M, C, h, w); the map is the ReLU of the weighted
sum over channels. Where the gradient of a class is the same everywhere it is (M, C, 1, 1). Those of `MASKING` need no
gradient: they hide parts of the image or of its feature maps, and ask the model again (`fastcam.masking`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.methods import eigencam, gradcam, gradcam_plus_plus, hirescam, layercam, xgradcam
from fastcam.model.head import Head

Weigh = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]

WEIGHTS: Mapping[str, Weigh] = {
    "gradcam": gradcam.weights,
    "gradcam++": gradcam_plus_plus.weights,
    "xgradcam": xgradcam.weights,
    "hirescam": hirescam.weights,
    "layercam": layercam.weights,
    "eigencam": eigencam.weights,
}
RECIPROCAM = ("reciprocam", "reciprocam-gaussian")
MASKING = ("scorecam", "ablationcam", *RECIPROCAM)
METHODS = ("cam", *WEIGHTS, *MASKING)
CLASSLESS = frozenset({"eigencam"})  # of which no gradient is asked


def named(method: Any, head: Head) -> str:
    """The method of that name; "auto" is CAM where it is exact, else Grad-CAM.

    Raises
    ------
    InputError
        There is none of that name.
    HeadNotFoundError
        It is "cam", and the head isn't exact.
    """
    if not isinstance(method, str) or method not in ("auto", *METHODS):
        raise InputError(f"method: expected one of {', '.join(('auto', *METHODS))}; got {method!r}")
    if method == "cam":
        head.linear()
    if method == "auto":
        return "cam" if head.is_exact else "gradcam"
    return method
