"""The array-level API: maps, heatmaps and boxes from feature maps and weights, wherever they come from."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import conventions, engines
from fastcam.arrays import check_connectivity, check_maps, class_indices, float_array, image_size
from fastcam.conventions import Convention, pixel_rule
from fastcam.errors import InputError
from fastcam.results import Boxes
from fastcam.sampling import Grid, grid


def activation_maps(
    feature_maps: ArrayLike, class_weights: ArrayLike, class_index: ArrayLike, *, engine: str = "auto"
) -> NDArray[np.float32]:
    """Class activation maps: (N, M, h, w) float32, raw.

    `M_c(x, y) = sum_k W[c, k] f_k(x, y)` (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization").
    With a bias b and global *average* pooling, `mean_xy M_c(x, y) + b[c]` is the logit of class c. The sum is taken in
    channel order in float32, so every engine gives the same bits.

    Parameters
    ----------
    feature_maps
        (N, C, h, w) real numbers: the last spatial layer's output.
    class_weights
        (K, C): the weights behind the pooling, one row a class.
    class_index
        The classes wanted, in [0, K): one for all images, (M,) for all images, or (N, M), row n for image n.
    engine
        "auto" or "cpu": Numba; "reference": NumPy.

    Raises
    ------
    InputError
        A wrong shape, dtype or class index; or NaN, infinity or absurdly large numbers in the result (names the item).

    Examples
    --------
    >>> features = np.arange(8.0).reshape(1, 2, 2, 2)                   # N=1, C=2, h=w=2
    >>> activation_maps(features, [[1.0, 0.0], [-1.0, 1.0]], [0, 1])[0]
    array([[[0., 1.], [2., 3.]],
           [[4., 4.], [4., 4.]]], dtype=float32)
    """
    features = float_array("feature_maps", feature_maps, 4)
    weights = float_array("class_weights", class_weights, 2)
    if weights.shape[1] != features.shape[1]:
        raise InputError(
            f"class_weights: expected (K, {features.shape[1]}), as the feature maps {features.shape} have "
            f"{features.shape[1]} channels; got {weights.shape}"
        )
    index = class_indices(class_index, len(features), len(weights))
    return channel_sum(features, np.ascontiguousarray(weights[index]), engines.named(engine))


def channel_sum(
    feature_maps: NDArray[np.float32], channel_weights: NDArray[np.float32], run: engines.Engine
) -> NDArray[np.float32]:
    """(N, M, h, w) from (N, C, h, w) and (N, M, C), checked to be finite: the last step of every method."""
    maps = run.activation_maps(feature_maps, channel_weights)
    check_maps("activation maps", maps)
    return maps


def heatmaps(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    normalise: bool = True,
    window: tuple[int, int, int, int] | None = None,
    engine: str = "auto",
) -> NDArray[np.float32]:
    """Maps at image size: (..., H, W) float32, each scaled to [0, 1] by its own minimum and maximum.

    Bilinear with half-pixel centres and replicated edges (`align_corners=False`). A constant map becomes zeros.

    Parameters
    ----------
    maps
        (..., h, w) real numbers.
    size
        (H, W) of the image that the maps cover.
    normalise
        False leaves the raw values, which are comparable between maps.
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image; minimum and maximum are theirs.
    engine
        "auto" or "cpu": Numba; "reference": NumPy.

    Raises
    ------
    InputError
        Fewer than two axes, no element, a number that isn't finite, an impossible size or window.

    Examples
    --------
    >>> heatmaps([[0.0, 4.0]], (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    """
    flat, leading = _flat_maps(maps)
    where = _grid(flat, size, window)
    run = engines.named(engine)
    normalisation = np.tile(np.array([0, 1], np.float32), (len(flat), 1))
    if normalise:
        extrema = run.extrema(flat, where)
        normalisation[:, 0] = extrema[:, 0]
        spread = extrema[:, 1] - extrema[:, 0]
        normalisation[:, 1] = np.where(spread > 0, spread, np.float32(1))
    return run.heatmaps(flat, where, normalisation).reshape(*leading, *where.size)


def find_boxes(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int = 8,
    window: tuple[int, int, int, int] | None = None,
    engine: str = "auto",
) -> Boxes:
    """The box around the largest connected component of each map's highest values, in image pixels.

    Upsample bilinearly to (H, W), keep the pixels that the convention lets in, take the largest component (most pixels;
    of equals the one met first in raster order), and give its extent. No (H, W) array is made.

    Parameters
    ----------
    maps
        (..., h, w) real numbers.
    size
        (H, W) of the image that the maps cover.
    convention
        "paper": above 20 % of the maximum (Zhou et al. 2016); "gradcam": above 15 % of the maximum of the rectified
        map (Selvaraju et al. 2017); "minmax": above 20 % of the range. See `fastcam.conventions`.
    threshold
        Another fraction, in (0, 1).
    connectivity
        8 or 4 neighbours.
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image count, and boxes are relative to its corner.
    engine
        "auto" or "cpu": Numba; "reference": NumPy and scikit-image.

    Returns
    -------
    Boxes
        With the leading axes of `maps`.

    Raises
    ------
    InputError
        Maps as in `heatmaps`; an unknown convention; a threshold outside (0, 1); a connectivity other than 4 or 8.

    Examples
    --------
    >>> boxes = find_boxes([[0.0, 4.0, 0.0]], (6, 12))
    >>> boxes.xyxy, int(boxes.area), float(boxes.peak)
    (array([3, 0, 9, 6], dtype=int32), 36, 3.5)
    """
    rule = conventions.named(convention, threshold)
    neighbours = check_connectivity(connectivity)
    flat, leading = _flat_maps(maps)
    where = _grid(flat, size, window)
    boxes = boxes_on_grid(flat, where, rule, neighbours, engines.named(engine))
    return Boxes(boxes.xyxy.reshape(*leading, 4), boxes.area.reshape(leading), boxes.peak.reshape(leading))


def boxes_on_grid(
    maps: NDArray[np.float32], where: Grid, rule: Convention, connectivity: int, run: engines.Engine
) -> Boxes:
    """Boxes of (P, h, w) maps that are checked already, at the pixels of a grid."""
    if rule.rectify:
        maps = np.maximum(maps, 0)
    extrema = run.extrema(maps, where)
    xyxy, area = run.find_boxes(maps, where, pixel_rule(rule, extrema), connectivity)
    return Boxes(xyxy, area, np.ascontiguousarray(extrema[:, 1]))


def _flat_maps(maps: ArrayLike) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Maps as (P, h, w), and the leading axes that they came with."""
    array = float_array("maps", maps)
    if array.ndim < 2:
        raise InputError(f"maps: expected (..., h, w), at least two axes; got shape {array.shape}")
    check_maps("maps", array)
    return array.reshape(-1, *array.shape[-2:]), array.shape[:-2]


def _grid(maps: NDArray[np.float32], size: tuple[int, int], window: tuple[int, int, int, int] | None) -> Grid:
    height, width = image_size(size)
    if window is not None:
        try:
            x0, y0, x1, y1 = (operator.index(side) for side in window)
        except (TypeError, ValueError):
            raise InputError(f"window: expected four whole numbers (x0, y0, x1, y1); got {window!r}") from None
        window = (x0, y0, x1, y1)
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(f"window: expected x0 < x1 <= {width} and y0 < y1 <= {height}; got {window}")
    return grid((maps.shape[1], maps.shape[2]), (height, width), window)
