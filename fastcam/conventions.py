"""Named rules that say which pixels of an upsampled map belong to the object.

Every rule is `(v - offset) / scale > cut` in float32 on the upsampled values `v`; a convention gives the three numbers
per map from the map's extrema. The conventions and their sources:

- `paper`, Zhou et al. 2016, "Learning Deep Features for Discriminative Localization": `v > 0.20 * max(v)`.
- `gradcam`, Selvaraju et al. 2017, "Grad-CAM": the map is rectified (ReLU) before upsampling, then `v > 0.15 * max(v)`.
- `minmax`, the habit of most CAM libraries: `(v - min(v)) / (max(v) - min(v)) > threshold`, 0.20 unless told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError


@dataclass(frozen=True, slots=True)
class Convention:
    """How to get from a map to a mask: `rectify` before upsampling, normalise by `minmax` after it, then compare."""

    name: str
    threshold: float
    rectify: bool = False
    minmax: bool = False


CONVENTIONS = {
    c.name: c
    for c in (
        Convention("paper", 0.20),
        Convention("gradcam", 0.15, rectify=True),
        Convention("minmax", 0.20, minmax=True),
    )
}


def named(name: str, threshold: float | None = None) -> Convention:
    """The convention of that name, with another threshold if one is given.

    Raises
    ------
    InputError
        No convention of that name, or a threshold outside (0, 1).

    Examples
    --------
    >>> named("paper").threshold
    0.2
    """
    if not isinstance(name, str) or name not in CONVENTIONS:
        raise InputError(f"convention: expected one of {', '.join(CONVENTIONS)}; got {name!r}")
    found = CONVENTIONS[name]
    value = found.threshold if threshold is None else threshold
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)) or not 0 < value < 1:
        raise InputError(f"threshold: expected a fraction of the map's range in (0, 1); got {value!r}")
    return Convention(found.name, float(value), found.rectify, found.minmax)


def pixel_rule(rule: Convention, extrema: NDArray[np.float32]) -> NDArray[np.float32]:
    """(P, 3) float32: offset, scale and cut of each map, from its (P, 2) minimum and maximum.

    A map without a positive maximum (`paper`, `gradcam`) or without a range (`minmax`) gets an infinite cut: no pixel.
    """
    low, high = extrema[:, 0], extrema[:, 1]
    threshold = np.float32(rule.threshold)
    numbers = np.empty((len(extrema), 3), np.float32)
    if rule.minmax:
        numbers[:, 0] = low
        numbers[:, 1] = np.where(high > low, high - low, np.float32(1))
        numbers[:, 2] = np.where(high > low, threshold, np.float32(np.inf))
    else:
        numbers[:, 0] = 0
        numbers[:, 1] = 1
        numbers[:, 2] = np.where(high > 0, threshold * high, np.float32(np.inf))
    return numbers
