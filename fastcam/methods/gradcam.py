"""Grad-CAM: channels weighted by the mean of their gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import WeighingMethod
from fastcam.model.head.layouts import place_means


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (M, C), `alpha_k = mean_xy g_k(x, y)`, for `L = ReLU(sum_k alpha_k A_k)`.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
    1 and 2. Where pooling and a linear layer come last, `alpha_k = W[c, k] / (h w)`: CAM, but for scale and ReLU. Cost:
    a forward, and a backward of what follows the feature maps; nothing more for such heads.

    Examples
    --------
    >>> weights(np.ones((2, 1, 2), np.float32), np.array([[[[1, 3]], [[0, -2]]]], np.float32)).tolist()
    [[2.0, -1.0]]
    """
    return place_means(gradients).astype(np.float32)


GRADCAM = WeighingMethod(name="gradcam", formula="`mean_xy g_k`", paper="Selvaraju et al. 2017", weigh=weights)
