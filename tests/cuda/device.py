"""Places where the tests of the CUDA engine run: the host, in several orders of threads, and a device if there is one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from fastcam.arrays.engines import select
from fastcam.arrays.engines.cuda import CudaEngine
from fastcam.kernels.cuda import driver, launch
from fastcam.kernels.cuda.source import OPTIONS, source
from tests.cuda.host.executor import SCHEDULES, HostModule, Schedule, available

THREADS = 64  # of a block on the host: two warps


@dataclass
class HostDriver:
    """Compiles with g++ and launches on one thread of the host. `edit` changes the text first: to plant faults."""

    schedule: Schedule = SCHEDULES[0]
    race: bool = False
    processors: int = 2
    shared_memory: int = 48 * 1024 - 2048
    device: int = 0
    edit: Callable[[str], str] | None = None
    launched: list[str] = field(default_factory=list)

    def kernel(self, name: str, function: str, constants: Sequence[tuple[str, int]]) -> Any:
        self.launched.append(function)
        text = source(name) if self.edit is None else self.edit(source(name))
        kernel = _module(text, tuple(constants), self.schedule, self.race).get_function(function)
        # As on a device: what there is at most, less what the kernel has in arrays of fixed size.
        kernel.max_dynamic_shared_size_bytes = self.shared_memory + driver.FIXED - kernel.shared_size_bytes
        return kernel


@cache
def _module(text: str, constants: tuple[tuple[str, int], ...], schedule: Schedule, race: bool) -> HostModule:
    defined = [f"-D{constant}={value}" for constant, value in constants]
    return HostModule(text, [*OPTIONS, *defined], schedule=schedule, race=race)


@contextmanager
def on_host(host: HostDriver):
    """The CUDA engine on NumPy arrays."""
    before = driver.current, launch.THREADS, select._opened.get("cuda")
    driver.current, launch.THREADS, select._opened["cuda"] = host, THREADS, CudaEngine(np)
    try:
        yield host
    finally:
        driver.current, launch.THREADS = before[:2]
        select._opened.pop("cuda")
        if before[2] is not None:
            select._opened["cuda"] = before[2]


@dataclass(frozen=True)
class Place:
    """The place of arrays and kernels: `put` takes NumPy's there, `get` brings results back, as one array or a tuple."""

    name: str
    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    host: HostDriver | None = None


def placed(name: str) -> Iterator[Place]:
    """The place of that name, for as long as a test runs."""
    if name == "gpu":
        cupy = import_module("cupy")
        yield Place(name, cupy.asarray, cupy.asnumpy)
        return
    if not available():
        pytest.skip("needs g++, to run CUDA kernels on the host")
    schedule = next(schedule for schedule in SCHEDULES if schedule.order == name)
    with on_host(HostDriver(schedule)) as host:
        yield Place(name, lambda array: array, lambda array: array, host)


PLACES = [*(schedule.order for schedule in SCHEDULES), pytest.param("gpu", marks=pytest.mark.gpu)]
