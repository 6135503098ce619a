"""Heatmaps, boxes and labels of volumes: the rules of images with one axis more.

Maps are interpolated along the depth first, in NumPy; the slices are then upsampled by the engine as images are.
Components are labelled by connected-components-3d where it is installed, else by SciPy, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import LARGEST, check_maps
from fastcam.arrays.conventions import Convention
from fastcam.arrays.engines.engine import Engine
from fastcam.arrays.memory import check_memory
from fastcam.arrays.places import Volume
from fastcam.arrays.values import Cuboids

F = np.float32
Floats = NDArray[np.float32]
SLAB = 1 << 24  # voxels that are computed at once
LABELLING = 1 + 4 + 4  # bytes a voxel: mask, labels, and what a library may need meanwhile
HINT = "Give a window of it, a smaller size, or fewer maps"


class Bodies(NamedTuple):
    """The components of a map: labels (depth, height, width) of its voxels, 0 outside, and a line for each label.

    Attributes
    ----------
    order
        (B,), the labels, most voxels first, of equals the first in raster order.
    table
        (B, 7) in that order: box and number of voxels.
    """

    labels: NDArray[Any]
    order: NDArray[np.intp]
    table: NDArray[np.int32]
    peak: np.float32


def volume_heatmaps(
    volume: Volume, normalize: bool, limits: Floats | None, out: NDArray[Any], run: Engine, threads: int | None
) -> None:
    """Fill out (P, depth, height, width), of float32 or uint8, from maps of volumes."""
    _check_finite(volume)
    for p, one in enumerate(volume.maps):
        scaled = one
        if normalize:
            low, high = _extrema(one, volume, run, threads) if limits is None else limits[p]
            scaled = np.zeros_like(one)
            if high > low:
                with np.errstate(over="ignore"):
                    scaled = np.clip((one - low) / (high - low), -LARGEST / 2, LARGEST / 2)
        for first, stop, lines in _lines(scaled, volume):
            ends = np.tile(np.array([0, 1], F), (stop - first, 1)) if normalize else None
            run.heatmaps(lines, volume.plane, normalize, ends, out[p, first:stop], threads)


def check_room(volume: Volume, bytes_a_voxel: int) -> None:
    """Check that memory has room for an array of the size of a volume, and for the slab that is computed at once."""
    depth, height, width = volume.size
    voxels = depth * height * width
    check_memory("size", bytes_a_voxel * voxels + 8 * min(voxels, max(SLAB, height * width)), HINT)


def find_cuboids(
    volume: Volume, rule: Convention, connectivity: int, run: Engine, smallest: int | None, threads: int | None
) -> Cuboids:
    """Return the box of the largest component of each map, or of all of at least `smallest` voxels."""
    _check_finite(volume)
    check_room(volume, LABELLING)
    tables, peaks = [], []
    for one in volume.maps:
        found = bodies_of(one, volume, rule, connectivity, run, threads)
        tables.append(_largest(found) if smallest is None else found.table[found.table[:, 6] >= smallest])
        peaks.append(found.peak)
    counts = [len(table) for table in tables]
    table, peak, leading = np.concatenate(tables), np.array(peaks, F), volume.leading
    boxes, area = np.ascontiguousarray(table[:, :6]), table[:, 6].copy()
    if smallest is None:
        return Cuboids(boxes.reshape(*leading, 6), area.reshape(leading), peak.reshape(leading))
    return Cuboids(boxes, area, np.repeat(peak, counts), np.repeat(np.arange(len(counts)), counts))


def _largest(found: Bodies) -> NDArray[np.int32]:
    return found.table[:1] if len(found.table) else np.zeros((1, 7), np.int32)


def volume_labels(volume: Volume, rule: Convention, connectivity: int, run: Engine, smallest: int) -> NDArray[np.int32]:
    """Return label images (..., depth, height, width): 1 in the largest component of a map, and so on."""
    _check_finite(volume)
    check_room(volume, LABELLING + 4 * len(volume.maps))
    out = np.zeros((len(volume.maps), *volume.size), np.int32)
    for p, one in enumerate(volume.maps):
        found = bodies_of(one, volume, rule, connectivity, run, None)
        kept = int((found.table[:, 6] >= smallest).sum())
        numbers = np.zeros(len(found.order) + 1, np.int32)
        numbers[found.order[:kept]] = np.arange(1, kept + 1)
        np.take(numbers, found.labels, out=out[p], mode="clip")  # unlike "raise" without a copy
    return out.reshape(*volume.leading, *volume.size)


def bodies_of(
    one: Floats, volume: Volume, rule: Convention, connectivity: int, run: Engine, threads: int | None
) -> Bodies:
    """Return all components of a (d, h, w) map."""
    if rule.rectify:
        one = np.maximum(one, F(0))
    low, high = _extrema(one, volume, run, threads)
    inside = np.zeros(volume.size, bool)
    if (high > low) if rule.minmax else (high > 0):
        cut = F(rule.threshold)
        for first, stop, pixels in _upsampled(one, volume, run, threads):
            inside[first:stop] = (pixels - low) / (high - low) > cut if rule.minmax else pixels > cut * high
    labels, count = label(inside, connectivity)
    area, first = _areas_and_firsts(labels, count)
    order = np.lexsort((first, -area))
    table = np.column_stack([_extents(labels), area])[order].astype(np.int32)
    return Bodies(labels, order + 1, table, high)


def label(inside: NDArray[np.bool_], connectivity: int) -> tuple[NDArray[Any], int]:
    """Return labels from 1 of the connected voxels of a mask (depth, height, width), and their number.

    The library decides the order of the labels.
    """
    if find_spec("cc3d") is not None:
        return label_by_cc3d(inside, connectivity)
    return label_by_scipy(inside, connectivity)


def label_by_scipy(inside: NDArray[np.bool_], connectivity: int) -> tuple[NDArray[Any], int]:
    """Label by `scipy.ndimage.label`."""
    from scipy import ndimage

    found: Any = ndimage.label(inside, ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3))
    return found


def label_by_cc3d(inside: NDArray[np.bool_], connectivity: int) -> tuple[NDArray[Any], int]:
    """Label by connected-components-3d (Seung Lab, Princeton)."""
    import cc3d  # pyright: ignore[reportMissingImports]

    found: Any = cc3d.connected_components(inside, connectivity=26 if connectivity == 26 else 6, return_N=True)
    return found


def _areas_and_firsts(labels: NDArray[Any], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of voxels of each label, and its first voxel in raster order: (count,) each."""
    flat = labels.reshape(-1)
    area, first = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for start in reversed(range(0, len(flat), SLAB)):  # so that the first voxel is written last
        part = flat[start : start + SLAB]
        begin = np.append(0, np.flatnonzero(part[1:] != part[:-1]) + 1)
        value = part[begin]
        area += np.bincount(value, np.diff(begin, append=len(part)), count + 1).astype(np.int64)
        first[value[::-1]] = start + begin[::-1]
    return area[1:], first[1:]


