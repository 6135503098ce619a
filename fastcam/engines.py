"""Which code runs on an array, and the one call form behind which the engines stand.

`cpu` is `fastcam.kernels.cpu` (Numba); `reference` is `fastcam.reference` (NumPy and scikit-image), slow, there to
check the others on your own data.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam import workspace
from fastcam.arrays import FeatureMaps
from fastcam.conventions import Convention
from fastcam.errors import InputError, KernelError
from fastcam.pool import spread
from fastcam.sampling import Grid

ENGINES = {"cpu": "fastcam.kernels.cpu", "reference": "fastcam.reference"}

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class Found(NamedTuple):
    """Boxes (..., 4), areas and peaks (...), and how many items there are before one that isn't finite."""

    xyxy: Ints
    area: Ints
    peak: Floats
    sound: int


class Components(NamedTuple):
    """Tables of runs and components of one map (`fastcam.kernels.cpu.components`), and its maximum.

    Valid until the thread's next call: they are its workspace.
    """

    runs: Ints
    components: Ints
    peak: float


class Engine:
    """The kernels of one engine, writing into arrays that are allocated here, on as many threads as they are worth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kernels: Any = import_module(ENGINES[name])

    def _launch(self, kernel: str, *arguments: Any) -> Any:
        try:
            return getattr(self._kernels, kernel)(*arguments)
        except TypeError as error:  # Numba: no machine code for such arguments
            kinds = ", ".join(f"{getattr(one, 'dtype', type(one).__name__)} {np.shape(one)}" for one in arguments)
            raise KernelError(f"{self.name}.{kernel} can't take {kinds}; please report this") from error

    def activation_maps(
        self, features: FeatureMaps, weights: Floats, class_index: NDArray[np.int64], threads: int | None = None
    ) -> Floats:
        """(N, M, h, w) from feature maps, (K, C) weights and (N, M) indices of their rows."""
        data, form, zero_point, scale, (n, _, h, w) = features
        m = class_index.shape[1]
        out = np.empty((n, m, h, w), np.float32)

        def work(i: int, j: int) -> None:
            scratch = workspace.sums(h * w, m)
            inputs = (data[i:j], form, zero_point, scale, weights, class_index[i:j])
            self._launch("activation_maps", *inputs, *scratch, out[i:j])

        spread(work, n, _sum_cost(features, m), threads)
        return out

    def localize(
        self,
        features: FeatureMaps,
        weights: Floats,
        class_index: NDArray[np.int64],
        where: Grid,
        rule: Convention,
        connectivity: int,
        threads: int | None = None,
    ) -> Found:
        """Boxes with axes (N, M), from feature maps as in `activation_maps`."""
        data, form, zero_point, scale, (n, _, h, w) = features
        m = class_index.shape[1]
        xyxy, area, peak = np.empty((n, m, 4), np.int32), np.empty((n, m), np.int32), np.empty((n, m), np.float32)
        fixed = (*where.rows, *where.columns, *rule.numbers, connectivity)

        def work(i: int, j: int) -> int:
            scratch = (*workspace.sums(h * w, m), *workspace.tables(where))
            inputs = (data[i:j], form, zero_point, scale, weights, class_index[i:j])
            return i + self._launch("localize", *inputs, *fixed, *scratch, xyxy[i:j], area[i:j], peak[i:j])

        ends = spread(work, n, _sum_cost(features, m) + m * _box_cost(where), threads)
        return Found(xyxy, area, peak, _sound(ends, n))

    def find_boxes(
        self, maps: Floats, where: Grid, rule: Convention, connectivity: int, threads: int | None = None
    ) -> Found:
        """Boxes with an axis P, of (P, h, w) maps."""
        count = len(maps)
        xyxy, area, peak = np.empty((count, 4), np.int32), np.empty(count, np.int32), np.empty(count, np.float32)
        fixed = (*where.rows, *where.columns, *rule.numbers, connectivity)

        def work(i: int, j: int) -> int:
            outputs = (xyxy[i:j], area[i:j], peak[i:j])
            return i + self._launch("find_boxes", maps[i:j], *fixed, *workspace.tables(where), *outputs)

        return Found(xyxy, area, peak, _sound(spread(work, count, _box_cost(where), threads), count))

    def find_components(self, one: Floats, where: Grid, rule: Convention, connectivity: int) -> Components:
        """All runs and components of one (h, w) map; the peak is NaN if it isn't finite."""
        counts, peak, tables = np.empty(2, np.int64), np.empty(1, np.float32), workspace.tables(where)
        fixed = (*where.rows, *where.columns, *rule.numbers, connectivity)
        self._launch("find_components", one.reshape(-1), *fixed, *tables, counts, peak)
        return Components(tables[-2][: counts[0]], tables[-1][: counts[1]], float(peak[0]))

    def paint(self, runs: Ints, values: Ints, out: Ints) -> None:
        """Write the value of their component at the pixels of runs into an (H, W) array."""
        self._launch("paint", runs, len(runs), values, out)

    def extrema(self, maps: Floats, where: Grid) -> tuple[Floats, int]:
        """(P, 2) minimum and maximum of upsampled (P, h, w) maps; how many there are before one that isn't finite."""
        out = np.empty((len(maps), 2), np.float32)
        padded, corners, *_ = workspace.tables(where)
        return out, self._launch("extrema", maps, *where.rows, *where.columns, padded, corners, out)

    def heatmaps(
        self,
        maps: Floats,
        where: Grid,
        normalisation: Floats,
        limits: tuple[float, float],
        out: NDArray[Any],
        threads: int | None = None,
    ) -> None:
        """Fill out (P, H, W) with (P, h, w) maps, normalised by (P, 2) offset and scale, and clipped to the limits.

        If out is of uint8, the limits have to be (0, 1), and all is times 255.
        """
        height, width = where.size
        axes = (*where.rows, *where.columns)
        kernel, clip, cost = ("heatmaps", limits, 1e-4) if out.dtype == np.float32 else ("heatmaps_uint8", (), 2e-4)
        cost *= height * width

        def rows(i: int, j: int) -> None:
            self._launch(kernel, maps, *axes, normalisation, *clip, i, j, workspace.tables(where)[0], out)

        def items(i: int, j: int) -> None:
            some = (normalisation[i:j], *clip, 0, height, workspace.tables(where)[0], out[i:j])
            self._launch(kernel, maps[i:j], *axes, *some)

        if len(maps) == 1:
            spread(rows, height, cost / height, threads)
        else:
            spread(items, len(maps), cost, threads)

    def overlay(
        self,
        one: Floats,
        where: Grid,
        normalisation: Floats,
        colours: NDArray[np.uint64],
        opacity: int,
        corner: tuple[int, int],
        frame: NDArray[np.uint8],
        threads: int | None = None,
    ) -> None:
        """Draw a (h, w) map over a window of the frame (H, W, 3) that begins at the corner (x, y)."""
        height, width = where.size
        axes, flat = (*where.rows, *where.columns), frame.reshape(len(frame), -1)

        def rows(i: int, j: int) -> None:
            padded, (levels, tints) = workspace.tables(where)[0], workspace.lines(width)
            fixed = (one, *axes, normalisation, colours, opacity, *corner)
            self._launch("overlay", *fixed, i, j, padded, levels, tints, flat)

        spread(rows, height, width * 5e-4, threads)


def _sum_cost(features: FeatureMaps, classes: int) -> float:
    """Microseconds of the weighted sum of an image, about."""
    _, channels, h, w = features.shape
    return channels * h * w * (1 + classes) * 4e-5


def _box_cost(where: Grid) -> float:
    """Microseconds of the box of a map, about."""
    return where.size[0] * where.shape[1] * 1e-3


def _sound(ends: list[int], count: int) -> int:
    """Where the first item is that isn't finite: the first part of [0, count) that ends before the next begins."""
    for part, end in enumerate(ends):
        if end < count * (part + 1) // len(ends):
            return end
    return count


def named(name: str) -> Engine:
    """The engine of that name; "auto" is the fastest for the caller's arrays, which is "cpu" for those of NumPy.

    Raises
    ------
    InputError
        No engine of that name.
    """
    wanted = "cpu" if name == "auto" else name
    if not isinstance(wanted, str) or wanted not in ENGINES:
        raise InputError(f"engine: expected one of auto, {', '.join(ENGINES)}; got {name!r}")
    found = _opened.get(wanted)
    if found is None:
        found = _opened[wanted] = Engine(wanted)
    return found


_opened: dict[str, Engine] = {}
