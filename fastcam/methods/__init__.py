"""Methods: how to weigh the channels of the feature maps, or what to send back to the network input. One file each.

All of the first kind but CAM have one shape: from feature maps A (C, h, w) and gradients g = d logit / d A of M
classes, (M, C, h, w), come weights, one for each channel (M, C) or for each place as well (M, C, h, w); the map is the
ReLU of the weighted sum over channels. Where the gradient of a class is the same everywhere it is (M, C, 1, 1).

The others follow the gradient, or a variant of it, to the network input (M, C, H, W), or to a layer not far from it;
their maps (M, H, W) are what they make of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.methods import (
    cmwp,
    deconvolution,
    eigencam,
    excitation,
    gradcam,
    gradcam_plus_plus,
    guidedbackprop,
    guidedgradcam,
    hirescam,
    layercam,
    saliency,
    xgradcam,
)
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


class OfInput(NamedTuple):
    """A method that goes back to the network input.

    Attributes
    ----------
    variant
        Of the rules of differentiation (`fastcam.model.rules.VARIANTS`).
    activation_maps
        (M, H, W) of what arrives, (M, C, H, W).
    places
        It stops at the last layer of so many places a side; 0: it doesn't.
    """

    variant: str
    activation_maps: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    places: int = 0


OF_INPUT: Mapping[str, OfInput] = {
    "saliency": OfInput("gradient", saliency.activation_maps),
    "deconvolution": OfInput("deconvolution", deconvolution.activation_maps),
    "guidedbackprop": OfInput("guided", guidedbackprop.activation_maps),
    "guidedgradcam": OfInput("guided", guidedgradcam.activation_maps),
    "excitation": OfInput("excitation", excitation.activation_maps, excitation.PLACES),
    "cmwp": OfInput("contrastive", cmwp.activation_maps, excitation.PLACES),
}
METHODS = ("cam", *WEIGHTS, *OF_INPUT)
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


def check_of_input(method: Any, layer: Any) -> None:
    """A method that goes back to the network input, or to another layer if it can, or `InputError`."""
    if not isinstance(method, str) or method not in OF_INPUT:
        raise InputError(f"method: expected one of {', '.join(OF_INPUT)}; got {method!r}")
    if layer is not None and (not isinstance(layer, str) or method == "guidedgradcam"):
        meant = (
            "None, as guidedgradcam is of the network input" if isinstance(layer, str) else "a tensor's name or None"
        )
        raise InputError(f"layer: expected {meant}; got {layer!r}")
