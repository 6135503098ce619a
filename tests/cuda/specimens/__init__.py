"""Kernels on which the executor itself is tested, right ones and wrong ones."""

from functools import cache
from pathlib import Path

import pytest

from tests.cuda.host.executor import SCHEDULES, HostKernel, HostModule, Schedule, available

needs_compiler = pytest.mark.skipif(not available(), reason="g++, which runs CUDA kernels on the CPU, is not installed")

FOLDER = Path(__file__).parent
TILE = 8
OPTIONS = (f"-DTILE={TILE}",)


def text(file: str) -> str:
    """Return the source of a file of kernels."""
    return (FOLDER / f"{file}.cu").read_text(encoding="utf-8")


@cache
def kernel(file: str, name: str, *, schedule: Schedule = SCHEDULES[0], race: bool = False) -> HostKernel:
    """A kernel of a file, ready to run."""
    return HostModule(text(file), OPTIONS, schedule=schedule, race=race).get_function(name)
