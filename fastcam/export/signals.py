"""Signals drawn as curves over their heatmap."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from fastcam.arrays.colors import colormap as table_of
from fastcam.arrays.places import SHAPES
from fastcam.errors import InputError
from fastcam.export.marks import Mark, draw_marks
from fastcam.export.sheet import INK, PAPER, QUIET
from fastcam.export.shown import Shown, check_rate, count_of, finite_array, share_of, shown_of
from fastcam.export.text import Font, sign
from fastcam.results import Explanation

Pixels = NDArray[np.uint8]
SIZE = (360, 1080)  # height and width of a picture
LOWEST = 12  # pixels of a channel's lane
FINE = 2  # the curve is drawn this many times as large, then reduced
TICKS = 8  # numbers below the curve, at most


def overlay_signal(
    signal: ArrayLike,
    explanation: Explanation | ArrayLike,
    *,
    item: int = 0,
    map: int = 0,
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    box: bool = True,
    label: bool = True,
    rate: float | None = None,
    size: tuple[int, int] = SIZE,
    font: Font = None,
) -> Pixels:
    """Return a picture of a signal: the curve of each channel over the heatmap, with the interval and its label.

    A column of pixels that stands for several samples shows their lowest and highest value, and their highest heat, so
    that short peaks aren't lost. Each channel is scaled by its own extrema.

    Parameters
    ----------
    signal
        The signal that was explained: (L,) or (L, C) finite numbers.
    explanation
        Result of `Classifier.explain`; or an (l,) activation map that covers the whole signal, without interval and
        label.
    item, map
        Index n of the signal in the explanation, and index m of its map.
    opacity
        Opacity of the heatmap over white, 0 to 1.
    colormap
        "turbo", "jet", "viridis", "inferno" or "gray".
    limits
        Raw values of the map that get the first and the last color; None: `Explanation.limits` if the explanation has
        them, else minimum and maximum of the map.
    box, label
        Whether to mark the interval, and to name the class.
    rate
        Samples a second: numbers below the curve are seconds. None: they are samples.
    size
        (height, width) of the picture in pixels.
    font
        The path of a font for labels; see `fastcam.overlay`.

    Returns
    -------
    (height, width, 3) uint8, RGB.

    Raises
    ------
    InputError
        Another signal than was explained, values that aren't finite, a height that has no room for the channels, or an
        option out of range.

    Examples
    --------
    >>> beats = np.sin(np.linspace(0, 60, 3000))
    >>> overlay_signal(beats, [0.0, 1.0, 0.0, 3.0], rate=500).shape
    (360, 1080, 3)
    """
    colors, share = table_of(colormap), share_of(opacity)
    values = finite_array("signal", signal, (1, 2), SHAPES[1])
    lanes = values.reshape(len(values), -1)
    height, width = _sides(size, lanes.shape[1])
    check_rate(rate, "samples")
    found = shown_of(explanation, item, map, (len(lanes),), limits, font)
    below = _axis(len(lanes), rate, width)
    frame = np.empty((height - len(below), width, 3), np.uint8)
    tint = (1 - share) * 255 + share * colors[_heat_levels(found.heat, width)]
    frame[:] = np.rint(tint)
    _draw_curves(frame, lanes)
    _mark(frame, found, len(lanes), box, label, font)
    return np.concatenate([frame, below])


def _sides(size: Any, channels: int) -> tuple[int, int]:
    try:
        height, width = size
    except (TypeError, ValueError):
        raise InputError(f"size: expected (height, width) of the picture; got {size!r}") from None
    height = count_of("size: height", height, 2**14, 60)
    width = count_of("size: width", width, 2**14, 60)
    least = _least_height(channels, width)
    if height < least:
        raise InputError(f"size: expected a height of at least {least} for {channels} channels; got {height}")
    return height, width


def _least_height(channels: int, width: int) -> int:
    return LOWEST * channels + _letters(width) * 2


def size_for(channels: int) -> tuple[int, int]:
    """Return the `size` of `overlay_signal` for a signal: its default, or higher where channels need it.

    Examples
    --------
    >>> size_for(12), size_for(64)
    ((360, 1080), (804, 1080))
    """
    height, width = SIZE
    return max(height, _least_height(channels, width)), width


def _letters(width: int) -> int:
    return max(11, min(20, width // 60))


def _heat_levels(heat: NDArray[np.float32], width: int) -> NDArray[np.intp]:
    """Return levels (width,), of several samples in a column the highest."""
    starts = np.arange(width) * len(heat) // width
    column = np.maximum.reduceat(heat, starts)  # of equal starts the sample itself
    return np.floor(column * 255 + 0.5).astype(np.intp)


def _draw_curves(frame: Pixels, lanes: NDArray[Any]) -> None:
    """Draw each channel in its lane."""
    height, width = frame.shape[:2]
    mask = Image.new("L", (FINE * width, FINE * height))
    pen, thick = ImageDraw.Draw(mask), max(FINE, round(FINE * height / 240))
    high = FINE * height / lanes.shape[1]
    for c, lane in enumerate(lanes.T.astype(np.float64)):
        low, top = lane.min(), lane.max()
        share = (lane - low) / (top - low) if top > low else np.full(len(lane), 0.5)
        x, share = _points(share, FINE * width)
        y = high * (c + 0.9 - 0.8 * share)
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)) if len(x) > 1 else [0, y[0], FINE * width, y[0]],
                 fill=255, width=thick, joint="curve")  # fmt: skip
    cover = np.asarray(mask.reduce(FINE), np.float64)[..., None] / 255
    frame[:] = np.rint(frame * (1 - cover) + cover * INK)


def _points(values: NDArray[np.float64], width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the corners of a curve: its samples, or lowest and highest value of each column of pixels."""
    if len(values) <= 2 * width:
        return (np.arange(len(values)) + 0.5) * width / len(values), values
    starts = np.arange(width) * len(values) // width
    ends = np.stack([np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)], axis=1)
    return np.repeat(np.arange(width) + 0.5, 2), ends.ravel()


def _mark(frame: Pixels, found: Shown, length: int, box: bool, label: bool, font: Font) -> None:
    height, width = frame.shape[:2]
    place = None
    if box and found.box is not None:
        x0, x1 = (round(x * width / length) for x in found.box)
        place = (x0, 0, max(x1, x0 + 1), height)
    if place or (label and found.label):
        draw_marks(frame, [Mark(place, found.label if label else None)], (0, 0, width, height), np, font)


def _axis(length: int, rate: float | None, width: int) -> Pixels:
    """Return the numbers below the curve."""
    letters = _letters(width)
    strip = np.full((2 * letters, width, 3), PAPER, np.uint8)
    whole = length if rate is None else length / rate
    step = _step(whole / TICKS, rate is None)
    for k in range(int(whole / step) + 1):
        x, unit = round(k * step * width / whole), "" if rate is None else " s"
        text = sign(
            f"{k * step:g}{unit if k == 0 or k == 1 else ''}", "", letters, (width, 2 * letters), QUIET, PAPER, None, 1
        )
        left = min(x, width - text.shape[1])
        strip[: letters // 3, min(x, width - 1)] = QUIET
        strip[letters // 3 :, left : left + text.shape[1]][: len(text)] = text[: 2 * letters - letters // 3]
    return strip


def _step(least: float, whole: bool) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that isn't below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= least * (1 - 1e-9))
    return max(1.0, step) if whole else step
