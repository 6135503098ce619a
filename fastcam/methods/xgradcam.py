"""XGrad-CAM: gradients averaged by the share that each place has in its feature map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import WeighingMethod


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (M, C), `w_k = sum_xy A_k g_k / sum_xy A_k`, 0 where a feature map adds up to 0.

    Fu et al. 2020, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", equation 10. The
    same as Grad-CAM where gradients are the same everywhere. Cost: as Grad-CAM.

    Examples
    --------
    >>> weights(np.array([[[1, 3]]], np.float32), np.array([[[[4, 0]]]], np.float32)).tolist()
    [[1.0]]
    """
    places = tuple(range(1, feature_maps.ndim))
    products = (feature_maps * gradients).sum(axis=tuple(axis + 1 for axis in places), dtype=np.float64)
    sums = feature_maps.sum(axis=places, dtype=np.float64)
    shares = np.divide(products, sums, out=np.zeros_like(products), where=sums != 0)
    return shares.astype(np.float32)


XGRADCAM = WeighingMethod(
    name="xgradcam", formula="`sum_xy A_k g_k / sum_xy A_k`", paper="Fu et al. 2020", weigh=weights
)
