"""Runs CUDA C++ kernels on one CPU thread, behind the calls of CuPy's `RawModule`: `HostModule`.

>>> if available():
...     module = HostModule('extern "C" __global__ void twice(int *a) { a[threadIdx.x] *= 2; }')
...     numbers = np.arange(4, dtype=np.int32)
...     module.get_function("twice")((1,), (4,), (numbers,))
...     assert numbers.tolist() == [0, 2, 4, 6]
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from tests.cuda.host.arguments import Arguments, check
from tests.cuda.host.build import available, build
from tests.cuda.host.library import Entry, Launch, Library, regions

__all__ = ["SCHEDULES", "HostKernel", "HostModule", "Schedule", "available"]

PATIENCE = 5.0  # seconds of CPU time without progress, after which a loop is taken to be without end
Order = Literal["forward", "reverse", "random", "preempting"]
_SHARED_WITHOUT_ASKING = 48 * 1024
_SHARED_AT_MOST = 227 * 1024  # of any device; NVRTC's cubin says what one needs
_LARGEST_GRID, _LARGEST_BLOCK = (2**31 - 1, 65535, 65535), (1024, 1024, 64)


@dataclass(frozen=True)
class Schedule:
    """The order in which threads and blocks run. "preempting" is "random" that also changes threads at atomics."""

    order: Order = "forward"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise ValueError(f"expected a schedule of {get_args(Order)}, got {self.order!r}")


SCHEDULES = tuple(Schedule(order) for order in get_args(Order))


class HostModule:
    """The kernels of a text.

    Args:
        code: CUDA C++, with `extern "C"` kernels.
        options: as for the device's compiler; those that define macros (-D) count here, the others don't.
        schedule: of all launches.
        race: check each access to memory for races and for its range; some four times slower.
    """

    def __init__(
        self, code: str, options: Sequence[str] = (), *, schedule: Schedule = SCHEDULES[0], race: bool = False
    ) -> None:
        self._library = Library(build(code, options, race=race))
        self._schedule = schedule

    def get_function(self, name: str) -> "HostKernel":
        """The kernel of that name."""
        entry = self._library.entry(name)
        if entry is None:
            raise ValueError(
                f'expected an `extern "C" __global__ void {name}(...)` in the text, got {sorted(self._library.kernels)}'
            )
        return HostKernel(self._library, name, entry, self._schedule)


class HostKernel:
    """A kernel, to be called with a grid, a block and arguments.

    max_dynamic_shared_size_bytes: what a launch may ask for; as on the device, more than 48 KiB have to be set.
    shared_size_bytes: of its variables of fixed size, and of those that functions have which it may call.
    """

    def __init__(self, library: Library, name: str, entry: Entry, schedule: Schedule) -> None:
        self.name = name
        self.max_dynamic_shared_size_bytes = _SHARED_WITHOUT_ASKING
        others = library.kernels - {name}
        self.shared_size_bytes = sum(item.size for item in library.shared if item.function not in others)
        self._library, self._entry, self._schedule = library, entry, schedule

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0) -> None:
        names = check(self.name, self._entry, args)
        sizes = self._three("grid", grid, _LARGEST_GRID), self._three("block", block, _LARGEST_BLOCK)
        self._check_threads(sizes[1])
        self._check_shared(shared_mem)
        arguments = Arguments(self._entry, names, args)
        error = self._run(sizes, arguments, shared_mem) or arguments.damage() or arguments.take_back()
        if error:
            raise RuntimeError(f"{self.name}: {error}")

    def _run(self, sizes: tuple[tuple[int, ...], tuple[int, ...]], arguments: Arguments, shared_mem: int) -> str | None:
        named = regions([(copy.address, copy.size, f"argument {copy.names}") for copy in arguments.copies])
        launch = Launch(
            kernel=self._entry.call,
            arguments=ctypes.cast(arguments.pointers, ctypes.POINTER(ctypes.c_void_p)),
            regions=named,
            region_count=len(named),
            patience=PATIENCE,
            seed=self._schedule.seed,
            grid=sizes[0],
            block=sizes[1],
            dynamic_size=shared_mem,
            order=get_args(Order).index(self._schedule.order),
        )
        return self._library.launch(launch)

    def _three(self, what: str, sizes: Sequence[int], largest: tuple[int, ...]) -> tuple[int, ...]:
        full = (*(int(size) for size in sizes), 1, 1)[:3]
        if not 1 <= len(sizes) <= 3 or not all(1 <= size <= most for size, most in zip(full, largest, strict=True)):
            raise RuntimeError(f"{self.name}: expected a {what} of (1, 1, 1) to {largest}, got {tuple(sizes)}")
        return full

    def _check_threads(self, block: tuple[int, ...]) -> None:
        threads, most = int(np.prod(block)), min(self._entry.most_threads, 1024)
        if threads > most:
            raise RuntimeError(f"{self.name}: expected a block of at most {most} threads, got {block}: {threads}")

    def _check_shared(self, size: int) -> None:
        limit, fixed = self.max_dynamic_shared_size_bytes, self.shared_size_bytes
        total = _SHARED_WITHOUT_ASKING if limit <= _SHARED_WITHOUT_ASKING else _SHARED_AT_MOST
        if size > limit or size + fixed > total:
            raise RuntimeError(
                f"{self.name}: expected at most {limit} bytes of dynamic shared memory and {total} of all, "
                f"got {size} and {size + fixed}; max_dynamic_shared_size_bytes raises the limit"
            )
