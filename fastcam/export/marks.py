"""Marks over a picture: boxes, the outline of the part that a network saw, and labels at their boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.resampling import Region
from fastcam.export.text import BLACK, WHITE, Color, Font, sign

Pixels = NDArray[np.uint8]

# Of several classes in one picture: by Okabe and Ito 2008, "Color Universal Design", those that black letters stand on.
COLORS: tuple[Color, ...] = (
    (240, 228, 66),
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
)
SMALLEST = 12  # pixels of a label's letters


class Mark(NamedTuple):
    """A class in a picture: its box, half-open, or None; the name and the score on its label, or None for no label."""

    box: Region | None
    label: tuple[str, str] | None


def letter_size(height: int, width: int) -> int:
    """Return the size of letters in pixels: a 36th of the diagonal, where that can be read and leaves room.

    Examples
    --------
    >>> letter_size(480, 640), letter_size(150, 200), letter_size(6000, 8000), letter_size(300, 8000)
    (22, 12, 278, 37)
    """
    return max(SMALLEST, min(round(math.hypot(height, width) / 36), min(height, width) // 8))


def color_of(place: int, count: int) -> Color:
    """Return the color of a class among several in a picture; white of a single one."""
    return WHITE if count == 1 else COLORS[place % len(COLORS)]


def draw_marks(frame: Pixels, marks: Sequence[Mark], empty: Region, xp: Any, font: Font = None) -> None:
    """Draw boxes, then labels over them; of a class without a box at the part `empty`.

    Labels are above their boxes, or else at the top in them, or where they hide no other label; always in the picture.
    """
    colors = [color_of(place, len(marks)) for place in range(len(marks))]
    for mark, color in zip(marks, colors, strict=True):
        if mark.box is not None:
            draw_box(frame, mark.box, xp.asarray(color, np.uint8))
    height, width = frame.shape[:2]
    taken: list[Region] = []
    for mark, color in zip(marks, colors, strict=True):
        if mark.label is None:
            continue
        ink, paper = (WHITE, BLACK) if len(marks) == 1 else (BLACK, color)
        pixels = sign(*mark.label, letter_size(height, width), (width, height), ink, paper, font)
        sides = (pixels.shape[0], pixels.shape[1])
        taken.append(_free_place(mark.box or empty, sides, (height, width), taken, above=mark.box is not None))
        x0, y0, x1, y1 = taken[-1]
        frame[y0:y1, x0:x1] = xp.asarray(pixels)


def _free_place(
    box: Region, sides: tuple[int, int], size: tuple[int, int], taken: Sequence[Region], *, above: bool
) -> Region:
    """Return the first place for a label at a box that covers no other label, or the first that is in the picture."""
    high, wide = sides
    line = 1 + line_width(*size)
    x0 = min(max(box[0], 0), size[1] - wide)
    inside = (box[1] + line, box[3] - line - high) if above else (box[1], box[3] - high)
    rows = [box[1] - 1 - high, *inside, box[3] + 1] if above else [*inside]
    rows += list(range(max(box[1], 0), size[0] - high, high + 1))  # then down the picture
    places = [(x0, y, x0 + wide, y + high) for y in rows if 0 <= y <= size[0] - high]
    top = min(max(inside[0], 0), size[0] - high)
    free = (place for place in places if not any(_overlap(place, other) for other in taken))
    return next(free, places[0] if places else (x0, top, x0 + wide, top + high))


def _overlap(one: Region, other: Region) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def line_width(height: int, width: int) -> int:
    """Return the width in pixels of the lines of boxes."""
    return max(1, round(min(height, width) / 150))


def draw_box(frame: Pixels, xyxy: Region, color: Any) -> None:
    """Draw a box between black lines, to show on any background; its outer edge is the box's edge."""
    x0, y0, x1, y1 = xyxy
    width = line_width(*frame.shape[:2])
    _draw_frame(frame, (x0 - 1, y0 - 1, x1 + 1, y1 + 1), 1, 0)
    _draw_frame(frame, (x0, y0, x1, y1), width, color)
    if min(x1 - x0, y1 - y0) > 2 * width + 1:
        _draw_frame(frame, (x0 + width, y0 + width, x1 - width, y1 - width), 1, 0)


def _draw_frame(frame: Pixels, xyxy: Region, width: int, color: Any) -> None:
    """Draw lines just inside a box, clipped to the frame."""
    x0, y0, x1, y1 = xyxy
    top, left = max(y0, 0), max(x0, 0)
    for rows, columns in (
        ((y0, y0 + width), (x0, x1)),
        ((y1 - width, y1), (x0, x1)),
        ((y0, y1), (x0, x0 + width)),
        ((y0, y1), (x1 - width, x1)),
    ):
        frame[max(rows[0], top) : max(rows[1], 0), max(columns[0], left) : max(columns[1], 0)] = color


def draw_outline(frame: Pixels, xyxy: Region, xp: Any) -> None:
    """Draw a fine line of black and white dashes along the edges of a part that aren't the frame's own, in the part."""
    x0, y0, x1, y1 = xyxy
    height, width = frame.shape[:2]
    fine = max(1, round(math.hypot(height, width) / 1000))
    dashes = [np.where(np.arange(count) // (6 * fine) % 2, 0, 255).astype(np.uint8) for count in (x1 - x0, y1 - y0)]
    across, down = (xp.asarray(one)[:, None] for one in dashes)
    if y0 > 0:
        frame[y0 : y0 + fine, x0:x1] = across
    if y1 < height:
        frame[max(y0, y1 - fine) : y1, x0:x1] = across
    if x0 > 0:
        frame[y0:y1, x0 : x0 + fine] = down[:, None]
    if x1 < width:
        frame[y0:y1, max(x0, x1 - fine) : x1] = down[:, None]


def unseen_parts(seen: Region, size: tuple[int, int]) -> list[Region]:
    """Return the parts of a picture (height, width) around the seen one: above, below, left and right.

    Examples
    --------
    >>> unseen_parts((2, 0, 5, 4), (4, 9))
    [(0, 0, 2, 4), (5, 0, 9, 4)]
    """
    x0, y0, x1, y1 = seen
    parts = [(0, 0, size[1], y0), (0, y1, size[1], size[0]), (0, y0, x0, y1), (x1, y0, size[1], y1)]
    return [part for part in parts if part[0] < part[2] and part[1] < part[3]]
