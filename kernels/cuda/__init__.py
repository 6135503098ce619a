"""CUDA kernels, one .cu beside one .py per twin, which has the name and parameters of the one in `kernels/cpu`.

The files with `.cuh` are parts of several. Arrays are CuPy's and stay on the device; kernels run on the current stream.
"""

from importlib import import_module
from typing import Any

KERNELS = (
    *("activation_maps", "find_boxes", "heatmaps", "heatmaps_uint8", "localize", "overlay", "paint"),
    *("preprocess", "preprocess_antialiased"),
)


def load(name: str) -> Any:
    """The twin of that name."""
    return getattr(import_module(f"fastcam.kernels.cuda.{name}"), name)
