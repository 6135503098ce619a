"""Pixels from runs."""

from typing import Annotated

from fastcam.kernels.contract import In, Ints, Out, Runs
from fastcam.kernels.cpu.components import COMPONENT, START, STOP, Y0, Y1
from fastcam.kernels.cpu.jit import kernel


@kernel
def paint(runs: Runs, count: int, values: Annotated[Ints, In("components")], out: Annotated[Ints, Out("H, W")]) -> int:
    """out[y, x] = values[component of the run at (x, y)], for the first `count` runs. Returns count."""
    for i in range(count):
        value = values[runs[i, COMPONENT]]
        for y in range(runs[i, Y0], runs[i, Y1]):
            for x in range(runs[i, START], runs[i, STOP]):
                out[y, x] = value
    return count
