"""HiResCAM: each value weighted by its own gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import WeighingMethod


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the gradients (M, C, h, w) as they are, for `L = ReLU(sum_k g_k A_k)`.

    Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", equation 4; the ReLU is for showing what speaks for the class. Cost: as Grad-CAM.

    Examples
    --------
    >>> weights(np.ones((1, 1, 2), np.float32), np.array([[[[1, -3]]]], np.float32)).tolist()
    [[[[1.0, -3.0]]]]
    """
    return gradients


HIRESCAM = WeighingMethod(name="hirescam", formula="`g_k(x, y)`", paper="Draelos and Carin 2020", weigh=weights)
