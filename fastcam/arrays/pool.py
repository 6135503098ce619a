"""The pool of threads that share the items of a batch, or the rows of a large image.

Kernels are serial and release the GIL, so plain threads suffice; Numba's own threading is neither used nor changed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Result = TypeVar("Result")

WORTH = 200.0  # microseconds of work for a thread, ten times what handing it over costs

_own = threading.local()  # `is_serial` of each thread
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def _forget() -> None:
    """Start anew in a forked child, where the pool's threads are gone, perhaps with the lock taken."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def processors() -> int:
    """Return the number of processors that this process may use: a container's share, not the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(threads: Any) -> None:
    """Check that a number of threads is None, or positive and small enough for the machine, or raise `InputError`."""
    if threads is None or (type(threads) is int and threads == 1):
        return
    most = max(64, 4 * processors())
    if not is_whole(threads) or not 1 <= threads <= most:
        raise InputError(f"threads: expected 1 to {most}; got {threads!r}")


@contextmanager
def serial() -> Generator[None]:
    """Have `spread` share nothing out in this thread, in a block: other threads keep the processors busy.

    Examples
    --------
    >>> with serial():
    ...     spread(lambda first, stop: (first, stop), count=8, cost=1000.0, threads=8)
    [(0, 8)]
    """
    _own.is_serial = True
    try:
        yield
    finally:
        _own.is_serial = False


def spread(work: Callable[[int, int], Result], count: int, cost: float, threads: int | None = None) -> list[Result]:
    """Call work(first, stop) for parts of [0, count), in this thread and the pool's, and return the results in order.

    `cost` is the time of each item in microseconds, about; `threads` their number at most, None for one a processor.
    """
    parts = 1 if getattr(_own, "is_serial", False) else min(count, int(count * cost / WORTH))
    parts = min(parts, threads or processors()) if parts > 1 else 1
    if parts == 1:
        return [work(0, count)]
    bounds = [count * part // parts for part in range(parts + 1)]
    handed: list[Future[Result]] = []
    with suppress(
        RuntimeError, ImportError
    ):  # no more threads can be started, or the interpreter shuts down: this thread does the rest
        for part in range(1, parts):
            handed.append(_shared_pool().submit(work, bounds[part], bounds[part + 1]))  # noqa: PERF401
    try:
        mine = [work(bounds[part], bounds[part + 1]) for part in (0, *range(len(handed) + 1, parts))]
    finally:
        for other in handed:
            other.exception()  # wait: no thread may write into the caller's arrays after this returns
    return [mine[0], *(other.result() for other in handed), *mine[1:]]


def _shared_pool() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # here: it can't be imported once the main thread has ended

    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(1, processors()), thread_name_prefix="fastcam")
        return _pool
