"""The engine of arrays on a CUDA device: results are arrays there as well, without a copy or a wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np

from fastcam.arrays import FeatureMaps
from fastcam.conventions import Convention
from fastcam.devices import check_together, new_array
from fastcam.engines import Components, Engine
from fastcam.errors import InputError
from fastcam.kernels import contract
from fastcam.kernels.cuda import driver, launch
from fastcam.rectangles import Boxes
from fastcam.resampling import Memory, Resizing
from fastcam.sampling import Grid

# A map with many bytes of features is summed by several blocks, unless there are maps for all processors.
MUCH, SHARE = 2**17, 2**14  # bytes of features that count as many; least bytes for each block
LARGEST_GRID = 2**16 - 1  # blocks along the second and third axis of a launch
MOST_MAPS = 2**28  # in a call: counted in 32 bits
KEPT = 256  # arrays of the host with a copy on the device


def is_capturing(xp: Any) -> bool:
    """Return whether a CUDA graph is being captured from the current stream."""
    return xp is not np and xp.cuda.get_current_stream().is_capturing()


class Uploads:
    """Copies on a device of constant arrays of the host, those used last; for all threads and streams."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._copies: OrderedDict[tuple[int, int], tuple[Any, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, array: Any) -> Any:
        """Return the copy on the current device, made once."""
        key = (driver.current.device, id(array))  # no other array has that id as long as this one is kept
        with self._lock:
            found = self._copies.get(key)
            if found is None:
                found = self._copies[key] = (array, self.upload(array))
                if self._xp is not np:  # another thread may use it at once, on a stream of its own
                    self._xp.cuda.get_current_stream().synchronize()
                if len(self._copies) > KEPT:
                    self._forget()
            self._copies.move_to_end(key)
        return found[1]

    def upload(self, array: Any) -> Any:
        """Return a new copy, for the current stream."""
        if is_capturing(self._xp):
            raise InputError(
                "class_index, size: expected what is on the device already, while a CUDA graph is captured. Make the "
                "same call once before, with one class for all or with class_index on the device, and without limits"
            )
        return self._xp.asarray(array)

    def _forget(self) -> None:
        (device, _), _array = self._copies.popitem(last=False)
        if self._xp is not np:  # a kernel on any stream may still read it
            self._xp.cuda.Device(device).synchronize()


def _where_it_is(method: Any) -> Any:
    """Run a method with the device of its first array as the current one."""

    @wraps(method)
    def run(self: CudaEngine, first: Any, *others: Any, **options: Any) -> Any:
        device = getattr(first.data if isinstance(first, FeatureMaps | Memory) else first, "device", "cpu")
        with nullcontext() if isinstance(device, str) else device:
            return method(self, first, *others, **options)

    return run


