"""Heatmap, box and label of one map of a signal, a volume or a clip, checked to fit what they are drawn over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.checks import float_array, limits_of
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.scalars import check_index, is_number, is_whole
from fastcam.errors import InputError
from fastcam.export.masks import check_whole
from fastcam.export.text import Font, can_draw
from fastcam.results import Explanation
from fastcam.results.heatmap import heatmap_of

KINDS = {1: ("signal", "(L,)"), 3: ("volume", "(D, H, W)")}


class Shown(NamedTuple):
    """Heatmap, box and words of one map, as they are drawn.

    Attributes
    ----------
    heat
        (L,) or (D, H, W) float32 in [0, 1], over the whole signal or volume.
    box
        xx or xyzxyz, or None.
    label
        The name of the class and its score, or None.
    limits
        Raw values of 0 and 1, or None for the map's own extrema.
    notes
        How map and box were made, in words.
    """

    heat: NDArray[np.float32]
    box: tuple[int, ...] | None
    label: tuple[str, str] | None
    limits: tuple[float, float] | None
    notes: tuple[str, ...]


def shown_of(
    explanation: Explanation | ArrayLike, item: Any, map: Any, size: tuple[int, ...], limits: Any, font: Font
) -> Shown:
    """Return what is drawn of a map over a signal or volume of that size.

    Raises
    ------
    InputError
        No such item or map; an explanation of something else; limits that aren't two numbers.
    """
    check_whole(explanation)
    rank = len(size)
    ends = limits_of(limits, (1,))
    if not isinstance(explanation, Explanation):
        if not all(is_whole(one) and one == 0 for one in (item, map)):
            raise InputError(f"item, map: expected with an Explanation only; got {item!r}, {map!r}")
        heat = heatmaps(float_array("explanation", explanation, rank), size, limits=limits)
        return Shown(heat, None, None, _pair(ends), ())
    n = check_index("item", item, len(explanation.class_index))
    m = check_index("map", map, explanation.class_index.shape[1])
    found, (kind, letters) = explanation[n][m], KINDS[rank]
    if len(found.image_size) != rank:
        raise InputError(f"explanation: expected one of a {kind}, {letters}; got one of {found.image_size}")
    if found.image_size != size:
        raise InputError(f"{kind}: expected the one that was explained, {found.image_size}; got {size}")
    own = found.limits if ends is None else ends[0]
    heat = heatmap_of(found.activation_map, found.region, size, own)
    name = found.name if can_draw(found.name, font) else f"class {found.class_index}"
    notes = [explanation.method]
    if found.box is not None:
        notes.append(f"box: {explanation.convention}, {100 * explanation.threshold:g} %")
    return Shown(heat, found.box, (name, found.score_text), _pair(own), tuple(notes))


def _pair(limits: NDArray[np.float32] | None) -> tuple[float, float] | None:
    if limits is None:
        return None
    low, high = np.ravel(limits).tolist()
    return low, high


def share_of(opacity: Any) -> float:
    """Return an opacity from 0 to 1, or raise `InputError`."""
    if not is_number(opacity) or not 0 <= opacity <= 1:
        raise InputError(f"opacity: expected 0 to 1; got {opacity!r}")
    return float(opacity)


def count_of(name: str, value: Any, most: int, least: int = 1) -> int:
    """Return a whole number in a range, or raise `InputError`."""
    if not is_whole(value) or not least <= value <= most:
        raise InputError(f"{name}: expected a whole number from {least} to {most}; got {value!r}")
    return int(value)


def finite_array(name: str, value: Any, ranks: tuple[int, ...], shapes: str) -> NDArray[Any]:
    """Return an array of real, finite numbers with one of these numbers of axes, or raise `InputError`."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.ndim not in ranks or not array.size:
        raise InputError(f"{name}: expected {shapes} of real numbers, not empty; got {array.dtype} {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise InputError(f"{name}: expected finite values; got {array[tuple(place)]} at {place}")
    return array


def check_rate(rate: Any, what: str) -> None:
    """Check that a rate is None or a positive number of samples or frames a second, or raise `InputError`."""
    if rate is not None and not (is_number(rate) and 0 < rate < float("inf")):
        raise InputError(f"rate: expected {what} a second, a positive number; got {rate!r}")
