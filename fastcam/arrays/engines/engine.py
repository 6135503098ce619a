"""The engines that compute on arrays, behind the same calls, and the choice of one for an array.

`cpu` is `fastcam.kernels.cpu` (Numba); `cuda` is `fastcam.kernels.cuda` (CuPy), for arrays on a device; `reference` is
`fastcam.arrays.engines.reference` (NumPy and scikit-image), which is slow and checks the others on your own data.
Kernels take the fields of their groups (`fastcam.kernels.contract`) one after another.
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
    """The kernels of one engine: results are allocated here, and computed on as many threads as pay off."""

    xp: Any = np  # the library of its arrays
    memory = "cpu"  # the device of its arrays, in ONNX Runtime's words

    def __init__(self, name: str) -> None:
        self.name = name
        self._load: Callable[[str], Any] = import_module(ENGINES[name]).load
        self._loaded: dict[str, Any] = {}

    def kernel(self, name: str) -> Any:
        """Return the kernel of that name, which the first call loads."""
        found = self._loaded.get(name)
        if found is None:
            found = self._loaded[name] = self._load(name)  # two threads may both do this; they get the same
        return found

    def host(self, *arrays: Any) -> list[NDArray[Any]]:
        """Return arrays of this engine in the host's memory."""
        return list(arrays)

    def wait(self) -> None:
        """Wait until the arrays of this engine are computed, for threads with other streams to read them."""

    def on(self, device: int) -> AbstractContextManager[Any]:
        """Return a context in which that device is the current one for this thread."""
        return nullcontext()

    def resident(self, array: NDArray[Any]) -> Any:
        """Return a constant array in the memory of this engine."""
        return array

    def _axes(self, where: Grid) -> tuple[Any, ...]:
        """Return the arrays of a grid as the kernels take them, in the memory of this engine."""
        return *where.rows, *where.columns

    def _constants(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return arguments that don't change, their arrays in the memory of this engine."""
        return values

    def _limits(self, limits: Floats | None, first: int, stop: int) -> Any:
        """Return the limits of maps [first, stop) as the kernels take them; None: the extrema of each map."""
        return _own_extrema(stop - first) if limits is None else limits[first:stop]

    def _row_scratch(self, where: Grid, maps: int) -> tuple[Any, ...]:
        """Return workspace of the kernels that upsample maps row by row."""
        return workspace.cells(where)

    def _scratch(self, arrays: Callable[..., tuple[Any, ...]], *sizes: Any) -> tuple[Any, ...]:
        """Return workspace that only the kernels of the host need."""
        return arrays(*sizes)

    def _spread(
        self, work: Callable[[int, int], int], count: int, cost: float, threads: int | None, at: Any = None
    ) -> list[int]:
        """Call `pool.spread` for work that calls kernels, on the device of the array `at`."""
        try:
            return [work(0, count)] if count == 1 or threads == 1 else spread(work, count, cost, threads)
        except TypeError as error:  # Numba: no machine code for such arguments
            raise KernelError(f"{self.name}: {error}; please report this") from error

    def activation_maps(
        self, features: FeatureMaps, weights: Floats, class_index: NDArray[np.int64], threads: int | None = None
    ) -> tuple[Floats, int]:
        """Return maps (N, M, h, w) for weights (K, C) and indices (N, M), and the first n that isn't finite, or N."""
        *data, (n, _, h, w) = features
        m = class_index.shape[1]
        out = np.empty((n, m, h, w), np.float32)
        kernel = self.kernel("activation_maps")

        def work(first: int, stop: int) -> int:
            return kernel(*data, weights, class_index, first, stop, *workspace.sums(h * w, m), out)

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
        """Return boxes (N, M) of the maps that `activation_maps` computes, and the first n that isn't finite, or N."""
        *data, (n, _, h, w) = features
        m = class_index.shape[1]
        xyxy, area, peak = np.empty((n, m, 4), np.int32), np.empty((n, m), np.int32), np.empty((n, m), np.float32)
        kernel = self.kernel("localize")

        def work(first: int, stop: int) -> int:
            return kernel(
                *data, weights, class_index, first, stop, *where.rows, *where.columns, *rule.numbers, connectivity,
                *workspace.sums(h * w, m), *workspace.tables(where), xyxy, area, peak,
            )  # fmt: skip

        cost = _sum_cost(features, m) + m * _box_cost(where) if n > 1 else 0
        return Boxes(xyxy, area, peak), _sound(self._spread(work, n, cost, threads), n)

    def find_boxes(
        self, maps: Floats, where: Grid, rule: Convention, connectivity: int, threads: int | None = None
    ) -> tuple[Boxes, int]:
        """Return boxes (P,) of maps (P, h, w), and the first p that isn't finite, or P."""
        boxes, sound, _ = self._find_boxes(maps, where, rule, connectivity, threads)
        return boxes, sound

    def _find_boxes(
        self, maps: Floats, where: Grid, rule: Convention, connectivity: int, threads: int | None
    ) -> tuple[Boxes, int, tuple[Ints, Ints]]:
        """Do as `find_boxes`; return as well the tables of runs and components of the last map, if on this thread."""
        p = len(maps)
        xyxy, area, peak = np.empty((p, 4), np.int32), np.empty(p, np.int32), np.empty(p, np.float32)
        counts = np.zeros(2, np.int64)
        kernel = self.kernel("find_boxes")

        def work(first: int, stop: int) -> int:
            return kernel(
                maps, first, stop, *where.rows, *where.columns, *rule.numbers, connectivity,
                *workspace.tables(where), xyxy, area, peak, counts,
            )  # fmt: skip

        ends = self._spread(work, p, _box_cost(where) if p > 1 else 0, threads)
        *_, runs, components = workspace.tables(where)
        return Boxes(xyxy, area, peak), _sound(ends, p), (runs[: counts[0]], components[: counts[1]])

    def find_components(self, one: Floats, where: Grid, rule: Convention, connectivity: int) -> Components:
        """Return all runs and components of one (h, w) map; the peak is NaN if it isn't finite."""
        boxes, _, tables = self._find_boxes(one[None], where, rule, connectivity, 1)
        return Components(*tables, float(boxes.peak[0]))

    def paint(self, runs: Ints, values: Ints, out: Ints) -> None:
        """Write the value of its component at the pixels of each run into an (H, W) array."""
        self._spread(lambda *_: self.kernel("paint")(runs, len(runs), values, out), 1, 0, 1, runs)

    def heatmaps(
        self,
        maps: Floats,
        where: Grid,
        normalise: bool,
        limits: Floats | None,
        out: NDArray[Any],
        threads: int | None = None,
    ) -> int:
        """Fill out (P, H, W), of float32 or uint8, from maps (P, h, w); return the first p that isn't finite, or P.

        Nothing is written for maps that aren't finite; uint8 is always normalised.
        """
        name, cost = ("heatmaps", 1e-4) if out.dtype == np.float32 else ("heatmaps_uint8", 2e-4)
        kernel = self.kernel(name)
        (height, width), count = where.size, len(maps)

        def part(given: Floats, i: int, j: int, first: int, stop: int, filled: NDArray[Any]) -> int:
            return kernel(
                given, *self._axes(where), normalise, self._limits(limits, i, j), first, stop,
                *self._row_scratch(where, j - i), filled,
            )  # fmt: skip

        if count == 1:
            rows = self._spread(
                lambda first, stop: part(maps, 0, 1, first, stop, out), height, cost * width, threads, maps
            )
            return min(rows)
        return _sound(
            self._spread(
                lambda i, j: i + part(maps[i:j], i, j, 0, height, out[i:j]), count, cost * width * height, threads, maps
            ),
            count,
        )

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
        """Draw a (h, w) map over a window of the frame (H, W, 3) at the corner (x, y); return whether it is finite."""
        height, width = where.size
        kernel, flat = self.kernel("overlay"), frame.reshape(len(frame), -1)

        def bands(first: int, stop: int) -> int:
            return kernel(
                one.reshape(-1), *self._axes(where), self._limits(limits, 0, 1), *self._constants((colours,)), opacity,
                *corner, first, stop, *self._row_scratch(where, 1), *self._scratch(workspace.lines, width), flat,
            )  # fmt: skip

        return all(self._spread(bands, height, width * 5e-4, threads, one))

    def preprocess(
        self, frame: Memory, how: Resizing, table: Any, channels_last: bool, out: Any, threads: int | None = None
    ) -> None:
        """Fill out, C-contiguous, with a resized frame, whose levels are replaced by their values in the table."""
        kernel, flat = self.kernel(how.kernel), out.reshape(-1).view(np.uint8)

        def bands(first: int, stop: int) -> int:
            constants = self._constants((*how.arguments, table))
            return kernel(*frame, *constants, channels_last, first, stop, *self._scratch(workspace.resizing, how), flat)

        self._spread(bands, how.size[0], how.cost, threads, frame.data)


@lru_cache(maxsize=64)
def _own_extrema(count: int) -> Floats:
    """Return limits (count, 2) of NaN: kernels compute the extrema of each map."""
    limits = np.full((count, 2), np.nan, np.float32)
    limits.flags.writeable = False  # all callers get the same
    return limits


def _sum_cost(features: FeatureMaps, classes: int) -> float:
    """Return the microseconds of the weighted sum of an image, about."""
    _, channels, h, w = features.shape
    return channels * h * w * (1 + classes) * 4e-5


def _box_cost(where: Grid) -> float:
    """Return the microseconds of the box of a map, about."""
    return where.size[0] * where.shape[1] * 1e-3


def _sound(ends: list[int], count: int) -> int:
    """Return the first item that isn't finite, or count: the end of the first part that ends before the next begins."""
    if len(ends) == 1:
        return ends[0]
    for part, end in enumerate(ends):
        if end < count * (part + 1) // len(ends):
            return end
    return count
