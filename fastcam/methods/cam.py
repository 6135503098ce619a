"""CAM, the class activation map itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import ClassWeightMethod

if TYPE_CHECKING:
    from fastcam.arrays.engines.engine import Engine
    from fastcam.model.head.head import Head


def channel_weights(
    head: Head, feature_maps: NDArray[np.float32], class_index: NDArray[np.int64], run: Engine
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return summands, weights and rows of weights for one image (1, C, h, w) and classes (1, M).

    `M_c(x, y) = sum_k W[c, k] f_k(x, y)`; Zhou et al. 2016, "Learning Deep Features for Discriminative Localization",
    equation 2. With weights for each position (a head of kind `cam-spatial`), `M_c(x, y) = sum_k W[c, k, x, y]
    f_k(x, y)`: then the products (M, C, h, w) are summed as they are. Cost: the forward that the logits cost anyway.

    Raises
    ------
    HeadNotFoundError
        The head isn't exact.
    """
    weights = run.resident(head.linear()[0])
    if weights.ndim == 2:
        return feature_maps, weights, class_index
    products = feature_maps * weights[class_index[0]]
    return products, run.xp.ones((1, weights.shape[1]), np.float32), np.zeros((len(products), 1), np.int64)


CAM = ClassWeightMethod(name="cam", formula="`W[c, k]`; exact heads only", paper="Zhou et al. 2016")
