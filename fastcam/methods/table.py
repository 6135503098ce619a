"""Table of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastcam.errors import GradientError, InputError
from fastcam.methods.ablationcam import ABLATIONCAM
from fastcam.methods.cam import CAM
from fastcam.methods.cmwp import CMWP
from fastcam.methods.deconvolution import DECONVOLUTION
from fastcam.methods.eigencam import EIGENCAM
from fastcam.methods.excitation import EXCITATION
from fastcam.methods.finercam import FINERCAM, FINERCAM_WEIGHTED
from fastcam.methods.gradcam import GRADCAM
from fastcam.methods.gradcam_plus_plus import GRADCAM_PLUS_PLUS
from fastcam.methods.guidedbackprop import GUIDED_BACKPROP
from fastcam.methods.guidedgradcam import GUIDED_GRADCAM
from fastcam.methods.hirescam import HIRESCAM
from fastcam.methods.layercam import LAYERCAM
from fastcam.methods.masking_method import MaskingMethod
from fastcam.methods.method import ClassWeightMethod, InputMethod, Method, WeighingMethod
from fastcam.methods.reciprocam import RECIPROCAM, RECIPROCAM_GAUSSIAN
from fastcam.methods.saliency import SALIENCY
from fastcam.methods.scorecam import SCORECAM
from fastcam.methods.xgradcam import XGRADCAM

if TYPE_CHECKING:
    from fastcam.model.head.head import Head

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        CAM,
        GRADCAM,
        GRADCAM_PLUS_PLUS,
        XGRADCAM,
        HIRESCAM,
        LAYERCAM,
        FINERCAM,
        FINERCAM_WEIGHTED,
        EIGENCAM,
        SCORECAM,
        ABLATIONCAM,
        RECIPROCAM,
        RECIPROCAM_GAUSSIAN,
        SALIENCY,
        DECONVOLUTION,
        GUIDED_BACKPROP,
        GUIDED_GRADCAM,
        EXCITATION,
        CMWP,
    )
}
"""Records by name, in the order of help texts and documentation."""


def names(*kinds: type[Method]) -> tuple[str, ...]:
    """Return the names of all methods of some kinds, in the order of the table.

    Examples
    --------
    >>> names(MaskingMethod)
    ('scorecam', 'ablationcam', 'reciprocam', 'reciprocam-gaussian')
    """
    return tuple(name for name, method in METHODS.items() if isinstance(method, kinds))


def help_text() -> str:
    """Return the help of `--method`."""
    first, *weighing = (name for name in names(WeighingMethod))
    return (
        f"auto (default): cam where it is exact, else {first}; {', '.join(weighing)}; "
        f"{', '.join(names(MaskingMethod))} ask the model again; {', '.join(names(InputMethod))}, of the network input"
    )


def named(method: Any, head: Head, layers: Sequence[str] = ()) -> Method:
    """Return the method of that name; "auto" is CAM where it is exact, else Grad-CAM, as at other layers.

    Raises
    ------
    InputError
        There is none of that name, or it is "cam", and other layers are given.
    HeadNotFoundError
        It is "cam", and the head isn't exact.
    GradientError
        It goes back through the network from classes of `Classifier.with_classes`, or to other layers.
    """
    if not isinstance(method, str) or method not in ("auto", *METHODS):
        raise InputError(f"method: expected one of {', '.join(('auto', *METHODS))}; got {method!r}")
    found = METHODS.get(method)
    if layers and isinstance(found, InputMethod):
        raise InputError(
            f"layer: expected none for method {method!r}, whose maps are those of the network input; got {layers}. Use "
            f"input_gradient(method={method!r}, layer=...), or a method that weighs feature maps, such as 'gradcam'"
        )
    if layers and isinstance(found, ClassWeightMethod | MaskingMethod):
        raise InputError(
            f"layer: expected none for method {method!r}, which is for the feature maps {head.feature_maps!r}; got "
            f"{layers}. Use a method that follows the gradient, such as 'gradcam'"
        )
    if head.is_learned and (layers or isinstance(found, InputMethod)):
        raise GradientError(
            "expected a method that weighs the head's feature maps, such as 'gradcam', and no layer, for a classifier "
            f"made by with_classes, whose logits no file computes; got method {method!r}, layer {layers or None}"
        )
    if isinstance(found, ClassWeightMethod):
        head.linear()
    if found is None:
        return CAM if head.is_exact and not layers else GRADCAM
    return found


def of_input(method: Any, layer: Any) -> InputMethod:
    """Return the method of that name, which goes back to the network input, or to another layer if it can.

    Raises
    ------
    InputError
        There is none of that name, or the layer isn't a tensor's name, or the method has no other layer.
    """
    found = METHODS.get(method) if isinstance(method, str) else None
    if not isinstance(found, InputMethod):
        raise InputError(f"method: expected one of {', '.join(names(InputMethod))}; got {method!r}")
    if layer is not None and (not isinstance(layer, str) or found.times):
        meant = f"None, as {method} is of the network input" if isinstance(layer, str) else "a tensor's name or None"
        raise InputError(f"layer: expected {meant}; got {layer!r}")
    return found
