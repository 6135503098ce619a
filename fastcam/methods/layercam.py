"""LayerCAM: each value weighted by its own gradient, where that is positive."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import check_maps
from fastcam.arrays.maps import heatmaps
from fastcam.methods.method import WeighingMethod

SHARPNESS = 2  # the authors' gamma


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (M, C, h, w), `ReLU(g_k)`, for `L = ReLU(sum_k ReLU(g_k) A_k)`.

    Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", equations 5 to 7.
    Cost: as Grad-CAM.

    Examples
    --------
    >>> weights(np.ones((1, 1, 2), np.float32), np.array([[[[1, -3]]]], np.float32)).tolist()
    [[[[1.0, 0.0]]]]
    """
    return np.maximum(gradients, 0)


def fused(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Fuse a class's maps at several layers: the largest `tanh(2 L / max L)` at each place of the finest grid.

    Jiang et al. 2021, equation 8, and section III-C on several stages; smaller maps are upsampled bilinearly.

    Raises
    ------
    InputError
        NaN or infinity in a map.

    Examples
    --------
    >>> fused([np.array([[4, 0]], np.float32), np.array([[0, 0, 0, 1]], np.float32)]).round(2)
    array([[0.96, 0.72, 0.24, 0.96]], dtype=float32)
    """
    for one in maps:
        check_maps("maps of a layer", one, one.ndim)
    finest = max((one.shape for one in maps), key=math.prod)
    scaled = [np.tanh(SHARPNESS * one / max(float(one.max()), np.finfo(np.float32).tiny)) for one in maps]
    return np.max([heatmaps(one, finest, normalize=False) for one in scaled], axis=0)


LAYERCAM = WeighingMethod(name="layercam", formula="`ReLU(g_k(x, y))`", paper="Jiang et al. 2021", weigh=weights)
