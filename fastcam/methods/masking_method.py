"""Records of methods that hide parts of the image, or of its feature maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastcam.methods.method import Floats, Method

if TYPE_CHECKING:
    from fastcam.methods.masking import Trial
    from fastcam.model.head.layouts import Layout


@dataclass(frozen=True, eq=False, kw_only=True)
class MaskingMethod(Method):
    """A method that hides parts of the image, or of its feature maps, and runs the model again.

    Attributes
    ----------
    weigh
        Returns weights (M, C) of the feature maps; the map is the ReLU of the weighted sum.
    maps
        Returns maps (M, h, w); in place of `weigh`.
    cost
        Returns what a map takes, in words, for a layout of feature maps and a head that is exact or not.
    """

    cost: Callable[[Layout, bool], str]
    weigh: Callable[[Trial], Floats] | None = None
    maps: Callable[[Trial], Floats] | None = None
    needs_gradient: bool = False
