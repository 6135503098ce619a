"""Guided Grad-CAM: guided backpropagation where Grad-CAM sees the class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods import saliency


def product(gradients: NDArray[np.float32], gradcam: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, C, H, W): `R * L`, of guided backpropagation R (M, C, H, W) and Grad-CAM L (M, H, W) at the input's size.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", section
    3.2; L is upsampled bilinearly, with half-pixel centres. Cost: as saliency and Grad-CAM.

    Examples
    --------
    >>> product(np.array([[[[1, 4]], [[-3, 2]]]], np.float32), np.array([[[2, 0]]], np.float32)).tolist()
    [[[[2.0, 0.0]], [[-6.0, 0.0]]]]
    """
    return gradients * gradcam[:, None]


def activation_maps(gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, H, W), 0 and more: `max_c |R_c L|` of the products (M, C, H, W). The paper shows them as a picture.

    Examples
    --------
    >>> activation_maps(np.array([[[[2, 0]], [[-6, 0]]]], np.float32)).tolist()
    [[[6.0, 0.0]]]
    """
    return saliency.activation_maps(gradients)
