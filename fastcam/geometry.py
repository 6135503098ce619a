"""Where a region of a photo's plane and the photo itself meet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Region = tuple[int, int, int, int]


def visible(region: Region, size: tuple[int, int]) -> Region:
    """The part of a region that lies in the photo of that (height, width)."""
    return max(0, region[0]), max(0, region[1]), min(size[1], region[2]), min(size[0], region[3])


class Part(NamedTuple):
    """The part of a region that lies in a photo.

    Attributes
    ----------
    place
        xyxy, in pixels of the photo.
    sides
        (height, width) of the whole region.
    window
        xyxy, in pixels of the region.
    """

    place: Region
    sides: tuple[int, int]
    window: Region

    def in_photo(self, xyxy: NDArray[np.int32], area: NDArray[np.int32]) -> NDArray[np.int32]:
        """Boxes (..., 4) in the window as boxes in the photo; those without area stay zero."""
        left, top, _, _ = self.place
        if not (left or top):
            return xyxy
        return xyxy + np.where(area[..., None] > 0, np.array([left, top, left, top], np.int32), 0)


def part_of(region: Region, size: tuple[int, int]) -> Part:
    """The `Part` of a region in a photo of that (height, width).

    Examples
    --------
    >>> part_of((-10, 0, 30, 20), (20, 20))
    Part(place=(0, 0, 20, 20), sides=(20, 40), window=(10, 0, 30, 20))
    """
    x0, y0, x1, y1 = region
    left, top, right, bottom = place = visible(region, size)
    return Part(place, (y1 - y0, x1 - x0), (left - x0, top - y0, right - x0, bottom - y0))
