"""Queues of a stream: some threads, each of which does a whole frame, between bounded queues.

No stage has a thread of its own: a frame's preprocessing, inference and localisation follow each other on one thread,
and frames run side by side. So no core waits for the slowest stage, and nothing is handed over in between. Work that
depends on the frames before it, such as smoothing, takes turns: a thread waits until those frames have had theirs.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any

from fastcam.arrays.scalars import finite_seconds
from fastcam.arrays.threads import NATIVE, Thread
from fastcam.errors import InputError

ENDED = (
    "stream: expected to be iterated over while the program runs; the interpreter ends, and has ended the stream's "
    "threads. Exit handlers come before that if they are registered after `import fastcam`"
)

InTurn = Callable[[], AbstractContextManager[None]]
"""A block under it, the k-th of a frame's work, runs after the k-th blocks of all frames before."""
Work = Callable[[Any, float, InTurn], Any]
"""Work on a frame, with its time in seconds, on any thread."""


class Stopped(BaseException):
    """The stream has ended while a frame waited for its turn."""


@dataclass(eq=False)
class Item:
    """A frame on its way.

    Attributes
    ----------
    result
        What was made of it, an exception, or None where the explanation before it counts.
    turns
        Number of turns that its work has had.
    """

    frame: Any
    index: int
    timestamp: float
    arrived: float
    wanted: bool = True
    waited: float = 0.0
    turns: int = 0
    result: Any = None
    done: bool = False


class Pipeline:
    """Queues between the source, the workers, and the taker of results.

    At most `queue` frames wait for a worker. Workers hold back where results aren't taken, so that there are never more
    than that, one for each worker, and what waits to be taken, `queue` more.
    """

    def __init__(self, work: Work, *, every: int, workers: int, queue: int, drop: bool) -> None:
        self._work, self._every, self._queue, self._drop = work, every, queue, drop
        self._most = workers + (0 if drop else queue)
        self._lock = threading.RLock()  # Ctrl-C can't leave it locked, as it can a condition
        self._changed = threading.Condition(self._lock)
        self._process = os.getpid()
        self._waiting: deque[Item] = deque()
        self._taken: deque[Item] = deque()  # by workers, in order, until somebody takes them out
        self._count = self._begun = 0  # frames put in, and frames that workers took
        self._began = time.perf_counter()
        self._ended = False
        self._stopped = self._is_cut = NATIVE.is_closed  # is_cut: by the end of the interpreter
        self._error: BaseException | None = None
        self.dropped = 0
        self._threads = [Thread(self._run, name=f"fastcam-stream-{k}", stop=self.cut) for k in range(workers)]
        for thread in self._threads:
            thread.start()

    def put(self, given: Any) -> bool:
        """Put in a frame, or a pair of one and its time in seconds; waits for room. False if nobody wants more."""
        arrived = time.perf_counter()
        frame, timestamp = given if isinstance(given, tuple) and len(given) == 2 else (given, arrived - self._began)
        item = Item(frame, self._count, self._seconds(timestamp), arrived)
        with self._lock:
            self._count += 1
            if self._drop:
                while len(self._waiting) >= self._queue:
                    self._waiting.popleft()
                    self.dropped += 1
            else:
                self._changed.wait_for(lambda: len(self._waiting) < self._queue or self._stopped)
            self._waiting.append(item)
            self._changed.notify_all()
            return not self._stopped

    def _seconds(self, timestamp: Any) -> float:
        hint = ". Frames are arrays, or pairs of one and its time"
        return finite_seconds(f"frame {self._count}: timestamp", timestamp, hint)

    def end(self, error: BaseException | None = None) -> None:
        """Take no more frames: the source has ended, or failed."""
        with self._lock:
            if error is not None and not isinstance(error, InputError):
                error.add_note(f"raised by the source of a stream, in place of frame {self._count}")
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self) -> Item | None:
        """Return the next frame with its result; None at the end. Raise what the source raised, after all its frames.

        Where the end of the interpreter came before that of the frames, the main thread gets an error, and others,
        which are daemons, end silently, as they do anywhere then.
        """
        if self._is_inherited:
            raise InputError(
                "stream: expected to be iterated over in the process that opened it; this one was forked from it, and "
                "has none of its threads. Open the model and the stream here"
            )
        item = self._pop()
        if item is not None and item.wanted and not isinstance(item.result, BaseException):
            try:
                timings = {"waiting": item.waited, **item.result.timings}
                item.result = replace(item.result, frame_index=item.index, timestamp=item.timestamp, timings=timings)
            except BaseException as error:
                item.result = error
        return item

    def _pop(self) -> Item | None:
        with self._lock:
            self._changed.wait_for(lambda: self._stopped or self._is_over or (self._taken and self._taken[0].done))
            if self._is_cut and not self._is_over:
                raise InputError(ENDED) if threading.current_thread() is threading.main_thread() else SystemExit
            if self._stopped and not self._is_cut:
                return None
            if self._taken:
                self._changed.notify_all()
                return self._taken.popleft()
            if self._error is not None:
                raise self._error
            return None

    @property
    def _is_over(self) -> bool:
        return self._ended and not self._waiting and not self._taken

    @property
    def _is_inherited(self) -> bool:
        """True in a forked child: it has none of the threads, one of which may have had the lock."""
        return self._process != os.getpid()

    def stop(self) -> None:
        """End all threads, and let go of all frames."""
        if self._is_inherited:
            return
        with self._lock:
            self._stopped = True
            self._waiting.clear()
            self._taken.clear()
            self._changed.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def abandon(self) -> None:
        """Let all threads end, without waiting: nobody is left who would take results."""
        if self._is_inherited:
            return
        with self._lock:
            self._stopped = True
            self._changed.notify_all()

    def cut(self) -> None:
        """Let all threads end since the interpreter does: the taker of results gets an error, as more would come."""
        if self._is_inherited:
            return
        with self._lock:
            self._is_cut = self._is_cut or not self._stopped
        self.abandon()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            item.waited = time.perf_counter() - item.arrived
            if item.wanted:
                try:
                    item.result = self._work(item.frame, item.timestamp, partial(self._in_turn, item))
                except BaseException as error:
                    item.result = error
            with self._lock:
                item.done = True
                self._changed.notify_all()

    @contextmanager
    def _in_turn(self, item: Item) -> Iterator[None]:
        """Wait for an item's next turn, and end it with the block."""
        with self._lock:
            self._changed.wait_for(lambda: self._stopped or self._has_turn(item))
            if self._stopped:
                raise Stopped
        try:
            yield
        finally:
            with self._lock:
                item.turns += 1
                self._changed.notify_all()

    def _has_turn(self, item: Item) -> bool:
        """Return whether all items before it are done, or have had more turns."""
        before = takewhile(lambda other: other is not item, self._taken)
        return all(other.done or other.turns > item.turns for other in before)

    def _next(self) -> Item | None:
        """Return a frame for a worker; None when there are no more."""
        with self._lock:
            self._changed.wait_for(
                lambda: (
                    (self._waiting and len(self._taken) < self._most)
                    or self._stopped
                    or (self._ended and not self._waiting)
                )
            )
            if self._stopped or not self._waiting:
                return None
            item = self._waiting.popleft()
            item.wanted = self._begun % self._every == 0  # of frames that weren't left out: the first always is
            self._begun += 1
            self._taken.append(item)
            self._changed.notify_all()
            return item
