"""Conventions: named rules for which pixels of an upsampled map belong to the object.

On the upsampled values `v` in float32, with their sources:

- `paper`, Zhou et al. 2016, "Learning Deep Features for Discriminative Localization": `v > 0.20 * max(v)`.
- `gradcam`, Selvaraju et al. 2017, "Grad-CAM": the map is rectified (ReLU) before upsampling, then `v > 0.15 * max(v)`.
- `minmax`, the habit of most CAM libraries: `(v - min(v)) / (max(v) - min(v)) > threshold`, by default 0.20.

A map without a positive maximum (`paper`, `gradcam`) or without a range (`minmax`) has no such pixel.

Two more come from the code of evaluations, need all pixels of a heatmap, and are in `fastcam.arrays.sweeps`: `wsol`,
Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right"; `cam-release`, the code that was
released with Zhou et al.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastcam.arrays.scalars import is_number
from fastcam.errors import InputError


@dataclass(frozen=True, slots=True)
class Convention:
    """A rule from a map to a mask: `rectify` before upsampling, normalise by `minmax` after it, then compare."""

    name: str
    threshold: float
    rectify: bool = False
    minmax: bool = False

    @property
    def numbers(self) -> tuple[float, bool, bool]:
        """(threshold, rectify, minmax), the arguments of the kernels."""
        return self.threshold, self.rectify, self.minmax


CONVENTIONS = {
    c.name: c
    for c in (
        Convention("paper", 0.20),
        Convention("gradcam", 0.15, rectify=True),
        Convention("minmax", 0.20, minmax=True),
    )
}

DENSE = ("wsol", "cam-release")


def named(name: str, threshold: float | None = None) -> Convention:
    """Return the convention of that name, with another threshold if one is given.

    Raises
    ------
    InputError
        No convention of that name, or a threshold outside (0, 1).

    Examples
    --------
    >>> named("paper").threshold
    0.2
    """
    if isinstance(name, str) and name in DENSE:
        raise InputError(
            f"convention: expected one of {', '.join(CONVENTIONS)}, which need no heatmap; got {name!r}, which "
            f"fastcam.arrays.sweep(maps, size, convention={name!r}) has, for activation maps in the host's memory"
        )
    if not isinstance(name, str) or name not in CONVENTIONS:
        raise InputError(f"convention: expected one of {', '.join(CONVENTIONS)}; got {name!r}")
    found = CONVENTIONS[name]
    if threshold is None:
        return found
    value = threshold
    if not is_number(value) or not 0 < value < 1:
        raise InputError(f"threshold: expected a fraction of the map's range in (0, 1); got {value!r}")
    return Convention(found.name, float(value), found.rectify, found.minmax)
