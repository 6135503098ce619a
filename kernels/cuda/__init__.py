"""CUDA kernels: a `.cu` file and a `.py` file for each, which has the name and parameters of the CPU's twin.

Files with `.cuh` are parts of several kernels. Arrays are CuPy's and stay on the device; kernels run on the current
stream.
"""

from importlib import import_module
from typing import Any


def load(name: str) -> Any:
    """Return the twin of that name."""
    return getattr(import_module(f"fastcam.kernels.cuda.{name}"), name)
