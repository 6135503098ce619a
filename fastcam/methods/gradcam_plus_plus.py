"""Grad-CAM++: channels weighted by their positive gradients, each by its share in the score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import WeighingMethod


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (M, C), `w_k = sum_xy a_k ReLU(g_k)`, `a_k = g_k^2 / (2 g_k^2 + sum_xy A_k g_k^3)`, 0 for 0 / 0.

    Chattopadhyay et al. 2018, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional
    Networks", equations 9, 10 and 19: the derivatives are those of the score's exponential, whose factor cancels out.
    Divided by g^2, `a_k = 1 / (2 + g_k sum_xy A_k)`, which needs no small number added against division by zero where
    feature maps aren't negative. Cost: as Grad-CAM.

    Examples
    --------
    >>> weights(np.ones((1, 1, 2), np.float32), np.array([[[[1, -3]]]], np.float32)).tolist()
    [[0.25]]
    """
    places = tuple(range(1, feature_maps.ndim))
    sums = feature_maps.sum(axis=places, dtype=np.float64, keepdims=True)
    below = 2 + gradients.astype(np.float64) * sums
    share = np.divide(1, below, out=np.zeros_like(below), where=(gradients != 0) & (below != 0))
    positive = np.broadcast_to(share * np.maximum(gradients, 0), (*gradients.shape[:2], *feature_maps.shape[1:]))
    return positive.sum(axis=tuple(axis + 1 for axis in places)).astype(np.float32)


GRADCAM_PLUS_PLUS = WeighingMethod(
    name="gradcam++",
    formula="`sum_xy a_k ReLU(g_k)`, `a_k = g_k² / (2 g_k² + g_k³ sum_xy A_k)`",
    paper="Chattopadhyay et al. 2018",
    weigh=weights,
)
