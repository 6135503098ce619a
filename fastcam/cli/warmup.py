"""Compile all kernels now, into the cache that later processes start from."""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path
from time import perf_counter

from fastcam.errors import KernelError

EXAMPLES = (
    "fastcam warmup",
    "fastcam warmup --cache /var/cache/fastcam",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam warmup`."""
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        help="keep the kernels there; later processes find them, without writing, if FASTCAM_CACHE_DIR names it "
        "(default: FASTCAM_CACHE_DIR, NUMBA_CACHE_DIR, beside the package or in the home directory)",
    )


def run(options: argparse.Namespace) -> None:
    """Load all kernels, which compiles those that aren't in the cache, and print where the cache is.

    Raises
    ------
    KernelError
        There is no place for a cache, as the first kernel shows.
    """
    start = perf_counter()
    from fastcam.kernels import cpu
    from fastcam.kernels.cpu.cache import VARIABLE

    if options.cache is not None:
        os.environ[VARIABLE] = str(options.cache.absolute())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, *others = cpu.names()
        stats = [cpu.load(first).stats]
        if stats[0].cache_path is not None:
            stats += [cpu.load(name).stats for name in others]
    notes = [str(one.message) for one in caught]
    if uncached := sum(one.cache_path is None for one in stats):
        raise KernelError("; ".join(notes) or f"cache: expected a place for {len(stats)} kernels; {uncached} have none")
    took = perf_counter() - start
    kept = sum(bool(one.cache_hits) for one in stats)
    print(*notes, f"{len(stats)} kernels: {len(stats) - kept} compiled, {kept} from the cache, {took:.1f} s", sep="\n")
    print(*(f"cache: {place}" for place in dict.fromkeys(one.cache_path for one in stats)), sep="\n")
