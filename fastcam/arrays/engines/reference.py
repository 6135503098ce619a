"""The reference engine: the kernels' rules in NumPy and scikit-image, to check the fast engines on your own data.

Functions have the names, parameters and results, bit for bit, of those in `fastcam.kernels.cpu`. They compute all
(H, W) pixels, are slow, and don't use the workspace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import LARGEST
from fastcam.kernels.contract import (
    Averages,
    Boxes,
    Bytes,
    Cells,
    ClassBoxes,
    Features,
    Floats,
    Frame,
    Grid,
    Ints,
    Linear,
    Longs,
    LongWords,
    Pairs,
    Rule,
    Sums,
    Tables,
    Target,
    Tints,
    Totals,
    flattened,
)


def load(name: str) -> Any:
    """Return the function of that name, called as the CPU's kernel is: with the fields of groups one after another."""
    return flattened(globals()[name])


def activation_maps(
    features: Features,
    weights: Floats,
    class_index: Longs,
    first: int,
    stop: int,
    workspace: Sums,
    out: Floats,
) -> int:
    """Compute what the CPU's kernel does."""
    data, form, zero_point, scale = features
    dtype = (np.float32, np.float16, np.int8, np.uint8)[form % 4]
    values = data[first:stop].view(dtype).astype(np.float32)
    if form % 4 >= 2:
        values = (values - np.float32(zero_point)) * np.float32(scale)
    if form >= 4:
        values = values.transpose(0, 3, 1, 2)
    out[first:stop] = 0
    with np.errstate(over="ignore", invalid="ignore"):  # the checks that follow name the item
        for c in range(weights.shape[1]):
            out[first:stop] += weights[class_index[first:stop], c][:, :, None, None] * values[:, None, c]
    return next((n for n in range(first, stop) if not _is_sound(out[n])), stop)


def localize(
    features: Features,
    weights: Floats,
    class_index: Longs,
    first: int,
    stop: int,
    grid: Grid,
    rule: Rule,
    workspace: Sums,
    cells: Cells,
    tables: Tables,
    boxes: ClassBoxes,
) -> int:
    """Compute what the CPU's kernel does."""
    maps = np.empty((*boxes.area.shape, len(grid.rows) - 2, len(grid.columns) - 2), np.float32)
    activation_maps(features, weights, class_index, first, stop, workspace, maps)
    count, counts = maps.shape[1], np.empty(2, np.int64)
    for n in range(first, stop):
        own = Boxes(boxes.xyxy[n], boxes.area[n], boxes.peak[n])
        find_boxes(maps[n], 0, count, grid, rule, cells, tables, own, counts)
    return next((n for n in range(first, stop) if np.isnan(boxes.peak[n]).any()), stop)


def find_boxes(
    maps: Floats,
    first: int,
    stop: int,
    grid: Grid,
    rule: Rule,
    cells: Cells,
    tables: Tables,
    boxes: Boxes,
    counts: Longs,
) -> int:
    """Compute what the CPU's kernel does; every run is one row high."""
    xyxy, area, peak = boxes
    for p in range(first, stop):
        peak[p], labels, regions = _components(maps[p], grid, rule)
        xyxy[p], area[p] = 0, 0
        for i, region in enumerate(regions):
            y0, x0, y1, x1 = region.bbox
            tables.components[i] = i, region.area, x0, y0, x1, y1
            if region.area > area[p]:  # of equals the first, in raster order
                xyxy[p], area[p] = (x0, y0, x1, y1), region.area
        counts[:] = _write_runs(labels, tables.runs), len(regions)
    return next((p for p in range(first, stop) if np.isnan(peak[p])), stop)


def _write_runs(labels: NDArray[Any], runs: Ints) -> int:
    y, edges = np.nonzero(np.diff(labels, axis=1, prepend=0, append=0))  # a pixel without label is between two runs
    y, start, stop = y[::2], edges[::2], edges[1::2]
    runs[: len(y)] = np.stack([start, stop, y, y + 1, labels[y, start] - 1], axis=1)
    return len(y)


