"""Maps and masks at the size of photos, and the highest points of maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.grids import cubic_axis
from fastcam.arrays.maps import heatmaps
from fastcam.errors import InputError
from fastcam.images.regions import placed
from fastcam.results import Explanation


def photo_map(explanation: Explanation, n: int, m: int = 0, *, unseen: float = 0.0) -> NDArray[np.float32]:
    """Return raw values of one map at the size of its photo, bilinear as everywhere in fastcam.

    Parameters
    ----------
    explanation
        The explanation of one image or several.
    n, m
        The number of the image, and of the map among its maps.
    unseen
        The value of pixels that the network didn't see, because of a centre crop.

    Returns
    -------
    (H, W) float32

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr,fit=stretch")
    >>> photo_map(model.explain(chelsea()), 0).shape
    (300, 451)
    """
    part = explanation.part(n)
    height, width = explanation.image_sizes[n].tolist()
    seen = heatmaps(explanation.activation_maps[n, m], part.sides, normalize=False, window=part.window)
    return placed(seen, part, (height, width), unseen)


def score_map(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return a map as convention "wsol" has it, (H, W) in [0, 1]: upsampled bicubically, then between its own extrema.

    All zero for a constant map. Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right", and
    its code, which upsamples by OpenCV's `INTER_CUBIC`.

    Examples
    --------
    >>> score_map(np.array([[0.0, 4.0]]), (1, 4)).round(3)
    array([[0.   , 0.274, 0.726, 1.   ]])
    """
    rows, columns = (_cubic(*sides) for sides in zip(values.shape, size, strict=True))
    pixels = rows @ values.astype(np.float64) @ columns.T
    low, high = pixels.min(), pixels.max()
    return (pixels - low) / (high - low) if high > low else np.zeros(size)


def _cubic(cells: int, pixels: int) -> NDArray[np.float64]:
    """Return the weights (pixels, cells) of cells in each pixel, edges repeated."""
    axis, found = cubic_axis(cells, pixels), np.zeros((pixels, cells))
    for k in range(4):
        np.add.at(found, (np.arange(pixels), np.clip(axis.cell + k - 1, 0, cells - 1)), axis.weight[:, k])
    return found


def nearest(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a mask (h, w) at another size, by OpenCV's `INTER_NEAREST`, as wsolevaluation does it.

    Examples
    --------
    >>> nearest(np.array([[0, 1, 1]], np.uint8), (1, 6))
    array([[0, 0, 1, 1, 1, 1]], dtype=uint8)
    """
    rows, columns = (
        np.minimum(np.floor(np.arange(new) * (1 / (new / old))).astype(np.int64), old - 1)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def peak_points(maps: Sequence[ArrayLike] | NDArray[Any]) -> NDArray[np.int64]:
    """Return the highest pixel of each map, the first in raster order of equals.

    Parameters
    ----------
    maps
        N maps (H, W), of any sizes.

    Returns
    -------
    (N, 2) int64
        x and y.

    Raises
    ------
    InputError
        A map that isn't (H, W) of numbers, is empty, or has NaN.

    Examples
    --------
    >>> peak_points([[[0.0, 1.0, 3.0], [3.0, 2.0, 1.0]]])
    array([[2, 0]])
    """
    points = np.empty((len(maps), 2), np.int64)
    for n, one in enumerate(maps):
        values = np.asarray(one)
        if values.ndim != 2 or not values.size or values.dtype.kind not in "iuf" or np.isnan(values).any():
            raise InputError(
                f"maps: expected (H, W) of numbers without NaN; got {values.shape} {values.dtype}, map {n}"
            )
        points[n] = np.unravel_index(values.argmax(), values.shape)[::-1]
    return points
