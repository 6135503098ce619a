"""A heatmap in colours over a frame, row by row: without a heatmap array, and with one pass over the frame.

Bytes are processed four and eight at a time, as parts of larger numbers (little-endian, as on all machines that Numba
supports). It takes a fifth of the time of NumPy and OpenCV, which need several passes over the whole frame.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fastcam.kernels.contract import Bytes, Cells, Floats, Grid, In, Limits, LongWords, Out, Tints, Words
from fastcam.kernels.cpu.jit import helper, kernel
from fastcam.kernels.cpu.upsampling import level_row, pad_normalised

# Every other byte of a 32-bit number, which leaves room for products; a half in each of these places.
EVEN, ODD, HALVES = np.uint32(0x00FF00FF), np.uint32(0xFF00FF00), np.uint32(0x00800080)
BYTE, TWO_BYTES, FOUR_BYTES, SIX_BYTES = np.uint32(8), np.uint64(16), np.uint64(32), np.uint64(48)
ONE, TWO, THREE, FOUR = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)


@helper
def _paint(levels: NDArray[np.uint16], colours: LongWords, tints: LongWords) -> None:
    """Write three bytes of tints for each level, from pairs of levels, whose colours have six bytes."""
    for k in range(np.uintp(tints.shape[0] // 3)):
        x, y = FOUR * k, THREE * k
        a, b = colours[levels[x]], colours[levels[x + ONE]]
        c, d = colours[levels[x + TWO]], colours[levels[x + THREE]]
        tints[y] = a | (b << SIX_BYTES)
        tints[y + ONE] = (b >> TWO_BYTES) | (c << FOUR_BYTES)
        tints[y + TWO] = (c >> FOUR_BYTES) | (d << TWO_BYTES)


@helper
def _blend(tints: Words, opacity: int, frame: Words) -> None:
    """frame = (frame * (256 - opacity) + tints * opacity + 128) >> 8, for the four bytes of each number."""
    tint_share = np.uint32(opacity)
    frame_share = np.uint32(np.uint32(256) - tint_share)
    for i in range(frame.shape[0]):
        below, above = frame[i], tints[i]
        even = np.uint32(np.uint32((below & EVEN) * frame_share) + np.uint32((above & EVEN) * tint_share) + HALVES)
        below, above = np.uint32(below >> BYTE), np.uint32(above >> BYTE)
        odd = np.uint32(np.uint32((below & EVEN) * frame_share) + np.uint32((above & EVEN) * tint_share) + HALVES)
        frame[i] = np.uint32(np.uint32(even >> BYTE) & EVEN) | np.uint32(odd & ODD)


@kernel
def overlay(
    values: Annotated[Floats, In("h * w")],
    grid: Grid,
    limits: Limits,
    colours: Annotated[LongWords, In("65536")],
    opacity: int,
    left: int,
    top: int,
    first: int,
    stop: int,
    cells: Cells,
    workspace: Tints,
    frame: Annotated[Bytes, Out("height, 3 * width")],
) -> int:
    """frame = (frame * (256 - opacity) + colour * opacity + 128) >> 8, in the window (H, W) at (left, top).

    Rows [first, stop) of the window are drawn. Colours: bytes R, G, B of level i % 256, then those of level i // 256;
    levels are the pixels of `heatmaps_uint8`. opacity: 0 to 256. Returns 1, or 0 if the map isn't finite; then nothing
    is drawn.
    """
    rows, row_weight, columns, column_weight = grid
    padded = cells.padded
    levels, tints = workspace
    length = 3 * column_weight.shape[0]
    fours, eights = length // 4, (column_weight.shape[0] + 7) // 8
    pairs, painted = levels.view(np.uint16), tints[: 3 * eights]
    tint_bytes, tint_words = painted.view(np.uint8), painted.view(np.uint32)
    full = np.float32(255)
    if not pad_normalised(values, grid, full, limits[0], cells):
        return 0
    for b in range(rows.shape[0] - 1):
        for y in range(max(rows[b], first), min(rows[b + 1], stop)):
            level_row(padded, b, row_weight[y], columns, column_weight, levels)
            _paint(pairs, colours, painted)
            row = frame[top + y, 3 * left : 3 * left + length]
            # The row may begin at any byte: all these machines load unaligned words.
            _blend(tint_words, opacity, row[: 4 * fours].view(np.uint32))
            for i in range(4 * fours, length):
                row[i] = np.uint8((row[i] * (256 - opacity) + tint_bytes[i] * opacity + 128) >> 8)
    return 1
