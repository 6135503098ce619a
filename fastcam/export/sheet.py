"""Pictures put together on a sheet: rows of cells under titles, and a legend with a color bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.colors import colormap as table_of
from fastcam.export.text import Font, sign

Pixels = NDArray[np.uint8]

PAPER, INK, QUIET = (255, 255, 255), (28, 34, 40), (89, 99, 109)
BAR = 160  # pixels of the color bar's width, at most


class Cell(NamedTuple):
    """A picture (H, W, 3) uint8 with its title: a text, shortened if need be, and a score or nothing."""

    pixels: Pixels
    title: tuple[str, str]


def gap_of(wide: int) -> int:
    """Return the space around cells of that width in pixels."""
    return max(4, wide // 20)


def _letters(wide: int) -> int:
    return max(12, round(wide / 22))


def row_of(cells: Sequence[Cell], wide: int, font: Font = None) -> Pixels:
    """Return cells side by side, each in the middle of its width, under their titles."""
    letters = _letters(wide)
    titles = [sign(*cell.title, letters, (wide, 4 * letters), INK, PAPER, font, 0) for cell in cells]
    high, below = max(map(len, titles)), max(len(cell.pixels) for cell in cells)
    columns = []
    for cell, title in zip(cells, titles, strict=True):
        column = np.full((high + letters // 3 + below, wide, 3), PAPER, np.uint8)
        column[high - len(title) : high, : title.shape[1]] = title
        inset = (wide - cell.pixels.shape[1]) // 2
        column[high + letters // 3 :, inset : inset + cell.pixels.shape[1]][: len(cell.pixels)] = cell.pixels
        columns.append(column)
    return _side_by_side(columns, gap_of(wide))


def legend(colormap: str, limits: Any, notes: Sequence[str], room: int, wide: int) -> Pixels:
    """Return the color bar between the raw values of its ends, or the words for them, and notes."""
    letters, gap = _letters(wide), gap_of(wide)
    low, high = ("lowest", "highest") if limits is None else (f"{float(end):.4g}" for end in limits)
    levels = np.linspace(0, 255, max(1, min(BAR, room // 3))).astype(int)
    bar = np.broadcast_to(table_of(colormap)[levels], (letters, len(levels), 3))
    texts = (low, high, *notes)
    first, *others = [sign(one, "", letters, (room, 3 * letters), QUIET, PAPER, None, 0) for one in texts]
    lines: list[list[Pixels]] = [[]]
    for part in (first, bar, *others):
        if lines[-1] and sum(one.shape[1] + gap for one in lines[-1]) + part.shape[1] > room:
            lines.append([])
        lines[-1].append(part)
    return stacked([_side_by_side(line, gap) for line in lines], gap // 2, 0)


def _side_by_side(parts: Sequence[Pixels], gap: int) -> Pixels:
    """Return pictures in a line, in the middle of its height."""
    high = max(map(len, parts))
    line = np.full((high, sum(part.shape[1] + gap for part in parts) - gap, 3), PAPER, np.uint8)
    left = 0
    for part in parts:
        top = (high - len(part)) // 2
        line[top : top + len(part), left : left + part.shape[1]] = part
        left += part.shape[1] + gap
    return line


def stacked(blocks: Sequence[Pixels], gap: int, margin: int) -> Pixels:
    """Return blocks one below the other, with a margin around all."""
    wide = max(block.shape[1] for block in blocks)
    high = sum(len(block) + gap for block in blocks) - gap
    page = np.full((high + 2 * margin, wide + 2 * margin, 3), PAPER, np.uint8)
    top = margin
    for block in blocks:
        page[top : top + len(block), margin : margin + block.shape[1]] = block
        top += len(block) + gap
    return page
