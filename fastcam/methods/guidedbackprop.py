"""Guided backpropagation: a gradient that passes rectifiers only where it is positive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods import saliency
from fastcam.methods.method import InputMethod


def activation_maps(gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps (M, H, W), 0 and more: `max_c |R_c|` of the signal R (M, C, H, W) at the image.

    Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net", section 3.4: a gradient, but that
    each rectifier lets pass what is positive only, `R_in = 1[x > 0] max(R_out, 0)` (`model.gradient.rules.rectifiers`
    says what a rectifier is). The paper shows R as a picture; the map is taken as that of saliency. Cost: as saliency.

    Examples
    --------
    >>> activation_maps(np.array([[[[1, 0]], [[-3, 2]]]], np.float32)).tolist()
    [[[3.0, 2.0]]]
    """
    return saliency.activation_maps(gradients)


GUIDED_BACKPROP = InputMethod(
    name="guidedbackprop",
    formula="as `saliency`, with `1[x > 0] max(R, 0)` at rectifiers",
    paper="Springenberg et al. 2015",
    variant="guided",
    maps=activation_maps,
)
