"""The reference engine: the kernels' rules in NumPy and scikit-image, for checking the fast engines on your own data.

Same names, parameters and results, bit for bit, as `fastcam.kernels.cpu`, by way of all (H, W) pixels; no speed. What
is workspace there isn't used here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import LARGEST

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Shorts = NDArray[np.int16]
Longs = NDArray[np.int64]
Bytes = NDArray[np.uint8]


def load(name: str) -> Any:
    """See `fastcam.kernels.cpu.load`."""
    return globals()[name]


def activation_maps(
    feature_maps: Bytes, form: int, zero_point: float, scale: float, weights: Floats, class_index: Longs,
    first: int, stop: int, workspace: Floats, sums: Floats, out: Floats,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.activation_maps`."""
    dtype = (np.float32, np.float16, np.int8, np.uint8)[form % 4]
    values = feature_maps[first:stop].view(dtype).astype(np.float32)
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
    feature_maps: Bytes, form: int, zero_point: float, scale: float, weights: Floats, class_index: Longs,
    first: int, stop: int, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats,
    threshold: float, rectify: bool, minmax: bool, connectivity: int,
    workspace: Floats, sums: Floats, padded: Floats, corners: Floats, spans: Ints, runs: Ints, components: Ints,
    xyxy: Ints, area: Ints, peak: Floats,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.localize`."""
    maps = np.empty((*xyxy.shape[:2], len(rows) - 2, len(columns) - 2), np.float32)
    some = (feature_maps, form, zero_point, scale, weights, class_index, first, stop)
    activation_maps(*some, workspace, sums, maps)
    sound = [
        find_boxes(
            maps[n], 0, maps.shape[1], rows, row_weight, columns, column_weight, threshold, rectify, minmax,
            connectivity, padded, corners, spans, runs, components, xyxy[n], area[n], peak[n], np.empty(2, np.int64),
        )
        for n in range(first, stop)
    ]  # fmt: skip
    return next((first + n for n, count in enumerate(sound) if count < maps.shape[1]), stop)


def find_boxes(
    maps: Floats, first: int, stop: int, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats,
    threshold: float, rectify: bool, minmax: bool, connectivity: int,
    padded: Floats, corners: Floats, spans: Ints, runs: Ints, components: Ints,
    xyxy: Ints, area: Ints, peak: Floats, counts: Longs,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.find_boxes`; here every run is one row high."""
    rule, axes = (threshold, rectify, minmax, connectivity), (rows, row_weight, columns, column_weight)
    for p in range(first, stop):
        peak[p], labels, regions = _components(maps[p], *axes, *rule)
        xyxy[p], area[p] = 0, 0
        for i, region in enumerate(regions):
            y0, x0, y1, x1 = region.bbox
            components[i] = i, region.area, x0, y0, x1, y1
            if region.area > area[p]:  # of equals the first, in raster order
                xyxy[p], area[p] = (x0, y0, x1, y1), region.area
        counts[:] = _write_runs(labels, runs), len(regions)
    return next((p for p in range(first, stop) if np.isnan(peak[p])), stop)


def _write_runs(labels: NDArray[Any], runs: Ints) -> int:
    y, edges = np.nonzero(np.diff(labels, axis=1, prepend=0, append=0))  # a pixel without label is between two runs
    y, start, stop = y[::2], edges[::2], edges[1::2]
    runs[: len(y)] = np.stack([start, stop, y, y + 1, labels[y, start] - 1], axis=1)
    return len(y)


def paint(runs: Ints, count: int, values: Ints, out: Ints) -> int:
    """See `fastcam.kernels.cpu.paint`."""
    for start, stop, y0, y1, component in runs[:count]:
        out[y0:y1, start:stop] = values[component]
    return count


def heatmaps(
    maps: Floats, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats,
    normalise: bool, limits: Floats, first: int, stop: int, padded: Floats, corners: Floats, out: Floats,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.heatmaps`."""
    axes, sound = (rows, row_weight, columns, column_weight), len(maps)
    for p, one in enumerate(maps):
        if not _is_sound(one):
            sound = min(sound, p)
        elif normalise:
            out[p, first:stop] = np.clip(_upsample(_normalised(one, *axes, 1, limits[p]), *axes), 0, 1)[first:stop]
        else:
            out[p, first:stop] = _upsample(one, *axes)[first:stop]
    return sound


