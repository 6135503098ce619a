"""The engine of arrays on a CUDA device: results are arrays there as well, without a copy or a wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np

from fastcam.arrays.conventions import Convention
from fastcam.arrays.devices import check_together, new_array
from fastcam.arrays.engines.engine import Engine
from fastcam.arrays.grids import Grid
from fastcam.arrays.values import Boxes, Components, FeatureMaps
from fastcam.errors import InputError
from fastcam.kernels import contract
from fastcam.kernels.cuda import driver, launch

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


def _device_of(array: Any) -> AbstractContextManager[Any]:
    """Return a context in which the device of an array is the current one."""
    device = getattr(array, "device", "cpu")
    return nullcontext() if isinstance(device, str) else device


def _where_it_is(method: Any) -> Any:
    """Run a method with the device of its first array as the current one."""

    @wraps(method)
    def run(self: CudaEngine, first: Any, *others: Any, **options: Any) -> Any:
        with _device_of(first.data if isinstance(first, FeatureMaps) else first):
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

    def wait(self) -> None:
        """Wait for CuPy's current stream."""
        if self.xp is not np:
            self.xp.cuda.get_current_stream().synchronize()

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

    def _axes(self, where: Grid) -> tuple[Any, ...]:
        return self._constants((*where.rows, *where.columns))

    def _constants(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self._kept(self.resident(one)) if isinstance(one, np.ndarray) else one for one in values)

    def _limits(self, limits: Any, first: int, stop: int) -> Any:
        return None if limits is None else self._kept(self._uploads.upload(limits))

    def _row_scratch(self, where: Grid, maps: int) -> tuple[Any, ...]:
        self._check_lines(maps, where)
        return (self._new((maps, 2), np.float32),)

    def _scratch(self, arrays: Callable[..., tuple[Any, ...]], *sizes: Any) -> tuple[Any, ...]:
        return ()

    def _spread(
        self, work: Callable[[int, int], int], count: int, cost: float, threads: int | None, at: Any = None
    ) -> list[int]:
        with _device_of(at):
            return [work(0, count)]

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
        n, _, h, w = features.shape
        m = class_index.shape[1]
        self._check(n, m)
        out = self._new((n, m, h, w), np.float32)
        index, parts = self._index(features.data, class_index), self._parts(features, m)
        self.kernel("activation_maps")(*features[:4], weights, index, 0, n, parts, out)
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
        (n, channels, *_), m = features.shape, class_index.shape[1]
        index = self._index(features.data, class_index)
        self._check(n, m, where)
        axes, parts = self._axes(where), self._parts(features, m)
        partial = 0 if len(parts) else launch.THREADS * launch.vector(contract.Features(*features[:4]), channels)
        planes, tables = self._tables(where, n * m, launch.table_size(contract.Grid(*axes)), partial)
        boxes = self._boxes((n, m))
        self.kernel("localize")(
            *features[:4], weights, index, 0, n, *axes, *rule.numbers, connectivity,
            parts, planes, tables, boxes.xyxy, boxes.area, boxes.peak,
        )  # fmt: skip
        return boxes, n

    def _boxes(self, shape: tuple[int, ...]) -> Boxes:
        return Boxes(self._new((*shape, 4), np.int32), self._new(shape, np.int32), self._new(shape, np.float32))

    @_where_it_is
    def find_boxes(
        self, maps: Any, where: Grid, rule: Convention, connectivity: int, threads: int | None = None
    ) -> tuple[Boxes, int]:
        """Return boxes (P,) of maps (P, h, w), and P."""
        self._check(1, 1, where)
        axes = self._axes(where)
        planes, tables = self._tables(where, len(maps), launch.table_size(contract.Grid(*axes)))
        return self._run_boxes(maps, axes, rule, connectivity, planes, tables), len(maps)

    def _run_boxes(
        self, maps: Any, axes: tuple[Any, ...], rule: Convention, connectivity: int, planes: Any, tables: Any
    ) -> Boxes:
        boxes = self._boxes((len(maps),))
        self.kernel("find_boxes")(
            maps, 0, len(maps), *axes, *rule.numbers, connectivity, planes, tables, boxes.xyxy, boxes.area, boxes.peak
        )
        return boxes

    @_where_it_is
    def find_components(self, one: Any, where: Grid, rule: Convention, connectivity: int) -> Components:
        """Return all runs and components of one (h, w) map, as tables on the device. Waits for their number."""
        self._check(1, 1, where)
        xp, axes = self.xp, self._axes(where)
        planes, _ = self._tables(where, 1, 0)
        table = self._new((1, launch.table_size(contract.Grid(*axes))), np.int32)
        peak = float(self._run_boxes(one[None], axes, rule, connectivity, planes, table).peak[0])
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
