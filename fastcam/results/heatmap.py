"""Heatmaps over whole images, of maps that may cover a part of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.images.regions import part_of, placed


def heatmap_of(
    activation_map: NDArray[np.float32],
    region: tuple[int, ...],
    size: tuple[int, ...],
    limits: NDArray[np.float32] | None = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Return an (h, w) map that covers a region of an image of (height, width) `size` as a heatmap (H, W) over it.

    Of signals: xx of (length,), and (L,); of volumes: xyzxyz of (depth, height, width), and (D, H, W).
    """
    part = part_of(region, size)
    seen = heatmaps(activation_map, part.sides, limits=limits, dtype=dtype, window=part.window)
    return placed(seen, part, size)