def heatmaps_uint8(
    maps: Floats, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats,
    normalise: bool, limits: Floats, first: int, stop: int, padded: Floats, corners: Floats, out: Bytes,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.heatmaps_uint8`."""
    axes, sound = (rows, row_weight, columns, column_weight), len(maps)
    for p, one in enumerate(maps):
        if _is_sound(one):
            heat = np.clip(_upsample(_normalised(one, *axes, 255, limits[p]), *axes), 0, 255)
            out[p, first:stop] = (heat + np.float32(0.5)).astype(np.uint8)[first:stop]
        else:
            sound = min(sound, p)
    return sound


def overlay(
    values: Floats, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats,
    limits: Floats, colours: NDArray[np.uint64], opacity: int, left: int, top: int, first: int, stop: int,
    padded: Floats, corners: Floats, levels: Bytes, tints: NDArray[np.uint64], frame: Bytes,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.overlay`."""
    height, width = len(row_weight), len(column_weight)
    heat = np.empty((1, height, width), np.uint8)
    one, axes = values.reshape(1, len(rows) - 2, -1), (rows, row_weight, columns, column_weight)
    if not heatmaps_uint8(one, *axes, True, limits, 0, height, padded, corners, heat):
        return 0
    bytes_of_colours = colours[:256].astype("<u8").view(np.uint8).reshape(256, 8)[:, :3]
    window = frame.reshape(len(frame), -1, 3)[top + first : top + stop, left : left + width]
    tint = bytes_of_colours[heat[0, first:stop]].astype(np.uint16)
    window[:] = (window * np.uint16(256 - opacity) + tint * np.uint16(opacity) + np.uint16(128)) >> 8
    return 1


def preprocess(
    frame: Bytes, origin: int, row_stride: int, pixel_stride: int, channel_stride: int,
    rows: Ints, row_weights: Shorts, columns: Ints, column_weights: Shorts, column_border: Ints, fill: int,
    table: Bytes, channels_last: bool, first: int, stop: int,
    pairs: Any, pixels: Any, constants: Any, lines: Any, levels: Any, out: Bytes,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.preprocess`."""
    left = origin + columns[:, None] * pixel_stride + np.arange(3) * channel_stride
    right = left + (column_weights[1] > 0)[:, None] * pixel_stride  # if there is one
    weights = column_weights.astype(np.int64)[:, :, None]
    for y in range(first, stop):
        level: Any = 2
        for row, weight in zip(rows[y].tolist(), row_weights[y].tolist(), strict=True):
            inner, outer = weights * (row >= 0), column_border[:, None] + weights.sum(axis=0) * (row < 0)
            at = max(row, 0) * row_stride
            mixed = frame[left + at] * inner[0] + frame[right + at] * inner[1] + outer * fill
            level = level + ((mixed >> 4) * weight >> 16)
        _write_levels(level >> 2, table, y, len(rows), channels_last, out)
    return stop


def preprocess_antialiased(
    frame: Bytes, origin: int, row_stride: int, pixel_stride: int, channel_stride: int,
    rows: Ints, row_weights: Shorts, row_border: Ints, row_shift: int,
    columns: Ints, column_weights: Shorts, column_border: Ints, column_shift: int,
    extra_bits: int, fill: int, table: Bytes, channels_last: bool, first: int, stop: int,
    sums: Any, lines: Any, levels: Any, out: Bytes,
) -> int:  # fmt: skip
    """See `fastcam.kernels.cpu.preprocess_antialiased`."""
    at = origin + np.arange(columns.sum(axis=1).max())[:, None] * pixel_stride + np.arange(3) * channel_stride
    for y in range(first, stop):
        places = range(rows[y, 0], rows[y, 0] + rows[y, 1])
        total = row_border[y] * fill + sum(
            int(weight) * frame[at + place * row_stride].astype(np.int64)
            for place, weight in zip(places, row_weights[y, : len(places)], strict=True)
        )
        line = np.broadcast_to((total + (1 << row_shift >> 1)) >> row_shift, at.shape)
        level = np.array([
            weights[:count].astype(np.int64) @ line[place : place + count] + border * (fill << extra_bits)
            for (place, count), weights, border in zip(columns, column_weights, column_border.tolist(), strict=True)
        ])  # fmt: skip
        _write_levels((level + (1 << column_shift >> 1)) >> column_shift, table, y, len(rows), channels_last, out)
    return stop


def _write_levels(level: Any, table: Bytes, y: int, height: int, channels_last: bool, out: Bytes) -> None:
    """Row y of the network input of levels (width, 3)."""
    if len(table) == 1:
        level = (level @ np.array([19595, 38470, 7471]) + (1 << 15) >> 16)[:, None]
    width, channels = level.shape
    items = table.reshape(channels, 256, -1)[np.arange(channels), level]
    if channels_last:
        out.reshape(height, width, channels, -1)[y] = items
    else:
        out.reshape(channels, height, width, -1)[:, y] = items.transpose(1, 0, 2)


def _is_sound(maps: Floats) -> bool:
    return bool((np.abs(maps) < LARGEST).all())  # False for NaN


def _components(
    one: Floats, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats,
    threshold: float, rectify: bool, minmax: bool, connectivity: int,
) -> tuple[np.float32, NDArray[Any], list[Any]]:  # fmt: skip
    """The maximum (NaN if the map isn't finite), the label image, and the regions, both in raster order."""
    from skimage.measure import label, regionprops

    if not _is_sound(one):
        return np.float32(np.nan), np.zeros((0, 0), np.int64), []
    values = np.maximum(one, np.float32(0)) if rectify else one
    upsampled = _upsample(values, rows, row_weight, columns, column_weight)
    low, high = upsampled.min(), upsampled.max()
    if minmax:
        mask = (upsampled - low) / (high - low) > np.float32(threshold) if high > low else upsampled > high
    else:
        mask = upsampled > np.float32(threshold) * high if high > 0 else upsampled > high
    labels = label(mask, connectivity=1 if connectivity == 4 else 2)
    return high, np.asarray(labels), regionprops(labels)


def _normalised(
    one: Floats, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats, full: int, limits: Floats
) -> Floats:
    low, high = limits
    if np.isnan(low):
        upsampled = _upsample(one, rows, row_weight, columns, column_weight)
        low, high = upsampled.min(), upsampled.max()
    if not high > low:
        return np.zeros_like(one)
    with np.errstate(over="ignore"):
        return np.clip((one - low) / (high - low) * np.float32(full), -LARGEST, LARGEST)


def _upsample(one: Floats, rows: Ints, row_weight: Floats, columns: Ints, column_weight: Floats) -> Floats:
    """(H, W) float32 of one (h, w) map: rows first, then columns, every operation rounded to float32."""
    padded = np.pad(one, 1, mode="edge")
    band = np.repeat(np.arange(len(rows) - 1), np.diff(rows))
    segment = np.repeat(np.arange(len(columns) - 1), np.diff(columns))
    lines = padded[band] + row_weight[:, None] * (padded[band + 1] - padded[band])
    left, right = lines[:, segment], lines[:, segment + 1]
    return np.asarray(left + column_weight * (right - left), np.float32)
