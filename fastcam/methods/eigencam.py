"""Eigen-CAM: the first principal component of the feature maps, whatever the class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import check_maps
from fastcam.methods.method import WeighingMethod


def weights(feature_maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (M, C), all alike: the first right singular vector v of A (h w, C), for `L = ReLU(A v)`.

    Muhammad and Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", equations 2 to 4; the sign,
    which they leave open, is the one with which the map adds up to something positive. The same map for every class.
    Cost: a forward, and a singular value decomposition.

    Raises
    ------
    InputError
        NaN or infinity in the feature maps.

    Examples
    --------
    >>> weights(np.array([[[0, 2]], [[0, 0]]], np.float32), np.zeros((1, 2, 1, 1), np.float32)).tolist()
    [[1.0, 0.0]]
    """
    check_maps("feature maps", feature_maps, feature_maps.ndim - 1)
    rows = feature_maps.reshape(len(feature_maps), -1).T.astype(np.float64)
    if len(rows) < rows.shape[1]:  # by the smaller of the two products, whose eigenvectors lead to v
        first = rows.T @ np.linalg.eigh(rows @ rows.T)[1][:, -1]
    else:
        first = np.linalg.eigh(rows.T @ rows)[1][:, -1]
    first /= np.linalg.norm(first) or 1.0
    first = first if (rows @ first).sum() >= 0 else -first
    return np.repeat(first[None].astype(np.float32), len(gradients), axis=0)


EIGENCAM = WeighingMethod(
    name="eigencam",
    formula="the first right singular vector of A, whatever the class",
    paper="Muhammad and Yeasin 2020",
    weigh=weights,
    needs_gradient=False,
)
