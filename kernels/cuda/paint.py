"""Pixels from runs."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import In, Ints, Out, Runs
from fastcam.kernels.cuda import driver, launch


def paint(runs: Runs, count: int, values: Annotated[Ints, In("components")], out: Annotated[Ints, Out("H, W")]) -> int:
    """Compute what the CPU's twin does."""
    if not count:
        return count
    kernel = driver.current.kernel("paint", "paint", [("THREADS", launch.THREADS)])
    blocks = -(-count // (launch.THREADS // 32))
    kernel((blocks,), (launch.THREADS,), (runs, np.int32(count), values, np.int32(out.shape[1]), out))
    return count
