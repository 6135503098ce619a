"""A heatmap in colours over a frame, row by row: no heatmap array, and the frame is read and written once.

Bytes are handled four and eight at a time, as parts of larger numbers (little-endian, as all machines that Numba
supports): of what NumPy and OpenCV do in passes over the whole frame, this takes a fifth.
"""

import numpy as np
from numba import float32, int64, uint8, uint64

from fastcam.kernels.cpu.jit import CELLS, GRID, helper, kernel, readable, writable
from fastcam.kernels.cpu.upsampling import level_row, pad_normalised

# Every other byte of a 32-bit number, which leaves room for products; a half in each of these places.
EVEN, ODD, HALVES = np.uint32(0x00FF00FF), np.uint32(0xFF00FF00), np.uint32(0x00800080)
BYTE, TWO_BYTES, FOUR_BYTES, SIX_BYTES = np.uint32(8), np.uint64(16), np.uint64(32), np.uint64(48)
ONE, TWO, THREE, FOUR = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)


@helper
def _paint(levels, colours, tints):
    """tints: three bytes for each level. levels: two a number; colours: six bytes for each pair; tints: eight bytes."""
    for k in range(np.uintp(tints.shape[0] // 3)):
        x, y = FOUR * k, THREE * k
        a, b = colours[levels[x]], colours[levels[x + ONE]]
        c, d = colours[levels[x + TWO]], colours[levels[x + THREE]]
        tints[y] = a | (b << SIX_BYTES)
        tints[y + ONE] = (b >> TWO_BYTES) | (c << FOUR_BYTES)
        tints[y + TWO] = (c >> FOUR_BYTES) | (d << TWO_BYTES)


@helper
def _blend(tints, opacity, frame):
    """frame = (frame * (256 - opacity) + tints * opacity + 128) >> 8, for the four bytes of each number."""
    tint_share = np.uint32(opacity)
    frame_share = np.uint32(np.uint32(256) - tint_share)
    for i in range(frame.shape[0]):
        below, above = frame[i], tints[i]
        even = np.uint32(np.uint32((below & EVEN) * frame_share) + np.uint32((above & EVEN) * tint_share) + HALVES)
        below, above = np.uint32(below >> BYTE), np.uint32(above >> BYTE)
        odd = np.uint32(np.uint32((below & EVEN) * frame_share) + np.uint32((above & EVEN) * tint_share) + HALVES)
        frame[i] = np.uint32(np.uint32(even >> BYTE) & EVEN) | np.uint32(odd & ODD)


@kernel(
    *(int64, readable(float32, 1), *GRID, readable(float32, 2), readable(uint64, 1), int64, int64, int64, int64, int64),
    *(*CELLS, writable(uint8, 1), writable(uint64, 1), writable(uint8, 2)),
)
def overlay(
    values, rows, row_weight, columns, column_weight, limits, colours, opacity, left, top, first, stop,
    padded, corners, levels, tints, frame,
):  # fmt: skip
    """frame = (frame * (256 - opacity) + colour * opacity + 128) >> 8 in a window of the frame, which the grid is of.

    values: a map's h * w; rows, columns, padded and corners as in `extrema.py`; limits (1, 2) as in
    `heatmaps`; colours (65536,): bytes R, G, B of
    level i % 256, then those of level i // 256, a level being a pixel of `heatmaps_uint8`; opacity: 0 to 256; left,
    top: where the window begins; [first, stop): its rows to draw; frame (H, 3 * W) bytes. Workspace: levels (>= the
    window's width, rounded up to a multiple of 8), tints (>= 3 / 8 of that). Returns 0, and draws nothing, if the map
    isn't finite.
    """
    length = 3 * column_weight.shape[0]
    fours, eights = length // 4, (column_weight.shape[0] + 7) // 8
    pairs, painted = levels.view(np.uint16), tints[: 3 * eights]
    tint_bytes, tint_words = painted.view(np.uint8), painted.view(np.uint32)
    full = np.float32(255)
    if not pad_normalised(values, rows, row_weight, columns, column_weight, full, limits[0], padded, corners):
        return 0
    for b in range(rows.shape[0] - 1):
        for y in range(max(rows[b], first), min(rows[b + 1], stop)):
            level_row(padded, b, row_weight[y], columns, column_weight, levels)
            _paint(pairs, colours, painted)
            row = frame[top + y, 3 * left : 3 * left + length]
            # Perhaps not at a multiple of four bytes, which all these machines allow.
            _blend(tint_words, opacity, row[: 4 * fours].view(np.uint32))
            for i in range(4 * fours, length):
                row[i] = np.uint8((row[i] * (256 - opacity) + tint_bytes[i] * opacity + 128) >> 8)
    return 1
