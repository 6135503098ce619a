"""CUDA kernels: a `.cu` file and a `.py` file for each, which has the name and parameters of the CPU's twin.

Files with `.cuh` are parts of several kernels. Arrays are CuPy's and stay on the device; kernels run on the current
stream.
"""

from importlib import import_module
from typing import Any

from fastcam.kernels.contract import flattened


def load(name: str) -> Any:
    """Return the twin of that name, called as the CPU's is: with the fields of groups one after another."""
    return flattened(getattr(import_module(f"fastcam.kernels.cuda.{name}"), name))
