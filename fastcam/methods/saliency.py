"""Saliency: the gradient of the logit with regard to the network input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def activation_maps(gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, H, W), 0 and more, of gradients (M, C, H, W): `M = max_c |w_c|` with `w = d logit / d image`.

    Simonyan et al. 2014, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency
    Maps", section 3.1. Cost: a forward and a backward of the whole network.

    Examples
    --------
    >>> activation_maps(np.array([[[[1, 0]], [[-3, 2]]]], np.float32)).tolist()
    [[[3.0, 2.0]]]
    """
    return np.abs(gradients).max(axis=1)
