"""Frames in, explanations out, in order: some threads, each of which does a whole frame, between bounded queues.

No stage has a thread of its own: a frame's preprocessing, inference and localisation follow each other on one thread,
and frames run side by side. So no core waits for the slowest stage, and nothing is handed over in between.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fastcam.errors import InputError
from fastcam.pool import processors
from fastcam.results import Explanation

Work = Callable[[Any], Explanation]  # of one frame
Pair = tuple[Any, Explanation]

PATIENCE = 1.0  # seconds that closing waits for a source which is blocked: its thread ends when that returns


@dataclass(eq=False)
class _Item:
    """A frame on its way. `result` is an explanation, an exception, or None where the one before holds on."""

    frame: Any
    index: int
    timestamp: float
    arrived: float
    wanted: bool = True
    result: Explanation | BaseException | None = None
    done: bool = False


class Pipeline:
    """The queues between whoever puts frames in, the workers, and whoever takes results out.

    At most `queue` frames wait for a worker. Workers hold back where results aren't taken, so that there are never more
    than that, one for each worker, and what waits to be taken, `queue` more.
    """

    def __init__(self, work: Work, *, every: int, workers: int, queue: int, drop: bool) -> None:
        self._work, self._every, self._queue, self._drop = work, every, queue, drop
        self._most = workers + (0 if drop else queue)
        self._changed = threading.Condition()
        self._waiting: deque[_Item] = deque()
        self._taken: deque[_Item] = deque()  # by workers, in order, until somebody takes them out
        self._count = self._begun = 0  # frames put in, and frames that workers took
        self._began = time.perf_counter()
        self._ended, self._stopped = False, False
        self._error: BaseException | None = None
        self.dropped = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"fastcam-stream-{k}", daemon=True) for k in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, given: Any) -> bool:
        """Put in a frame, or a pair of one and its time in seconds; waits for room. False if nobody wants more."""
        arrived = time.perf_counter()
        frame, timestamp = given if isinstance(given, tuple) and len(given) == 2 else (given, arrived - self._began)
        with self._changed:
            item = _Item(frame, self._count, float(timestamp), arrived)
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

    def end(self, error: BaseException | None = None) -> None:
        """No more frames: the source has ended, or failed."""
        with self._changed:
            if error is not None:
                error.add_note(f"raised by the source of a stream, in place of frame {self._count}")
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self) -> _Item | None:
        """The next frame with its result; None at the end. Raises what the source raised, after all its frames."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._is_over or (self._taken and self._taken[0].done))
            if self._stopped:
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

    def stop(self) -> None:
        """End all threads, and let go of all frames."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._taken.clear()
            self._changed.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            started = time.perf_counter()
            if item.wanted:
                try:
                    found = self._work(item.frame)
                    timings = {"waiting": started - item.arrived, **(found.timings or {})}
                    item.result = replace(found, frame_index=item.index, timestamp=item.timestamp, timings=timings)
                except BaseException as error:
                    item.result = error
            with self._changed:
                item.done = True
                self._changed.notify_all()

    def _next(self) -> _Item | None:
        """A frame for a worker; None when there are no more."""
        with self._changed:
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


class Stream(Iterator[Pair], AsyncIterator[Pair]):
    """Pairs of a frame and its `Explanation`, in order, by `for` or by `async for`.

    An asynchronous source needs `async for`. Closing the stream, or leaving its `with` block, ends its threads.

    Attributes
    ----------
    frame_index, timestamp
        Of the frame that came last; with `every`, its explanation may be of one before it. None at first.
    """

    def __init__(self, pipeline: Pipeline, frames: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._pipeline = pipeline
        self._last: Explanation | None = None  # for frames that have none of their own
        self.frame_index: int | None = None
        self.timestamp: float | None = None
        self._reader = self._feeder = self._frames = None
        if isinstance(frames, AsyncIterable):
            self._frames = frames
        else:
            given = (pipeline, iter(frames))
            self._reader = threading.Thread(target=_read, args=given, name="fastcam-stream-source", daemon=True)
            self._reader.start()

    @property
    def dropped(self) -> int:
        """Frames that were left out, since newer ones came (`drop="oldest"`)."""
        return self._pipeline.dropped

    def __next__(self) -> Pair:
        if self._frames is not None:
            raise InputError("frames: expected 'async for' over a stream whose source is asynchronous; got 'for'")
        try:
            item = self._pipeline.take()
            if item is not None:
                return self._pair(item)
        except BaseException:  # Ctrl-C as well
            self.close()
            raise
        self.close()
        raise StopIteration

    async def __anext__(self) -> Pair:
        if self._frames is not None and self._feeder is None:
            self._feeder = asyncio.create_task(_feed(self._pipeline, self._frames))
        try:
            item = await asyncio.to_thread(self._pipeline.take)
            if item is not None:
                return self._pair(item)
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    def _pair(self, item: _Item) -> Pair:
        if isinstance(item.result, InputError):
            raise InputError(f"frame {item.index}: {item.result}") from item.result
        if isinstance(item.result, BaseException):
            item.result.add_note(f"raised for frame {item.index} of a stream")
            raise item.result
        self._last = item.result or self._last
        assert self._last is not None, "the first frame that is taken is explained"
        self.frame_index, self.timestamp = item.index, item.timestamp
        return item.frame, self._last

    def close(self) -> None:
        """End all threads. What is being computed is finished and forgotten."""
        self._pipeline.stop()
        if self._reader is not None:
            self._reader.join(PATIENCE)

    async def aclose(self) -> None:
        """The same, of a source of either kind."""
        await asyncio.to_thread(self.close)
        if self._feeder is not None:
            self._feeder.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._pipeline.stop()


def _read(pipeline: Pipeline, frames: Iterator[Any]) -> None:
    try:
        for given in frames:
            if not pipeline.put(given):
                return
    except BaseException as error:
        pipeline.end(error)
    else:
        pipeline.end()


async def _feed(pipeline: Pipeline, frames: AsyncIterable[Any]) -> None:
    try:
        async for given in frames:
            if not await asyncio.to_thread(pipeline.put, given):
                return
    except Exception as error:
        pipeline.end(error)
    else:
        pipeline.end()


def open_stream(
    work: Work,
    frames: Iterable[Any] | AsyncIterable[Any],
    *,
    every: int,
    workers: int | None,
    queue: int,
    drop: Literal["oldest"] | None,
) -> Stream:
    """A stream of what `work` makes of frames; see `Classifier.stream`.

    Raises
    ------
    InputError
        An option out of range, or frames that can't be iterated over.
    """
    for name, value in (("every", every), ("workers", workers), ("queue", queue)):
        if value is None and name == "workers":
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= 2**20:
            raise InputError(f"{name}: expected a whole number of 1 or more; got {value!r}")
    if drop not in (None, "oldest"):
        raise InputError(f"drop: expected None or 'oldest'; got {drop!r}")
    if not isinstance(frames, Iterable | AsyncIterable) or isinstance(frames, str | bytes | np.ndarray):
        raise InputError(f"frames: expected an iterable of (H, W, 3) uint8 arrays; got {type(frames).__name__}")
    pipeline = Pipeline(
        work, every=int(every), workers=int(workers or processors()), queue=int(queue), drop=drop is not None
    )
    return Stream(pipeline, frames)