class CudaEngine(Engine):
    """The kernels of `fastcam.kernels.cuda`: results are allocated here, and computed on the current stream.

    Only the device knows whether values are finite, so nothing is raised: boxes of a map that isn't finite are empty
    and their peak is NaN, its heatmap is NaN or, in uint8, zero.
    """

    def __init__(self, xp: Any) -> None:
        super().__init__("cuda")
        self.xp = xp
        self.memory = "cpu" if xp is np else "cuda"
        self._uploads = Uploads(xp)
        self._captured: list[Any] = []

    def host(self, *arrays: Any) -> list[Any]:
        """Return arrays in the host's memory: copied one after the other into pinned memory, with one wait."""
        if self.xp is np:
            return list(arrays)
        pinned = import_module("cupyx").empty_pinned
        copies = [array.get(out=pinned(array.shape, array.dtype), blocking=False) for array in arrays]
        self.xp.cuda.get_current_stream().synchronize()
        return copies

    def on(self, device: int) -> AbstractContextManager[Any]:
        """Return a context in which that device is CuPy's current one, in this thread."""
        return nullcontext() if self.xp is np else self.xp.cuda.Device(device)

    def resident(self, array: Any) -> Any:
        """Return the array on the current device, copied there once."""
        return self._uploads(array)

    def _new(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array on the device, kept for good while a CUDA graph is captured, as the graph has its address."""
        return self._kept(new_array(self.xp, shape, dtype))

    def _kept(self, array: Any) -> Any:
        if is_capturing(self.xp):
            self._captured.append(array)
        return array

    def _grid(self, where: Grid) -> contract.Grid:
        return contract.Grid(*(self._kept(self.resident(array)) for axis in where for array in axis))

    def _limits(self, limits: Any) -> Any:
        return None if limits is None else self._kept(self._uploads.upload(limits))

    def _index(self, features: Any, index: Any) -> Any:
        """Return class indices on the device of the feature maps, where those of one class for all images are kept."""
        if not isinstance(index, np.ndarray):
            check_together("feature_maps", features, "class_index", index)
            return index
        return self._kept(self._uploads.upload(index) if index.flags.writeable else self.resident(index))

    def _check(self, images: int, maps: int = 1, where: Grid | None = None) -> None:
        """Check the limits of a launch and of the tables of a map, counted in 32 bits, or raise InputError."""
        if max(images, maps) > LARGEST_GRID or images * maps > MOST_MAPS:
            most = f"{LARGEST_GRID} images or maps of one, and {MOST_MAPS} in all"
            raise InputError(f"cuda: expected at most {most}; got {images} and {maps}")
        if where is not None:
            integers = 7 * where.size[0] * launch.slots(where.size[1], where.shape[1]) + where.size[0]
            if integers >= 2**31:
                raise InputError(f"cuda: maps {where.shape} at {where.size} would need {integers} integers each")

    def _check_lines(self, maps: int, where: Grid) -> None:
        """Check that a row of the map fits into shared memory, or raise InputError."""
        self._check(maps)
        widest = driver.current.shared_memory // 4 - 2
        if where.shape[1] > widest:
            raise InputError(f"cuda: expected maps of at most {widest} columns; got {where.shape[1]}")

    def _parts(self, features: FeatureMaps, m: int) -> Any:
        """Return workspace for sums over parts of the channels, by blocks of their own; none if there are many maps."""
        n, channels, h, w = features.shape
        size = channels * h * w * np.dtype(launch.ITEMS[features.form % launch.CHANNELS_LAST]).itemsize
        parts = min(2 * driver.current.processors // (n * m), size // SHARE) if size >= MUCH else 0
        return self._new((parts if parts > 1 else 0, n, m, h, w), np.float32)

    def _tables(self, where: Grid, maps: int, table: int, shared: int = 0) -> tuple[Any, Any]:
        """Return workspace for what doesn't fit into shared memory: maps, then tables of `table` integers."""
        h, w = where.shape
        room = driver.current.shared_memory // 4
        plane_fits = h * w + shared <= room
        table_fits = max(table, shared) + (h * w if plane_fits else 0) <= room
        planes = self._new((0 if plane_fits else maps, h, w), np.float32)
        return planes, self._new((0 if table_fits else maps, table), np.int32)

    @_where_it_is
    def activation_maps(
        self, features: FeatureMaps, weights: Any, class_index: Any, threads: int | None = None
    ) -> tuple[Any, int]:
        """Return maps (N, M, h, w) for weights (K, C) and indices (N, M), and N."""
        *data, (n, _, h, w) = features
        m = class_index.shape[1]
        self._check(n, m)
        out = self._new((n, m, h, w), np.float32)
        index, parts = self._index(features.data, class_index), self._parts(features, m)
        self.kernel("activation_maps")(contract.Features(*data), weights, index, 0, n, parts, out)
        return out, n

    @_where_it_is
    def localize(
        self,
        features: FeatureMaps,
        weights: Any,
        class_index: Any,
        where: Grid,
        rule: Convention,
        connectivity: int,
        threads: int | None = None,
    ) -> tuple[Boxes, int]:
        """Return boxes (N, M) of the maps that `activation_maps` computes, and N."""
        *data, (n, channels, *_) = features
        given, m, index = contract.Features(*data), class_index.shape[1], self._index(features.data, class_index)
        self._check(n, m, where)
        grid, parts = self._grid(where), self._parts(features, m)
        partial = 0 if len(parts) else launch.THREADS * launch.vector(given, channels)
        planes, tables = self._tables(where, n * m, launch.table_size(grid), partial)
        boxes, flags = self._boxes((n, m)), contract.Rule(*rule.numbers, connectivity)
        own = contract.ClassBoxes(boxes.xyxy, boxes.area, boxes.peak)
        self.kernel("localize")(given, weights, index, 0, n, grid, flags, parts, planes, tables, own)
        return boxes, n

    def _boxes(self, shape: tuple[int, ...]) -> Boxes:
        return Boxes(self._new((*shape, 4), np.int32), self._new(shape, np.int32), self._new(shape, np.float32))

    @_where_it_is
    def find_boxes(
        self, maps: Any, where: Grid, rule: Convention, connectivity: int, threads: int | None = None
    ) -> tuple[Boxes, int]:
        """Return boxes (P,) of maps (P, h, w), and P."""
        self._check(1, 1, where)
        grid = self._grid(where)
        planes, tables = self._tables(where, len(maps), launch.table_size(grid))
        return self._run_boxes(maps, grid, rule, connectivity, planes, tables), len(maps)

    def _run_boxes(
        self, maps: Any, grid: contract.Grid, rule: Convention, connectivity: int, planes: Any, tables: Any
    ) -> Boxes:
        boxes, flags = self._boxes((len(maps),)), contract.Rule(*rule.numbers, connectivity)
        own = contract.Boxes(boxes.xyxy, boxes.area, boxes.peak)
        self.kernel("find_boxes")(maps, 0, len(maps), grid, flags, planes, tables, own)
        return boxes

    @_where_it_is
    def find_components(self, one: Any, where: Grid, rule: Convention, connectivity: int) -> Components:
        """Return all runs and components of one (h, w) map, as tables on the device. Waits for their number."""
        self._check(1, 1, where)
        xp, grid = self.xp, self._grid(where)
        planes, _ = self._tables(where, 1, 0)
        table = self._new((1, launch.table_size(grid)), np.int32)
        peak = float(self._run_boxes(one[None], grid, rule, connectivity, planes, table).peak[0])
        height, slots = where.size[0], launch.slots(where.size[1], where.shape[1])
        start, stop, parent, area, left, right, bottom = table[0, : 7 * height * slots].reshape(7, -1)
        if np.isnan(peak):
            return Components(self._new((0, 5), np.int32), self._new((0, 6), np.int32), peak)
        used = (xp.arange(slots) < table[0, -height:, None]).reshape(-1)
        at = xp.flatnonzero(used)
        line = xp.cumsum(used).astype(np.int32) - 1  # of the tables, which have no gaps
        y, root = (at // slots).astype(np.int32), line[parent[at]]
        runs = xp.stack([start[at], stop[at], y, y + 1, xp.arange(len(at), dtype=np.int32)], axis=1)
        return Components(runs, xp.stack([root, area[at], left[at], y, right[at], bottom[at]], axis=1), peak)

    @_where_it_is
    def paint(self, runs: Any, values: Any, out: Any) -> None:
        """Write the value of its component at the pixels of each run into an (H, W) array."""
        self.kernel("paint")(runs, len(runs), values, out)

    @_where_it_is
    def heatmaps(
        self, maps: Any, where: Grid, normalise: bool, limits: Any, out: Any, threads: int | None = None
    ) -> int:
        """Fill out (P, H, W), of float32 or uint8, from maps (P, h, w); return P. uint8 is always normalised."""
        kernel = self.kernel("heatmaps" if out.dtype == np.float32 else "heatmaps_uint8")
        self._check_lines(len(maps), where)
        extrema = self._new((len(maps), 2), np.float32)
        kernel(maps, self._grid(where), normalise, self._limits(limits), 0, where.size[0], extrema, out)
        return len(maps)

    @_where_it_is
    def overlay(
        self,
        one: Any,
        where: Grid,
        limits: Any,
        colours: Any,
        opacity: int,
        corner: tuple[int, int],
        frame: Any,
        threads: int | None = None,
    ) -> bool:
        """Draw a (h, w) map, if it is finite, over a window of the frame (H, W, 3) at the corner (x, y)."""
        self._check_lines(1, where)
        limits, colours = self._limits(limits), self.resident(colours)
        extrema = self._new((1, 2), np.float32)
        flat, rows = frame.reshape(len(frame), -1), where.size[0]
        grid = self._grid(where)
        self.kernel("overlay")(one.reshape(-1), grid, limits, colours, opacity, *corner, 0, rows, extrema, flat)
        return True

    @_where_it_is
    def preprocess(
        self, frame: Memory, how: Resizing, table: Any, channels_last: bool, out: Any, threads: int | None = None
    ) -> None:
        """Fill out, C-contiguous, with a resized frame, whose levels are replaced by their values in the table."""
        kind = {"preprocess": contract.Linear, "preprocess_antialiased": contract.Averages}[how.kernel]
        *tables, values = (
            self._kept(self.resident(one)) if isinstance(one, np.ndarray) else one for one in (*how.arguments, table)
        )
        target = contract.Target(values, channels_last, 0, how.size[0])
        self.kernel(how.kernel)(contract.Frame(*frame), kind(*tables), target, out.reshape(-1).view(np.uint8))
