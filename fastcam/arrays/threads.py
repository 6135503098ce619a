"""Threads that leave native code before the interpreter ends.

A thread that returns from native code during the end of the interpreter is unwound through frames of C++, which aborts
the process, whatever its exit status; in OpenBLAS it may own a lock that the process then waits for.
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
        The function that the thread runs.
    stop
        A function that asks the thread to end, without waiting. Any thread may call it, at any time, more than once.
        None: the thread ends by itself, soon.
    patience
        The most seconds that the end of the interpreter waits for the thread.

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
        """Start the thread."""
        _running.add(self)
        try:
            super().start()
        except RuntimeError:  # there is no room for more threads
            _running.discard(self)
            raise

    def run(self) -> None:
        """Run the work."""
        try:
            super().run()
        finally:
            _running.discard(self)


def begin(work: Callable[[], Result], *, name: str, stop: Callable[[], None] | None = None) -> Future[Result]:
    """Run work on a thread of its own, and return the future of its result or exception.

    Unlike threads of `concurrent.futures`, this one can be started after the end of the main thread, and the end of the
    interpreter stops it before waiting for it.

    Parameters
    ----------
    work, name, stop
        As for `Thread`.

    Returns
    -------
    Future
        It can't be cancelled.

    Examples
    --------
    >>> begin(lambda: 2 + 2, name="adds").result()
    4
    """
    from concurrent.futures import Future  # here, since `import fastcam` imports this module and has to be fast

    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()  # from now on uncancellable

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(run, name=name, stop=stop).start()
    return future


class Gate:
    """A `with` block that counts the threads inside it, and admits none once the interpreter ends.

    For calls of native code by threads of the caller, which can't be stopped: a thread that comes too late ends
    silently, as all daemon threads do then. The main thread isn't counted: it ends the interpreter itself, and Ctrl-C
    may interrupt it anywhere.

    Attributes
    ----------
    is_closed
        Whether the gate admits no more threads.

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
        """Open the gate, with no thread inside, as in a forked child, where no other thread exists."""
        self._changed = threading.Condition(threading.Lock())
        self._inside, self.is_closed = 0, False

    def close(self, patience: float) -> None:
        """Admit no more threads, and wait until none is inside, for `patience` seconds at most."""
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


NATIVE = Gate()  # for calls of ONNX Runtime


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
        except KeyboardInterrupt:  # the process ends already
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
