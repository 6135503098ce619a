"""Regions of a photo's plane that the network sees, and their intersection with the photo."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.resampling import Region, View
from fastcam.images.preprocessing import Fit, Preprocess, Rounding

Values = TypeVar("Values", bound=np.generic)

MOST_TIMES = 4  # longer side of a whole photo's network input, in lengths of the shorter side that is wanted


def visible(region: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the intersection of a region with a photo of (height, width) `size`; or xx of (length,), and so on."""
    rank = len(size)
    starts = [max(0, start) for start in region[:rank]]
    return *starts, *[min(size[-1 - k], region[rank + k]) for k in range(rank)]


def is_region(region: tuple[int, ...]) -> bool:
    """Return whether each start of a region is before its end."""
    rank = len(region) // 2
    return all(start < end for start, end in zip(region[:rank], region[rank:], strict=True))


def whole_view(region: Region, target: tuple[int, int]) -> View:
    """Return the `View` of a region that is resized to the network input's (height, width)."""
    return View(region, region, target, (0, 0, target[1], target[0]))


def seen_region(size: tuple[int, int], target: tuple[int, int], fit: Fit, crop_fraction: float) -> Region:
    """Return the part of a photo's plane that becomes the network input, in whole pixels of the photo.

    Whole pixels make the way back exact: the activation map covers exactly this rectangle, which is inside the photo
    for "center-crop" and around it for "letterbox". Frameworks, which resize first and then crop, may see up to one
    photo pixel more or less at a side.

    Parameters
    ----------
    size, target
        (height, width) of the photo and of the network input.
    fit, crop_fraction
        "center-crop", "stretch", "whole" or "letterbox"; side of a centre crop relative to the largest. See
        `Preprocess`.

    Returns
    -------
    (x0, y0, x1, y1), half-open, in pixels of the photo; of a letterbox also below 0 and beyond its sides.

    Examples
    --------
    >>> seen_region((300, 400), (224, 224), "center-crop", 0.875)
    (69, 19, 331, 281)
    >>> seen_region((300, 400), (224, 224), "letterbox", 1.0)
    (0, -50, 400, 350)
    """
    height, width = size
    if fit in ("stretch", "whole"):
        return 0, 0, width, height
    # One unit of scale = one network pixel's side in photo pixels.
    sides = (height / target[0], width / target[1])
    scale = min(sides) * crop_fraction if fit == "center-crop" else max(sides)
    seen_height, seen_width = (max(1, round(side * scale)) for side in target)
    x0, y0 = (width - seen_width) // 2, (height - seen_height) // 2
    return x0, y0, x0 + seen_width, y0 + seen_height


def whole_size(size: tuple[int, int], shorter: int, multiple: int) -> tuple[int, int]:
    """Return the (height, width) of the network input of a whole photo of (height, width) `size`, by the fit "whole".

    The shorter side becomes `shorter` and the longer one as much longer as the photo's, but at most four times
    `shorter`: then both are smaller. Both are rounded to multiples of `multiple`, so that no row or column of pixels is
    left out by the strides of the model; photo and input differ in their proportions by that.

    Examples
    --------
    >>> whole_size((480, 640), 224, 32), whole_size((427, 640), 224, 32), whole_size((100, 2000), 224, 32)
    ((224, 288), (224, 320), (32, 896))
    """
    scale = min(shorter / min(size), MOST_TIMES * shorter / max(size))
    height, width = (max(1, round(side * scale / multiple)) * multiple for side in size)
    return height, width


