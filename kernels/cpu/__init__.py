"""Numba kernels, one file per twin. Loading one compiles it (seconds, once) or takes it from the cache."""

from importlib import import_module
from typing import Any

KERNELS = (
    *("activation_maps", "find_boxes", "heatmaps", "heatmaps_uint8", "localize", "overlay", "paint"),
    *("preprocess", "preprocess_antialiased"),
)
# Without a twin: for evaluation on the host, where the network takes longer than they do. A union-find in the order of
# values is serial by nature. The first is compiled fastest, which `fastcam warmup` begins with.
HOST_ONLY = ("fill_holes", "depths", "score_depths", "sweep")


def load(name: str) -> Any:
    """The kernel of that name. Each is loaded by itself: a process that needs two doesn't wait for nine."""
    return getattr(import_module(f"fastcam.kernels.cpu.{name}"), name)
