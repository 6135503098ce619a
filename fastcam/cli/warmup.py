"""Compile all kernels now, into the cache that later processes start from."""

from __future__ import annotations

import argparse
from time import perf_counter

from fastcam.errors import KernelError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of this command: none."""
    del parser


def run(options: argparse.Namespace) -> None:
    """Import the kernels, which compiles those that aren't in the cache, and tell where they are."""
    del options
    start = perf_counter()
    from fastcam.kernels import cpu

    first = cpu.load(cpu.KERNELS[0]).stats
    if first.cache_path is None:
        raise KernelError(
            "cache: expected a writable place beside the package or in the home directory; got none. Every process "
            "compiles all kernels again; set NUMBA_CACHE_DIR to a directory that can be written to"
        )
    stats = [cpu.load(name).stats for name in cpu.KERNELS + cpu.HOST_ONLY]
    took = perf_counter() - start
    kept = sum(bool(one.cache_hits) for one in stats)
    print(f"{len(stats)} kernels: {len(stats) - kept} compiled, {kept} from the cache, {took:.1f} s")
    print(f"cache: {first.cache_path}")
