"""LayerCAM: each value weighted by its own gradient, where that is positive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, C, h, w): `ReLU(g_k)`, for `L = ReLU(sum_k ReLU(g_k) A_k)`.

    Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", equations 5 to 7.
    Cost: as Grad-CAM.

    Examples
    --------
    >>> weights(np.ones((1, 1, 2), np.float32), np.array([[[[1, -3]]]], np.float32)).tolist()
    [[[[1.0, 0.0]]]]
    """
    return np.maximum(gradients, 0)
