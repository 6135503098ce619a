"""Threads that leave native code before the interpreter ends.

One that returns from it while the interpreter is taken down is unwound through frames of C++, which aborts the process
whatever status the program asked for; in OpenBLAS it may hold a lock that the process then waits for.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Result = TypeVar("Result")

PATIENCE = 30.0  # seconds that the end of the interpreter waits for a thread

_running: set[Thread] = set()


class Thread(threading.Thread):
    """A daemon thread that the end of the interpreter stops and waits for.

    Parameters
    ----------
    work
        What it does.
    stop
        Asks it to end, without waiting. May be called by any thread, at any time, and more than once. None: it ends by
        itself, soon.
    patience
        Seconds that the end of the interpreter waits for it, at most.

    Examples
    --------
    >>> over = threading.Event()
    >>> thread = Thread(over.wait, name="waits", stop=over.set)
    >>> thread.start()
    >>> over.set()
    >>> thread.join()
    """

    def __init__(
        self,
        work: Callable[[], object],
        *,
        name: str,
        stop: Callable[[], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self.stop, self.patience = stop, patience

    def start(self) -> None:
        """Begin the work."""
        _running.add(self)
        try:
            super().start()
        except RuntimeError:  # no more threads to be had
            _running.discard(self)
            raise

    def run(self) -> None:
        """Do the work."""
        try:
            super().run()
        finally:
            _running.discard(self)


def begin(work: Callable[[], Result], *, name: str, stop: Callable[[], None] | None = None) -> Future[Result]:
    """Work on a thread of its own, and the future of what it returns or raises.

    Other than those of `concurrent.futures`, the thread can be started after the main thread has come to its end, and
    the end of the interpreter stops it before it waits for it.

    Parameters
    ----------
    work, name, stop
        As of `Thread`.

    Examples
    --------
    >>> begin(lambda: 2 + 2, name="adds").result()
    4
    """
    from concurrent.futures import Future  # here: `import fastcam` imports this module, and that takes its time

    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()  # from now on it can't be cancelled

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(run, name=name, stop=stop).start()
    return future


class Gate:
    """Counts the threads that are inside a `with` block, and lets none in once the interpreter ends.

    For calls of native code by threads of others, which nobody can stop: one that comes too late ends silently, as all
    daemon threads do then. The main thread isn't counted, which ends the interpreter itself, and which Ctrl-C may
    interrupt anywhere.

    Attributes
    ----------
    is_closed
        Whether the interpreter ends.

    Examples
    --------
    >>> gate = Gate()
    >>> with gate:
    ...     pass
    >>> gate.close(patience=1.0)
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Open it, with nobody inside: as in a forked child, where no other thread lives on."""
        self._changed = threading.Condition(threading.Lock())
        self._inside, self.is_closed = 0, False

    def close(self, patience: float) -> None:
        """Let no other thread in any more, and wait until none is inside, for so many seconds at most."""
        with self._changed:
            self.is_closed = True
            self._changed.wait_for(lambda: not self._inside, patience)

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            with self._changed:
                if self.is_closed:
                    raise SystemExit
                self._inside += 1

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()


NATIVE = Gate()  # of ONNX Runtime


@atexit.register
def _end() -> None:
    """Stop all threads and wait for them.

    The interpreter calls this after the threads that aren't daemons, and after the exit handlers that were registered
    since `import fastcam`, which may still use streams.
    """
    began = time.monotonic()
    while True:
        try:
            return _wait(began)
        except KeyboardInterrupt:  # asks for what is being done
            continue


def _wait(began: float) -> None:
    running = [thread for thread in list(_running) if thread.is_alive()]
    for thread in running:
        if thread.stop is not None:
            thread.stop()
    for thread in running:
        thread.join(max(0.0, began + thread.patience - time.monotonic()))
    NATIVE.close(max(0.0, began + PATIENCE - time.monotonic()))


def _forget() -> None:
    _running.clear()
    NATIVE.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
