"""Methods: how to weigh the channels of the feature maps, or what to send back to the network input. One file each.

Most of the first kind have one shape: from feature maps A (C, h, w) and gradients g = d logit / d A of M classes,
(M, C, h, w), come weights, one for each channel (M, C) or for each place as well (M, C, h, w); the map is the ReLU of
the weighted sum over channels. Where the gradient of a class is the same everywhere it is (M, C, 1, 1). A gradient may
be that of several logits, each times its entry in a seed (K,). Those of `MASKING` need no gradient: they hide parts of
the image or of its feature maps, and ask the model again (`fastcam.methods.masking`).

Those of `OF_INPUT` follow the gradient, or a variant of it, to the network input (M, C, H, W), or to a layer not far
from it; their maps (M, H, W) are what they make of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import GradientError, InputError
from fastcam.methods import (
    cmwp,
    deconvolution,
    eigencam,
    excitation,
    finercam,
    gradcam,
    gradcam_plus_plus,
    guidedbackprop,
    guidedgradcam,
    hirescam,
    layercam,
    saliency,
    xgradcam,
)
from fastcam.model.gradient.tape import one_hot
from fastcam.model.head.head import Head

Weigh = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
Seed = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]

WEIGHTS: Mapping[str, Weigh] = {
    "gradcam": gradcam.weights,
    "gradcam++": gradcam_plus_plus.weights,
    "xgradcam": xgradcam.weights,
    "hirescam": hirescam.weights,
    "layercam": layercam.weights,
    "finercam": gradcam.weights,
    "finercam-weighted": gradcam.weights,
    "eigencam": eigencam.weights,
}
SEEDS: Mapping[str, Seed] = {"finercam": finercam.difference, "finercam-weighted": finercam.weighted}
RECIPROCAM = ("reciprocam", "reciprocam-gaussian")
MASKING = ("scorecam", "ablationcam", *RECIPROCAM)


class OfInput(NamedTuple):
    """A method that goes back to the network input.

    Attributes
    ----------
    variant
        Of the rules of differentiation (`fastcam.model.gradient.rules.VARIANTS`).
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
METHODS = ("cam", *WEIGHTS, *MASKING, *OF_INPUT)
CLASSLESS = frozenset({"eigencam"})  # of which no gradient is asked


def named(method: Any, head: Head, layers: Sequence[str] = ()) -> str:
    """The method of that name; "auto" is CAM where it is exact, else Grad-CAM, as at other layers.

    Raises
    ------
    InputError
        There is none of that name, or it is "cam", and other layers are asked for.
    HeadNotFoundError
        It is "cam", and the head isn't exact.
    GradientError
        It goes back through the network from classes of `Classifier.with_classes`, or to other layers.
    """
    if not isinstance(method, str) or method not in ("auto", *METHODS):
        raise InputError(f"method: expected one of {', '.join(('auto', *METHODS))}; got {method!r}")
    if layers and method in OF_INPUT:
        raise InputError(
            f"layer: expected none for method {method!r}, whose maps are those of the network input; got {layers}. Use "
            f"input_gradient(method={method!r}, layer=...), or a method that weighs feature maps, such as 'gradcam'"
        )
    if layers and method in ("cam", *MASKING):
        raise InputError(
            f"layer: expected none for method {method!r}, which is for the feature maps {head.feature_maps!r}; got "
            f"{layers}. Use a method that follows the gradient, such as 'gradcam'"
        )
    if head.is_learned and (layers or method in OF_INPUT):
        raise GradientError(
            "expected a method that weighs the head's feature maps, such as 'gradcam', and no layer, for a classifier "
            f"made by with_classes, whose logits no file computes; got method {method!r}, layer {layers or None}"
        )
    if method == "cam":
        head.linear()
    if method == "auto":
        return "cam" if head.is_exact and not layers else "gradcam"
    return method


def seeds(method: str, logits: NDArray[np.float32], class_index: NDArray[np.int64]) -> NDArray[np.float32]:
    """(M, K): of which logits, and how much of each, a method takes the gradient; of an image's logits (K,).

    Seeds of a backward pass; `fastcam.export.seeds` are pixels.
    """
    if method in SEEDS:
        return SEEDS[method](logits, class_index)
    return one_hot(class_index, len(logits))


def check_of_input(method: Any, layer: Any) -> None:
    """A method that goes back to the network input, or to another layer if it can, or `InputError`."""
    if not isinstance(method, str) or method not in OF_INPUT:
        raise InputError(f"method: expected one of {', '.join(OF_INPUT)}; got {method!r}")
    if layer is not None and (not isinstance(layer, str) or method == "guidedgradcam"):
        meant = (
            "None, as guidedgradcam is of the network input" if isinstance(layer, str) else "a tensor's name or None"
        )
        raise InputError(f"layer: expected {meant}; got {layer!r}")
