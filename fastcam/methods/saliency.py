"""Saliency: the gradient of the logit with regard to the network input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import InputMethod


def activation_maps(gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps (M, H, W), 0 and more, of gradients (M, C, H, W): `max_c |w_c|` with `w = d logit / d image`.

    Simonyan et al. 2014, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency
    Maps", section 3.1. Cost: a forward and a backward of the whole network.

    Examples
    --------
    >>> activation_maps(np.array([[[[1, 0]], [[-3, 2]]]], np.float32)).tolist()
    [[[3.0, 2.0]]]
    """
    return np.abs(gradients).max(axis=1)


SALIENCY = InputMethod(
    name="saliency",
    formula=r"`max_c \|g\|` of the gradient",
    paper="Simonyan et al. 2014",
    variant="gradient",
    maps=activation_maps,
)
