"""Slices of volumes and frames of clips with their heatmaps, on a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from fastcam.arrays.colors import colormap as table_of
from fastcam.arrays.places import AXES, SHAPES
from fastcam.arrays.scalars import check_index, is_number
from fastcam.errors import InputError
from fastcam.export.marks import draw_box
from fastcam.export.sheet import Cell, gap_of, legend, row_of, stacked
from fastcam.export.shown import Shown, check_rate, count_of, finite_array, share_of, shown_of
from fastcam.export.text import Font
from fastcam.images.volumes import frames_taken
from fastcam.results import Explanation

Pixels = NDArray[np.uint8]
LINES = 0.35  # opacity of the lines through the place of the other slices


class Look(NamedTuple):
    """Colors and proportions in which slices are drawn.

    Attributes
    ----------
    colors
        (256, 3), by level of heat.
    share
        Opacity of the heatmap.
    levels
        Values that are black and white.
    scale
        Pixels a voxel along each axis.
    """

    colors: Pixels
    share: float
    levels: tuple[float, float]
    scale: tuple[float, float, float]


def overlay_slices(
    volume: ArrayLike,
    explanation: Explanation | ArrayLike,
    *,
    item: int = 0,
    map: int = 0,
    at: Sequence[int] | None = None,
    channel: int = 0,
    levels: tuple[float, float] | None = None,
    spacing: Sequence[float] = (1, 1, 1),
    axes: Sequence[str] | None = None,
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    box: bool = True,
    label: bool = True,
    side: int = 384,
    font: Font = None,
) -> Pixels:
    """Return three slices of a volume, one across each axis, with their heatmaps, boxes and a color bar.

    The first voxel is at the upper left of each: nothing is turned round. Fine lines show where the other slices are.

    Parameters
    ----------
    volume
        The volume that was explained: (D, H, W) or (D, H, W, C) finite numbers. Three channels of uint8 are colors.
    explanation
        Result of `Classifier.explain`; or a (d, h, w) activation map that covers the whole volume, without box and
        label.
    item, map
        Index n of the volume in the explanation, and index m of its map.
    at
        (z, y, x) of the slices; None: where the heatmap is highest.
    channel
        The channel that is shown, of several that aren't colors.
    levels
        Values of the volume that are black and white; None: its minimum and maximum.
    spacing
        Distances of voxels along D, H and W, for true proportions; `Recording.spacing` has those of a file.
    axes
        The directions in which D, H and W grow, for the note below; `Recording.axes` has those of a file.
    opacity, colormap, limits
        As in `fastcam.overlay`.
    box, label
        Whether to draw the box where a slice crosses it, and to name the class.
    side
        Pixels of the longest side of a slice.
    font
        The path of a font for labels; see `fastcam.overlay`.

    Returns
    -------
    (height, width, 3) uint8, RGB.

    Raises
    ------
    InputError
        Another volume than was explained, values that aren't finite, or an option out of range.

    Examples
    --------
    >>> picture = overlay_slices(np.random.default_rng(0).random((20, 30, 40)), np.eye(3)[None], at=(3, 15, 20))
    >>> picture.ndim, picture.dtype
    (3, dtype('uint8'))
    """
    values = _volume(volume, channel)
    size = (values.shape[0], values.shape[1], values.shape[2])
    look = _look(values, colormap, opacity, levels, spacing, count_of("side", side, 4096, 16))
    letters = _letters(axes)
    place = None if at is None else _place(at, size)
    found = shown_of(explanation, item, map, size, limits, font)
    if place is None:
        place = tuple(int(i) for i in np.unravel_index(found.heat.argmax(), size))
    cells = []
    for axis, name in enumerate(AXES[3]):
        cell = _slice(values, found, axis, place[axis], look, box)
        _draw_lines(
            cell, [round((p + 0.5) * s) for k, (p, s) in enumerate(zip(place, look.scale, strict=True)) if k != axis]
        )
        cells.append(Cell(cell, (f"{name} {place[axis]} of {size[axis]}", "")))
    return _sheet([cells], found, colormap, label, letters, font)


def overlay_montage(
    volume: ArrayLike,
    explanation: Explanation | ArrayLike,
    *,
    item: int = 0,
    map: int = 0,
    axis: int = 0,
    count: int = 12,
    columns: int | None = None,
    channel: int = 0,
    levels: tuple[float, float] | None = None,
    spacing: Sequence[float] = (1, 1, 1),
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    box: bool = True,
    label: bool = True,
    side: int = 192,
    font: Font = None,
) -> Pixels:
    """Return slices of a volume across one axis, evenly spaced, with their heatmaps, boxes and a color bar.

    Parameters
    ----------
    volume, explanation, item, map, channel, levels, spacing, opacity, colormap, limits, box, label, font
        As in `overlay_slices`.
    axis
        0, 1 or 2: slices across the depth, the height or the width.
    count
        Number of slices, at most; the middles of as many equal parts of the volume.
    columns
        Slices side by side; None: as many as make the sheet about square.
    side
        Pixels of the longest side of a slice.

    Returns
    -------
    (height, width, 3) uint8, RGB.

    Raises
    ------
    InputError
        As `overlay_slices`.

    Examples
    --------
    >>> overlay_montage(np.random.default_rng(0).random((20, 30, 40)), np.eye(3)[None], count=6, side=64).dtype
    dtype('uint8')
    """
    values = _volume(volume, channel)
    size = (values.shape[0], values.shape[1], values.shape[2])
    axis = check_index("axis", axis, 3)
    number = min(count_of("count", count, 256), size[axis])
    columns = math.ceil(number**0.5) if columns is None else count_of("columns", columns, 64)
    look = _look(values, colormap, opacity, levels, spacing, count_of("side", side, 4096, 16))
    found = shown_of(explanation, item, map, size, limits, font)
    name = AXES[3][axis]
    cells = [
        Cell(_slice(values, found, axis, place, look, box), (f"{name} {place}", ""))
        for place in frames_taken(size[axis], number).tolist()
    ]
    rows = [cells[start : start + columns] for start in range(0, number, columns)]
    return _sheet(rows, found, colormap, label, None, font)


def overlay_frames(
    clip: ArrayLike,
    explanation: Explanation | ArrayLike,
    *,
    item: int = 0,
    map: int = 0,
    count: int = 8,
    rate: float | None = None,
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    box: bool = True,
    label: bool = True,
    side: int = 192,
    font: Font = None,
) -> Pixels:
    """Return a strip of frames of a clip, evenly spaced, with their heatmaps, boxes and a color bar.

    Parameters
    ----------
    clip
        The clip that was explained: (T, H, W, 3) uint8, RGB, or (T, H, W) greys.
    explanation, item, map, opacity, colormap, limits, box, label, font
        As in `overlay_slices`.
    count
        Number of frames, at most; the middles of as many equal parts of the clip.
    rate
        Frames a second, for their times; None: they are numbered.
    side
        Pixels of the longest side of a frame.

    Returns
    -------
    (height, width, 3) uint8, RGB.

    Raises
    ------
    InputError
        As `overlay_slices`.

    Examples
    --------
    >>> overlay_frames(np.zeros((16, 48, 64, 3), np.uint8), np.eye(3)[None], count=4, side=64).shape[1]
    276
    """
    values = finite_array("clip", clip, (3, 4), "(T, H, W, 3) uint8 or (T, H, W)")
    if values.dtype != np.uint8 or values.shape[3:] not in ((), (3,)):
        raise InputError(f"clip: expected (T, H, W, 3) or (T, H, W) uint8; got {values.dtype} {values.shape}")
    check_rate(rate, "frames")
    size = (values.shape[0], values.shape[1], values.shape[2])
    number = min(count_of("count", count, 64), size[0])
    side = count_of("side", side, 4096, 16)
    scale = side / max(size[1:])
    look = Look(table_of(colormap), share_of(opacity), (0, 255), (1, scale, scale))
    found = shown_of(explanation, item, map, size, limits, font)
    cells = []
    for place in frames_taken(size[0], number).tolist():
        title = f"frame {place}" if rate is None else f"{place / rate:.2f} s"
        cells.append(Cell(_slice(values, found, 0, place, look, box), (title, "")))
    return _sheet([cells], found, colormap, label, None, font)


# ---- checks ----------------------------------------------------------------------------------------------------------


def _volume(volume: Any, channel: Any) -> NDArray[Any]:
    """Return a volume (D, H, W) of one channel, or (D, H, W, 3) uint8 of colors."""
    values = finite_array("volume", volume, (3, 4), SHAPES[3])
    if values.ndim == 3 or (values.shape[3] == 3 and values.dtype == np.uint8):
        check_index("channel", channel, 1)
        return values
    return values[..., check_index("channel", channel, values.shape[3])]


def _look(values: NDArray[Any], colormap: str, opacity: Any, levels: Any, spacing: Any, side: int) -> Look:
    if levels is None:
        ends = (0.0, 255.0) if values.ndim == 4 else (float(values.min()), float(values.max()))
    else:
        ends = _numbers("levels", levels, 2, "black and white")
        if not ends[0] < ends[1]:
            raise InputError(f"levels: expected the value that is black below the one that is white; got {levels!r}")
    apart = _numbers("spacing", spacing, 3, "distances along D, H and W")
    if min(apart) <= 0:
        raise InputError(f"spacing: expected positive numbers; got {spacing!r}")
    extents = [length * each for length, each in zip(values.shape, apart, strict=False)]
    unit = side / max(extents)
    scale = [max(each * unit, 1 / length) for length, each in zip(values.shape, apart, strict=False)]
    return Look(table_of(colormap), share_of(opacity), (ends[0], ends[1]), (scale[0], scale[1], scale[2]))


def _numbers(name: str, given: Any, count: int, meaning: str) -> tuple[float, ...]:
    values = tuple(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else ()
    if len(values) != count or not all(is_number(one) and np.isfinite(one) for one in values):
        raise InputError(f"{name}: expected {count} finite numbers, {meaning}; got {given!r}")
    return tuple(float(one) for one in values)


def _place(at: Any, size: tuple[int, int, int]) -> tuple[int, ...]:
    if not isinstance(at, Sequence | np.ndarray) or len(at) != 3:
        raise InputError(f"at: expected (z, y, x); got {at!r}")
    return tuple(check_index(f"at: {name}", one, length) for name, one, length in zip("zyx", at, size, strict=True))


def _letters(axes: Any) -> tuple[str, str, str] | None:
    if axes is None:
        return None
    if not isinstance(axes, Sequence) or len(axes) != 3 or not all(isinstance(one, str) for one in axes):
        raise InputError(f"axes: expected three directions, of D, H and W; got {axes!r}")
    return axes[0], axes[1], axes[2]


# ---- pixels ----------------------------------------------------------------------------------------------------------


def _slice(values: NDArray[Any], found: Shown, axis: int, place: int, look: Look, box: bool) -> Pixels:
    """Return a slice with its heatmap, and its box if it crosses one."""
    down, across = (k for k in range(3) if k != axis)
    grey = np.take(values, place, axis)
    low, high = look.levels
    if grey.ndim == 2:
        shares = (grey.astype(np.float64) - low) / (high - low) if high > low else np.zeros(grey.shape)
        grey = np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)[..., None].repeat(3, axis=2)
    sides = [max(1, round(values.shape[k] * look.scale[k])) for k in (across, down)]
    picture = np.asarray(Image.fromarray(grey).resize((sides[0], sides[1]), Image.Resampling.BILINEAR), np.float64)
    heat = Image.fromarray(np.take(found.heat, place, axis).astype(np.float32))
    level = np.asarray(heat.resize((sides[0], sides[1]), Image.Resampling.BILINEAR))
    tint = look.colors[np.rint(255 * np.clip(level, 0, 1)).astype(np.intp)]
    frame = np.rint((1 - look.share) * picture + look.share * tint).astype(np.uint8)
    if box and found.box is not None:
        starts, ends = found.box[:3][::-1], found.box[3:][::-1]  # of D, H and W
        if starts[axis] <= place < ends[axis]:
            y0, y1, x0, x1 = (round(side[k] * look.scale[k]) for k in (down, across) for side in (starts, ends))
            draw_box(frame, (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)), np.array((255, 255, 255), np.uint8))
    return frame


def _draw_lines(frame: Pixels, places: list[int]) -> None:
    """Draw fine lines through a place (y, x), half transparent."""
    y, x = (min(place, length - 1) for place, length in zip(places, frame.shape, strict=False))
    for line in (frame[y], frame[:, x]):
        line[:] = np.rint((1 - LINES) * line + LINES * 255)


def _sheet(
    rows: list[list[Cell]],
    found: Shown,
    colormap: str,
    label: bool,
    axes: tuple[str, str, str] | None,
    font: Font,
) -> Pixels:
    """Return rows of cells over a legend."""
    wide = max(cell.pixels.shape[1] for row in rows for cell in row)
    notes = [*found.notes]
    if label and found.label:
        notes = [" ".join(found.label), *notes]
    if axes is not None:
        notes.append(", ".join(f"{name} grows to {letter}" for name, letter in zip(AXES[3], axes, strict=True)))
    blocks = [row_of(row, wide, font) for row in rows]
    blocks.append(legend(colormap, found.limits, notes, max(block.shape[1] for block in blocks), wide))
    return stacked(blocks, gap_of(wide), gap_of(wide))
