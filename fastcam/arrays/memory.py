"""Memory that is free, and a check that an array fits it before any work is done."""

from __future__ import annotations

import os
from pathlib import Path

from fastcam.errors import InputError

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # version 2, as containers see their own
GIB = 2**30


def free_memory() -> int | None:
    """Return the bytes that this process may still take without swapping, or None where the system doesn't say."""
    free = [found for found in (_free_in_system(), _free_in_group()) if found is not None]
    return min(free, default=None)


def check_memory(name: str, needed: int, hint: str) -> None:
    """Check that so many bytes are free.

    Raises
    ------
    InputError
        More bytes are needed than are free; the message says how much both are.

    Examples
    --------
    >>> check_memory("size", 2**20, "Give a window of it")
    """
    free = free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{name}: expected an array that fits the memory; got one that needs {needed / GIB:.1f} GiB, where "
            f"{free / GIB:.1f} GiB are free. {hint}"
        )


def _free_in_system() -> int | None:
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):  # not Linux
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def _free_in_group() -> int | None:
    """Return what the limit of a container leaves; files that are only cached don't count."""
    try:
        most, used = (int((GROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        lines = (GROUP / "memory.stat").read_text(encoding="ascii").splitlines()
        cached = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file"))
        return max(0, most - used + cached)
    except (OSError, ValueError, StopIteration):  # no container, or a limit of "max"
        return None
