"""Pixels from runs."""

from numba import int32, int64

from fastcam.kernels.cpu.components import COMPONENT, START, STOP, Y0, Y1
from fastcam.kernels.cpu.jit import kernel, readable, writable


@kernel(int64, readable(int32, 2), int64, readable(int32, 1), writable(int32, 2))
def paint(runs, count, values, out):
    """out[y, x] = values[component of the run at (y, x)] where there is one; other pixels are left. Returns count."""
    for i in range(count):
        value = values[runs[i, COMPONENT]]
        for y in range(runs[i, Y0], runs[i, Y1]):
            for x in range(runs[i, START], runs[i, STOP]):
                out[y, x] = value
    return count
