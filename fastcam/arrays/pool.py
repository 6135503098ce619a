"""The one place where work is spread over threads: over the items of a batch, or the rows of a large image.

Kernels are serial and free of the GIL, so plain threads do; nothing of Numba's own threading is used or changed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Result = TypeVar("Result")

WORTH = 200.0  # microseconds of work for a thread, ten times what handing it over costs

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def _forget() -> None:
    """In a forked child no thread of the pool lives on, and the lock may be held by one that doesn't."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def processors() -> int:
    """Those that this process may use; a container's share, not the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(threads: Any) -> None:
    """None, or a positive number, and not so many that the machine runs out of them."""
    if threads is None or (type(threads) is int and threads == 1):
        return
    most = max(64, 4 * processors())
    if not is_whole(threads) or not 1 <= threads <= most:
        raise InputError(f"threads: expected 1 to {most}; got {threads!r}")


def spread(work: Callable[[int, int], Result], count: int, cost: float, threads: int | None = None) -> list[Result]:
    """Call work(first, stop) for parts of [0, count), in this thread and in those of the pool; results in order.

    cost: microseconds for each of [0, count), about; threads: at most so many, None for one a processor.
    """
    parts = min(count, int(count * cost / WORTH))
    parts = min(parts, threads or processors()) if parts > 1 else 1
    if parts == 1:
        return [work(0, count)]
    bounds = [count * part // parts for part in range(parts + 1)]
    handed: list[Future[Result]] = []
    with suppress(
        RuntimeError, ImportError
    ):  # no more threads to be had, or the interpreter shuts down: this one does the rest
        for part in range(1, parts):
            handed.append(_shared_pool().submit(work, bounds[part], bounds[part + 1]))  # noqa: PERF401
    try:
        mine = [work(bounds[part], bounds[part + 1]) for part in (0, *range(len(handed) + 1, parts))]
    finally:
        for other in handed:
            other.exception()  # wait: none may write into the caller's arrays after this returns
    return [mine[0], *(other.result() for other in handed), *mine[1:]]


def _shared_pool() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # here: it can't be imported once the main thread has ended

    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(1, processors()), thread_name_prefix="fastcam")
        return _pool