def _extents(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the boxes (B, 6), x0, y0, z0, x1, y1, z1, of labels from 1."""
    from scipy import ndimage

    found = ndimage.find_objects(labels)
    sides = [(*(one.start for one in place[::-1]), *(one.stop for one in place[::-1])) for place in found]
    return np.array(sides, np.int64).reshape(-1, 6)


def _extrema(one: Floats, volume: Volume, run: Engine, threads: int | None) -> tuple[np.float32, np.float32]:
    """Return minimum and maximum of the upsampled map."""
    ends = [(pixels.min(), pixels.max()) for _, _, pixels in _upsampled(one, volume, run, threads)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _upsampled(one: Floats, volume: Volume, run: Engine, threads: int | None) -> Iterator[tuple[int, int, Floats]]:
    """Yield slabs of the upsampled map, slices [first, stop) of the volume; each overwrites the one before."""
    pixels = np.empty((0, *volume.plane.size), F)
    for first, stop, lines in _lines(one, volume):
        if len(pixels) < stop - first:
            pixels = np.empty((stop - first, *volume.plane.size), F)
        part = pixels[: stop - first]
        run.heatmaps(lines, volume.plane, False, None, part, threads)
        yield first, stop, part


def _lines(one: Floats, volume: Volume) -> Iterator[tuple[int, int, Floats]]:
    """Yield (stop - first, h, w): the map interpolated along the depth, for slices [first, stop) of the volume."""
    starts, weight = volume.depths
    padded = np.pad(one, ((1, 1), (0, 0), (0, 0)), mode="edge")
    band = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    height, width = volume.plane.size
    step = max(1, SLAB // (height * width))
    for first in range(0, len(band), step):
        here = band[first : first + step]
        near, part = padded[here], weight[first : first + step, None, None]
        yield first, first + len(here), np.asarray(near + part * (padded[here + 1] - near), F)


def _check_finite(volume: Volume) -> None:
    check_maps("maps", volume.maps.reshape(*volume.leading, *volume.maps.shape[1:]), 3)