def paint(runs: Ints, count: int, values: Ints, out: Ints) -> int:
    """Compute what the CPU's kernel does."""
    for start, stop, y0, y1, component in runs[:count]:
        out[y0:y1, start:stop] = values[component]
    return count


def heatmaps(
    maps: Floats,
    grid: Grid,
    normalise: bool,
    limits: Floats,
    first: int,
    stop: int,
    cells: Cells,
    out: Floats,
) -> int:
    """Compute what the CPU's kernel does."""
    sound = len(maps)
    for p, one in enumerate(maps):
        if not _is_sound(one):
            sound = min(sound, p)
        elif normalise:
            out[p, first:stop] = np.clip(_upsample(_normalised(one, grid, 1, limits[p]), grid), 0, 1)[first:stop]
        else:
            out[p, first:stop] = _upsample(one, grid)[first:stop]
    return sound


def heatmaps_uint8(
    maps: Floats,
    grid: Grid,
    normalise: bool,
    limits: Floats,
    first: int,
    stop: int,
    cells: Cells,
    out: Bytes,
) -> int:
    """Compute what the CPU's kernel does."""
    sound = len(maps)
    for p, one in enumerate(maps):
        if _is_sound(one):
            heat = np.clip(_upsample(_normalised(one, grid, 255, limits[p]), grid), 0, 255)
            out[p, first:stop] = (heat + np.float32(0.5)).astype(np.uint8)[first:stop]
        else:
            sound = min(sound, p)
    return sound


def overlay(
    values: Floats,
    grid: Grid,
    limits: Floats,
    colours: LongWords,
    opacity: int,
    left: int,
    top: int,
    first: int,
    stop: int,
    cells: Cells,
    workspace: Tints,
    frame: Bytes,
) -> int:
    """Compute what the CPU's kernel does."""
    height, width = len(grid.row_weight), len(grid.column_weight)
    heat = np.empty((1, height, width), np.uint8)
    one = values.reshape(1, len(grid.rows) - 2, -1)
    if not heatmaps_uint8(one, grid, True, limits, 0, height, cells, heat):
        return 0
    bytes_of_colours = colours[:256].astype("<u8").view(np.uint8).reshape(256, 8)[:, :3]
    window = frame.reshape(len(frame), -1, 3)[top + first : top + stop, left : left + width]
    tint = bytes_of_colours[heat[0, first:stop]].astype(np.uint16)
    window[:] = (window * np.uint16(256 - opacity) + tint * np.uint16(opacity) + np.uint16(128)) >> 8
    return 1


def preprocess(frame: Frame, axes: Linear, target: Target, workspace: Pairs, out: Bytes) -> int:
    """Compute what the CPU's kernel does."""
    data, origin, row_stride, pixel_stride, channel_stride = frame
    rows, row_weights, columns, column_weights, column_border, fill = axes
    left = origin + columns[:, None] * pixel_stride + np.arange(3) * channel_stride
    right = left + (column_weights[1] > 0)[:, None] * pixel_stride  # if there is one
    weights = column_weights.astype(np.int64)[:, :, None]
    for y in range(target.first, target.stop):
        level: Any = 2
        for row, weight in zip(rows[y].tolist(), row_weights[y].tolist(), strict=True):
            inner, outer = weights * (row >= 0), column_border[:, None] + weights.sum(axis=0) * (row < 0)
            at = max(row, 0) * row_stride
            mixed = data[left + at] * inner[0] + data[right + at] * inner[1] + outer * fill
            level = level + ((mixed >> 4) * weight >> 16)
        _write_levels(level >> 2, target, y, len(rows), out)
    return target.stop


