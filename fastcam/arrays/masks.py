"""Masks of maps: the pixels above a threshold, or the highest ones of a given area."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.checks import check_host
from fastcam.arrays.components import label_images, smallest_area
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.scalars import is_number
from fastcam.arrays.values import Window
from fastcam.errors import InputError


def threshold_masks(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    convention: str = "paper",
    threshold: float | None = None,
    components: str = "all",
    connectivity: int = 8,
    window: Window | None = None,
    engine: str = "auto",
) -> NDArray[np.bool_]:
    """Return masks of the pixels that a convention selects, in which `find_boxes` looks for components.

    Parameters
    ----------
    maps, size, convention, threshold, connectivity, window, engine
        See `fastcam.find_boxes`.
    components
        "all" pixels, or those of the "largest" component, the one in the box of `find_boxes`.

    Returns
    -------
    (..., H, W) bool; with a window its height and width.

    Raises
    ------
    InputError
        Arguments that `fastcam.find_boxes` refuses.

    Examples
    --------
    >>> threshold_masks([[4.0, 0.0, 0.0, 4.0, 4.0]], (1, 5)).astype(int)
    array([[1, 0, 0, 1, 1]])
    >>> threshold_masks([[4.0, 0.0, 0.0, 4.0, 4.0]], (1, 5), components="largest").astype(int)
    array([[0, 0, 0, 1, 1]])
    """
    smallest_area(components, 1)
    labels = label_images(
        maps,
        size,
        convention=convention,
        threshold=threshold,
        connectivity=connectivity,
        window=window,
        engine=engine,
    )
    return labels > 0 if components == "all" else labels == 1


def area_masks(
    maps: ArrayLike, size: tuple[int, int], area: float, *, window: Window | None = None, engine: str = "auto"
) -> NDArray[np.bool_]:
    """Return masks of the highest pixels of each map, which make up a fraction of the image.

    `round(area * H * W)` pixels, at least one, whatever the values: of equal ones the first in raster order, so of a
    constant map the first rows.

    Parameters
    ----------
    maps, size, window, engine
        See `fastcam.heatmaps`; maps in the host's memory.
    area
        Fraction of the pixels of the image, or of the window: above 0 and up to 1.

    Returns
    -------
    (..., H, W) bool; with a window its height and width.

    Raises
    ------
    InputError
        Arguments that `fastcam.heatmaps` refuses; an area out of range; maps on a device.

    Examples
    --------
    >>> area_masks([[1.0, 0.0, 2.0, 1.0]], (1, 4), 0.5).astype(int)
    array([[1, 0, 1, 0]])
    """
    check_host(maps)
    if not is_number(area) or not 0 < area <= 1:
        raise InputError(f"area: expected a fraction of the pixels, above 0 and up to 1; got {area!r}")
    values = heatmaps(maps, size, normalize=False, window=window, engine=engine)
    rows = values.reshape(-1, values.shape[-2] * values.shape[-1])
    count = max(1, round(float(area) * rows.shape[1]))
    found = np.empty(rows.shape, np.bool_)
    for row, mask in zip(rows, found, strict=True):
        least = np.partition(row, -count)[-count]
        np.greater(row, least, out=mask)
        mask[np.flatnonzero(row == least)[: count - np.count_nonzero(mask)]] = True
    return found.reshape(values.shape)
