"""Which code runs on an array, and the one call form behind which the engines stand.

`cpu` is `fastcam.kernels.cpu` (Numba); `cuda` is `fastcam.kernels.cuda` (CuPy), for arrays on a device; `reference` is
`fastcam.arrays.engines.reference` (NumPy and scikit-image), slow, there to check the others on your own data.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.conventions import Convention
from fastcam.arrays.engines import workspace
from fastcam.arrays.grids import Grid
from fastcam.arrays.pool import spread
from fastcam.arrays.resampling import Memory, Resizing
from fastcam.arrays.values import Boxes, Components, FeatureMaps
from fastcam.errors import KernelError

ENGINES = {
    "cpu": "fastcam.kernels.cpu",
    "reference": "fastcam.arrays.engines.reference",
    "cuda": "fastcam.kernels.cuda",
}

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class Engine:
    """The kernels of one engine, writing into arrays that are allocated here, on as many threads as they are worth."""

    xp: Any = np  # the library of its arrays
    memory = "cpu"  # where they are, as ONNX Runtime calls it

    def __init__(self, name: str) -> None:
        self.name = name
        self._load: Callable[[str], Any] = import_module(ENGINES[name]).load
        self._loaded: dict[str, Any] = {}

    def kernel(self, name: str) -> Any:
        """The kernel of that name, loaded when it is first asked for."""
        found = self._loaded.get(name)
        if found is None:
            found = self._loaded[name] = self._load(name)  # two threads may both do this; they get the same
        return found

    def host(self, *arrays: Any) -> list[NDArray[Any]]:
        """Arrays of this engine in the host's memory."""
        return list(arrays)

    def on(self, device: int) -> AbstractContextManager[Any]:
        """Where that device is the current one for this thread."""
        return nullcontext()

    def resident(self, array: NDArray[Any]) -> Any:
        """An array that doesn't change, where this engine needs it."""
        return array

    def _spread(self, work: Callable[[int, int], int], count: int, cost: float, threads: int | None) -> list[int]:
        """`pool.spread`, for work that calls kernels."""
        try:
            return [work(0, count)] if count == 1 or threads == 1 else spread(work, count, cost, threads)
        except TypeError as error:  # Numba: no machine code for such arguments
            raise KernelError(f"{self.name}: {error}; please report this") from error

    def activation_maps(
        self, features: FeatureMaps, weights: Floats, class_index: NDArray[np.int64], threads: int | None = None
    ) -> tuple[Floats, int]:
        """(N, M, h, w) from feature maps, (K, C) weights and (N, M) indices; the first n that isn't finite or N."""
        data, form, zero_point, scale, (n, _, h, w) = features
        m = class_index.shape[1]
        out = np.empty((n, m, h, w), np.float32)

        kernel = self.kernel("activation_maps")

        def work(first: int, stop: int) -> int:
            inputs = (data, form, zero_point, scale, weights, class_index, first, stop)
            return kernel(*inputs, *workspace.sums(h * w, m), out)

        return out, _sound(self._spread(work, n, _sum_cost(features, m) if n > 1 else 0, threads), n)

    def localize(
        self,
        features: FeatureMaps,
        weights: Floats,
        class_index: NDArray[np.int64],
        where: Grid,
        rule: Convention,
        connectivity: int,
        threads: int | None = None,
    ) -> tuple[Boxes, int]:
        """Boxes with axes (N, M), from feature maps as in `activation_maps`, the first n that isn't finite or N."""
        data, form, zero_point, scale, (n, _, h, w) = features
        m = class_index.shape[1]
        xyxy, area, peak = np.empty((n, m, 4), np.int32), np.empty((n, m), np.int32), np.empty((n, m), np.float32)
        (rows, row_weight), (columns, column_weight) = where
        kernel = self.kernel("localize")

        def work(first: int, stop: int) -> int:
            return kernel(
                data, form, zero_point, scale, weights, class_index, first, stop,
                rows, row_weight, columns, column_weight, *rule.numbers, connectivity,
                *workspace.sums(h * w, m), *workspace.tables(where), xyxy, area, peak,
            )  # fmt: skip

        cost = _sum_cost(features, m) + m * _box_cost(where) if n > 1 else 0
        return Boxes(xyxy, area, peak), _sound(self._spread(work, n, cost, threads), n)

    def find_boxes(
        self, maps: Floats, where: Grid, rule: Convention, connectivity: int, threads: int | None = None
    ) -> tuple[Boxes, int]:
        """Boxes with an axis P, of (P, h, w) maps, and the first p that isn't finite, or P."""
        boxes, sound, _ = self._find_boxes(maps, where, rule, connectivity, threads)
        return boxes, sound

    def _find_boxes(
        self, maps: Floats, where: Grid, rule: Convention, connectivity: int, threads: int | None
    ) -> tuple[Boxes, int, tuple[Ints, Ints]]:
        """As `find_boxes`, and the tables of runs and components of the last map, if this thread did it."""
        p = len(maps)
        xyxy, area, peak = np.empty((p, 4), np.int32), np.empty(p, np.int32), np.empty(p, np.float32)
        counts = np.zeros(2, np.int64)
        (rows, row_weight), (columns, column_weight) = where
        kernel = self.kernel("find_boxes")

        def work(first: int, stop: int) -> int:
            return kernel(
                maps, first, stop, rows, row_weight, columns, column_weight, *rule.numbers, connectivity,
                *workspace.tables(where), xyxy, area, peak, counts,
            )  # fmt: skip

        ends = self._spread(work, p, _box_cost(where) if p > 1 else 0, threads)
        *_, runs, components = workspace.tables(where)
        return Boxes(xyxy, area, peak), _sound(ends, p), (runs[: counts[0]], components[: counts[1]])

    def find_components(self, one: Floats, where: Grid, rule: Convention, connectivity: int) -> Components:
        """All runs and components of one (h, w) map; the peak is NaN if it isn't finite."""
        boxes, _, tables = self._find_boxes(one[None], where, rule, connectivity, 1)
        return Components(*tables, float(boxes.peak[0]))

    def paint(self, runs: Ints, values: Ints, out: Ints) -> None:
        """Write the value of their component at the pixels of runs into an (H, W) array."""
        self._spread(lambda *_: self.kernel("paint")(runs, len(runs), values, out), 1, 0, 1)

    def heatmaps(
        self,
        maps: Floats,
        where: Grid,
        normalise: bool,
        limits: Floats | None,
        out: NDArray[Any],
        threads: int | None = None,
    ) -> int:
        """Fill out (P, H, W), of float32 or uint8, with (P, h, w) maps. Returns the first p that isn't finite, or P.

        Nothing is written for maps that aren't finite; uint8 is always normalised.
        """
        (rows, row_weight), (columns, column_weight) = where
        name, cost = ("heatmaps", 1e-4) if out.dtype == np.float32 else ("heatmaps_uint8", 2e-4)
        kernel = self.kernel(name)
        (height, width), count = where.size, len(maps)
        axes = (rows, row_weight, columns, column_weight, normalise)
        limits = _own_extrema(count) if limits is None else limits

        def bands(first: int, stop: int) -> int:
            return kernel(maps, *axes, limits, first, stop, *workspace.cells(where), out)

        def items(i: int, j: int) -> int:
            return i + kernel(maps[i:j], *axes, limits[i:j], 0, height, *workspace.cells(where), out[i:j])

        if count == 1:
            return min(self._spread(bands, height, cost * width, threads))
        return _sound(self._spread(items, count, cost * width * height, threads), count)

    def overlay(
        self,
        one: Floats,
        where: Grid,
        limits: Floats | None,
        colours: NDArray[np.uint64],
        opacity: int,
        corner: tuple[int, int],
        frame: NDArray[np.uint8],
        threads: int | None = None,
    ) -> bool:
        """Draw a (h, w) map over a window of the frame (H, W, 3) that begins at the corner (x, y), if it is finite."""
        (rows, row_weight), (columns, column_weight) = where
        height, width = where.size
        flat = frame.reshape(len(frame), -1)
        kernel, limits = self.kernel("overlay"), _own_extrema(1) if limits is None else limits

        def bands(first: int, stop: int) -> int:
            return kernel(
                one.reshape(-1), rows, row_weight, columns, column_weight, limits, colours, opacity, *corner,
                first, stop, *workspace.cells(where), *workspace.lines(width), flat,
            )  # fmt: skip

        return all(self._spread(bands, height, width * 5e-4, threads))

    def preprocess(
        self, frame: Memory, how: Resizing, table: Any, channels_last: bool, out: Any, threads: int | None = None
    ) -> None:
        """Fill out, C-contiguous, with a resized frame, its levels replaced by what the table has for them."""
        kernel, flat = self.kernel(how.kernel), out.reshape(-1).view(np.uint8)

        def bands(first: int, stop: int) -> int:
            scratch = workspace.resizing(how)
            return kernel(*frame, *how.arguments, table, channels_last, first, stop, *scratch, flat)

        self._spread(bands, how.size[0], how.cost, threads)


@lru_cache(maxsize=64)
def _own_extrema(count: int) -> Floats:
    """Limits of so many maps that kernels find."""
    limits = np.full((count, 2), np.nan, np.float32)
    limits.flags.writeable = False  # all callers get the same
    return limits


def _sum_cost(features: FeatureMaps, classes: int) -> float:
    """Microseconds of the weighted sum of an image, about."""
    _, channels, h, w = features.shape
    return channels * h * w * (1 + classes) * 4e-5


def _box_cost(where: Grid) -> float:
    """Microseconds of the box of a map, about."""
    return where.size[0] * where.shape[1] * 1e-3


def _sound(ends: list[int], count: int) -> int:
    """Where the first item is that isn't finite: the first part of [0, count) that ends before the next begins."""
    if len(ends) == 1:
        return ends[0]
    for part, end in enumerate(ends):
        if end < count * (part + 1) // len(ends):
            return end
    return count
