"""Numba kernels, a file for each. To load one compiles it (seconds, once) or takes it from the cache."""

from importlib import import_module
from typing import Any

from fastcam.kernels import twins

# Without a twin: for evaluation on the host, where the network takes longer than they do. A union-find in the order of
# values is serial by nature. The first one compiles fastest, so `fastcam warmup` begins with it.
HOST_ONLY = ("fill_holes", "depths", "score_depths", "sweep")


def names() -> list[str]:
    """Return the names of all kernels of the CPU."""
    return [*HOST_ONLY, *twins()]


def load(name: str) -> Any:
    """Return the kernel of that name, and load no other one: a process that needs two doesn't wait for all."""
    return getattr(import_module(f"fastcam.kernels.cpu.{name}"), name)
