"""Baselines: maps that know nothing of the photo."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_number
from fastcam.errors import InputError

CENTER, GAUSSIAN = "center", "center-gaussian"


def center_point(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the baseline of the pointing game: 1 at the pixel in which the middle of the image lies, 0 elsewhere.

    Parameters
    ----------
    size
        (height, width), 1 or more.

    Returns
    -------
    (height, width) float32

    Raises
    ------
    InputError
        Another size.

    Examples
    --------
    >>> center_point((1, 5))
    array([[0., 0., 1., 0., 0.]], dtype=float32)
    """
    height, width = _checked_size(size)
    found = np.zeros((height, width), np.float32)
    found[height // 2, width // 2] = 1
    return found


def center_gaussian(size: tuple[int, int], *, sigma: float = 0.5) -> NDArray[np.float32]:
    """Return a Gaussian in the middle of an image: `exp(-(x² + y²) / (2 σ²))`, x and y from -1 to 1 between its sides.

    The baseline of Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right". Where the best
    of many thresholds is taken, sigma hardly matters: the pixels above a threshold are an ellipse for any.

    Parameters
    ----------
    size
        (height, width), 1 or more.
    sigma
        The standard deviation, positive.

    Returns
    -------
    (height, width) float32 in (0, 1]

    Raises
    ------
    InputError
        Another size, or a sigma out of range.

    Examples
    --------
    >>> center_gaussian((1, 3)).round(3)
    array([[0.411, 1.   , 0.411]], dtype=float32)
    """
    height, width = _checked_size(size)
    if not is_number(sigma) or not 0 < sigma < float("inf"):
        raise InputError(f"sigma: expected a positive number; got {sigma!r}")
    rows, columns = ((2 * np.arange(side) + 1) / side - 1 for side in (height, width))
    return np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * sigma**2)).astype(np.float32)


BASELINES: Mapping[str, Callable[[tuple[int, int]], NDArray[np.float32]]] = {
    CENTER: center_point,
    GAUSSIAN: center_gaussian,
}


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    sides = np.asarray(size)
    if sides.shape != (2,) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise InputError(f"size: expected (height, width), 1 or more; got {size!r}")
    return int(sides[0]), int(sides[1])
