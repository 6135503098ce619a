"""Maps at the size of photos: an explanation's, and those that know nothing of the photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.grids import cubic_axis
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.scalars import is_number
from fastcam.errors import InputError
from fastcam.images.regions import placed
from fastcam.results import Explanation


def photo_map(explanation: Explanation, n: int, m: int = 0, *, unseen: float = 0.0) -> NDArray[np.float32]:
    """(H, W) float32 raw values: map m of image n at the size of the photo, bilinear as everywhere in fastcam.

    Parameters
    ----------
    unseen
        The value of pixels that the network didn't see, because of a centre crop.

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
    """(H, W) in [0, 1]: a map as convention "wsol" has it, upsampled bicubically and then between its own extrema.

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
    """(pixels, cells): the weights of cells in each pixel, edges repeated."""
    axis, found = cubic_axis(cells, pixels), np.zeros((pixels, cells))
    for k in range(4):
        np.add.at(found, (np.arange(pixels), np.clip(axis.cell + k - 1, 0, cells - 1)), axis.weight[:, k])
    return found


def nearest(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask (h, w) at another size, by OpenCV's `INTER_NEAREST`, as wsolevaluation does it.

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
    """(N, 2): x and y of the highest pixel of each of N maps (H, W), the first in raster order of equals.

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


def centre_point(size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W): 1 at the pixel in which the middle of the image lies, 0 elsewhere; the baseline of the pointing game.

    Examples
    --------
    >>> centre_point((1, 5))
    array([[0., 0., 1., 0., 0.]], dtype=float32)
    """
    height, width = _checked_size(size)
    found = np.zeros((height, width), np.float32)
    found[height // 2, width // 2] = 1
    return found


def centre_gaussian(size: tuple[int, int], *, sigma: float = 0.5) -> NDArray[np.float32]:
    """(H, W) in (0, 1]: `exp(-(x² + y²) / (2 σ²))`, x and y from -1 to 1 between the image's sides.

    The baseline of Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right". Where the best
    of many thresholds is taken, sigma hardly matters: the pixels above a threshold are an ellipse for any.

    Examples
    --------
    >>> centre_gaussian((1, 3)).round(3)
    array([[0.411, 1.   , 0.411]], dtype=float32)
    """
    height, width = _checked_size(size)
    if not is_number(sigma) or not 0 < sigma < float("inf"):
        raise InputError(f"sigma: expected a positive number; got {sigma!r}")
    rows, columns = ((2 * np.arange(side) + 1) / side - 1 for side in (height, width))
    return np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * sigma**2)).astype(np.float32)


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    sides = np.asarray(size)
    if sides.shape != (2,) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise InputError(f"size: expected (height, width), 1 or more; got {size!r}")
    return int(sides[0]), int(sides[1])
