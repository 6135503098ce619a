"""Guided Grad-CAM: guided backpropagation where Grad-CAM sees the class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods import gradcam, saliency
from fastcam.methods.method import Factor, InputMethod


def product(gradients: NDArray[np.float32], coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `R * L` (M, C, H, W), guided backpropagation R (M, C, H, W) and Grad-CAM L (M, H, W) at the input's size.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", section
    3.2; L is upsampled bilinearly, with half-pixel centres. Cost: as saliency and Grad-CAM.

    Examples
    --------
    >>> product(np.array([[[[1, 4]], [[-3, 2]]]], np.float32), np.array([[[2, 0]]], np.float32)).tolist()
    [[[[2.0, 0.0]], [[-6.0, 0.0]]]]
    """
    return gradients * coarse[:, None]


def activation_maps(gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps (M, H, W), 0 and more: `max_c |R_c L|` of the products (M, C, H, W). The paper shows a picture.

    Examples
    --------
    >>> activation_maps(np.array([[[[2, 0]], [[-6, 0]]]], np.float32)).tolist()
    [[[6.0, 0.0]]]
    """
    return saliency.activation_maps(gradients)


GUIDED_GRADCAM = InputMethod(
    name="guidedgradcam",
    formula="guided backpropagation × Grad-CAM",
    paper="Selvaraju et al. 2017",
    variant="guided",
    maps=activation_maps,
    times=Factor(gradcam.GRADCAM, product),
)
