"""Deconvolution: the signal that a deconvolutional network with the same weights sends back to the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods import saliency
from fastcam.methods.method import InputMethod


def activation_maps(gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps (M, H, W), 0 and more: `max_c |R_c|` of the signal R (M, C, H, W) at the image.

    Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks": a gradient, but that each rectifier
    takes the ReLU of what comes from above, `R_in = max(R_out, 0)`, whatever it let through
    (`model.gradient.rules.rectifiers` says what a rectifier is). The paper shows R as a picture; the map is taken as
    that of saliency. Cost: as saliency.

    Examples
    --------
    >>> activation_maps(np.array([[[[1, 0]], [[-3, 2]]]], np.float32)).tolist()
    [[[3.0, 2.0]]]
    """
    return saliency.activation_maps(gradients)


DECONVOLUTION = InputMethod(
    name="deconvolution",
    formula="as `saliency`, with `max(R, 0)` at rectifiers",
    paper="Zeiler and Fergus 2014",
    variant="deconvolution",
    maps=activation_maps,
)