def view_of(size: tuple[int, int], target: tuple[int, int], spec: Preprocess) -> View:
    """Return the `View` of a photo of (height, width) `size` for a network input of (height, width) `target`.

    Examples
    --------
    >>> spec = Preprocess(fit="resize-crop", resize=256)
    >>> view_of((300, 400), (224, 224), spec)
    View(region=(68, 19, 331, 281), source=(0, 0, 400, 300), size=(256, 341), window=(58, 16, 282, 240), alone=False)
    """
    height, width = size
    if spec.fit == "resize-crop":
        return _cropped_view(size, target, _resized(size, spec.resize, spec.rounding), spec.rounding)
    if spec.fit == "letterbox" and spec.rounding == "nearest":
        share = min(want / have for want, have in zip(target, size, strict=True))
        resized = (max(1, round(height * share)), max(1, round(width * share)))
        return _cropped_view(size, target, resized, spec.rounding)
    if spec.fit == "crop-resize":
        side = max(1, int(spec.crop_fraction * min(size)))
        x0, y0 = (width - side) // 2, (height - side) // 2
        return whole_view((x0, y0, x0 + side, y0 + side), target)._replace(alone=True)
    return whole_view(seen_region(size, target, spec.fit, spec.crop_fraction), target)


def _resized(size: tuple[int, int], resize: int | tuple[int, int] | None, rounding: Rounding) -> tuple[int, int]:
    """Return (height, width) of the resized photo."""
    if not isinstance(resize, int):
        return resize or size
    height, width = size
    exact = resize * max(size) / min(size)
    longer = round(exact) if rounding == "nearest" else int(exact)
    return (longer, resize) if width <= height else (resize, longer)


def _cropped_view(size: tuple[int, int], target: tuple[int, int], resized: tuple[int, int], rounding: Rounding) -> View:
    """Return the `View` of the centre of a whole photo that is resized first."""
    margins = [have - want for have, want in zip(resized, target, strict=True)]
    starts = [_half(margin, rounding) for margin in margins]
    edges = []  # of the window, in pixels of the photo
    for start, want, side, have in zip(starts, target, size, resized, strict=True):
        first = round(start * side / have)
        edges.append((first, max(first + 1, round((start + want) * side / have))))
    (y0, y1), (x0, x1) = edges
    window = (starts[1], starts[0], starts[1] + target[1], starts[0] + target[0])
    return View((x0, y0, x1, y1), (0, 0, size[1], size[0]), resized, window)


def _half(margin: int, rounding: Rounding) -> int:
    """Return the first pixel of a crop, or below 0 that of a border, of sides that differ by `margin`."""
    if margin < 0 and rounding != "down":
        return -(-margin // 2)
    return round(margin / 2) if rounding == "torchvision" else margin // 2  # half to even


class Part(NamedTuple):
    """The intersection of a region with a photo, or with a signal or volume: then xx or xyzxyz, and their sides.

    Attributes
    ----------
    place
        xyxy, in pixels of the photo.
    sides
        (height, width) of the whole region.
    window
        xyxy, in pixels of the region.
    """

    place: tuple[int, ...]
    sides: tuple[int, ...]
    window: tuple[int, ...]

    def in_photo(self, boxes: NDArray[np.int32], area: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return boxes (..., 4) int32 in the window as boxes in the photo; those without area stay zero."""
        corner = self.place[: len(self.sides)]
        if not any(corner):
            return boxes
        return boxes + np.where(area[..., None] > 0, np.array(corner * 2, np.int32), 0)


def part_of(region: tuple[int, ...], size: tuple[int, ...]) -> Part:
    """Return the `Part` of a region in a photo of (height, width) `size`.

    Examples
    --------
    >>> part_of((-10, 0, 30, 20), (20, 20))
    Part(place=(0, 0, 20, 20), sides=(20, 40), window=(10, 0, 30, 20))
    """
    # Lists, not generators, whose tuples would be cut from longer ones: that costs time on each frame.
    rank, place = len(size), visible(region, size)
    sides = (*[region[2 * rank - 1 - k] - region[rank - 1 - k] for k in range(rank)],)
    return Part(place, sides, (*[place[k] - region[k % rank] for k in range(2 * rank)],))


def placed(seen: NDArray[Values], part: Part, size: tuple[int, ...], unseen: float = 0) -> NDArray[Values]:
    """Return the values of the pixels that the network saw, at their place in a photo (H, W); others are `unseen`."""
    rank = len(size)
    found = np.full(size, unseen, seen.dtype)
    found[tuple(slice(*edges) for edges in zip(part.place[:rank], part.place[rank:], strict=True))[::-1]] = seen
    return found