def preprocess_antialiased(frame: Frame, axes: Averages, target: Target, workspace: Totals, out: Bytes) -> int:
    """Compute what the CPU's kernel does."""
    data, origin, row_stride, pixel_stride, channel_stride = frame
    rows, row_weights, row_border, row_shift = axes[:4]
    columns, column_weights, column_border, column_shift, extra_bits, fill = axes[4:]
    at = origin + np.arange(columns.sum(axis=1).max())[:, None] * pixel_stride + np.arange(3) * channel_stride
    for y in range(target.first, target.stop):
        places = range(rows[y, 0], rows[y, 0] + rows[y, 1])
        total = row_border[y] * fill + sum(
            int(weight) * data[at + place * row_stride].astype(np.int64)
            for place, weight in zip(places, row_weights[y, : len(places)], strict=True)
        )
        line = np.broadcast_to((total + (1 << row_shift >> 1)) >> row_shift, at.shape)
        level = np.array([
            weights[:count].astype(np.int64) @ line[place : place + count] + border * (fill << extra_bits)
            for (place, count), weights, border in zip(columns, column_weights, column_border.tolist(), strict=True)
        ])  # fmt: skip
        _write_levels((level + (1 << column_shift >> 1)) >> column_shift, target, y, len(rows), out)
    return target.stop


def _write_levels(level: Any, target: Target, y: int, height: int, out: Bytes) -> None:
    """Write row y of the network input from levels (width, 3)."""
    table = target.table
    if len(table) == 1:
        level = (level @ np.array([19595, 38470, 7471]) + (1 << 15) >> 16)[:, None]
    width, channels = level.shape
    items = table.reshape(channels, 256, -1)[np.arange(channels), level]
    if target.channels_last:
        out.reshape(height, width, channels, -1)[y] = items
    else:
        out.reshape(channels, height, width, -1)[:, y] = items.transpose(1, 0, 2)


def _is_sound(maps: Floats) -> bool:
    return bool((np.abs(maps) < LARGEST).all())  # False for NaN


def _components(one: Floats, grid: Grid, rule: Rule) -> tuple[np.float32, NDArray[Any], list[Any]]:
    """Return the maximum (NaN if the map isn't finite), the label image, and the regions, both in raster order."""
    from skimage.measure import label, regionprops

    if not _is_sound(one):
        return np.float32(np.nan), np.zeros((0, 0), np.int64), []
    upsampled = _upsample(np.maximum(one, np.float32(0)) if rule.rectify else one, grid)
    low, high = upsampled.min(), upsampled.max()
    if rule.minmax:
        mask = (upsampled - low) / (high - low) > np.float32(rule.threshold) if high > low else upsampled > high
    else:
        mask = upsampled > np.float32(rule.threshold) * high if high > 0 else upsampled > high
    labels = label(mask, connectivity=1 if rule.connectivity == 4 else 2)
    return high, np.asarray(labels), regionprops(labels)


def _normalised(one: Floats, grid: Grid, full: int, limits: Floats) -> Floats:
    low, high = limits
    if np.isnan(low):
        upsampled = _upsample(one, grid)
        low, high = upsampled.min(), upsampled.max()
    if not high > low:
        return np.zeros_like(one)
    with np.errstate(over="ignore"):
        return np.clip((one - low) / (high - low) * np.float32(full), -LARGEST, LARGEST)


def _upsample(one: Floats, grid: Grid) -> Floats:
    """Return (H, W) float32 of a (h, w) map: rows first, then columns, every operation rounded to float32."""
    rows, row_weight, columns, column_weight = grid
    padded = np.pad(one, 1, mode="edge")
    band = np.repeat(np.arange(len(rows) - 1), np.diff(rows))
    segment = np.repeat(np.arange(len(columns) - 1), np.diff(columns))
    lines = padded[band] + row_weight[:, None] * (padded[band + 1] - padded[band])
    left, right = lines[:, segment], lines[:, segment + 1]
    return np.asarray(left + column_weight * (right - left), np.float32)
