"""The reference engine: the kernels' rules in NumPy and scikit-image, for checking the fast engines on your own data.

Same names, parameters and results, bit for bit, as `fastcam.kernels.cpu`; no speed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def activation_maps(feature_maps: Floats, channel_weights: Floats, out: Floats) -> None:
    """See `fastcam.kernels.cpu.activation_maps`."""
    out[:] = 0
    with np.errstate(over="ignore", invalid="ignore"):  # the checks that follow name the item
        for c in range(feature_maps.shape[1]):
            out += channel_weights[:, :, c, None] * feature_maps[:, None, c]


def extrema(
    maps: Floats, row_index: Ints, row_weight: Floats, column_index: Ints, column_weight: Floats, out: Floats
) -> None:
    """See `fastcam.kernels.cpu.extrema`."""
    for p, one in enumerate(maps):
        upsampled = _upsample(one, row_index, row_weight, column_index, column_weight)
        out[p] = upsampled.min(), upsampled.max()


def heatmaps(
    maps: Floats,
    row_index: Ints,
    row_weight: Floats,
    column_index: Ints,
    column_weight: Floats,
    normalisation: Floats,
    out: Floats,
) -> None:
    """See `fastcam.kernels.cpu.heatmaps`."""
    for p, one in enumerate(maps):
        offset, scale = normalisation[p]
        out[p] = (_upsample(one, row_index, row_weight, column_index, column_weight) - offset) / scale


def find_boxes(
    maps: Floats,
    row_index: Ints,
    row_weight: Floats,
    column_index: Ints,
    column_weight: Floats,
    rules: Floats,
    connectivity: int,
    runs: Ints,
    xyxy: Ints,
    area: Ints,
) -> None:
    """See `fastcam.kernels.cpu.find_boxes`; `runs` isn't used."""
    from skimage.measure import label, regionprops

    for p, one in enumerate(maps):
        offset, scale, cut = rules[p]
        mask = (_upsample(one, row_index, row_weight, column_index, column_weight) - offset) / scale > cut
        components = regionprops(label(mask, connectivity=1 if connectivity == 4 else 2))
        if components:
            largest = max(components, key=lambda component: component.area)  # the first of equals, in raster order
            y0, x0, y1, x1 = largest.bbox
            xyxy[p], area[p] = (x0, y0, x1, y1), largest.area
        else:
            xyxy[p], area[p] = 0, 0


def _upsample(one: Floats, row_index: Ints, row_weight: Floats, column_index: Ints, column_weight: Floats) -> Floats:
    """(H, W) float32 of one (h, w) map: rows first, then columns, every operation rounded to float32."""
    upper, lower = one[row_index], one[np.minimum(row_index + 1, one.shape[0] - 1)]
    rows = upper + row_weight[:, None] * (lower - upper)
    left, right = rows[:, column_index], rows[:, np.minimum(column_index + 1, one.shape[1] - 1)]
    return np.asarray(left + column_weight * (right - left), np.float32)
