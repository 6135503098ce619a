"""Frames in, explanations out, in order, by `for` or by `async for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from fastcam.arrays.pool import processors
from fastcam.arrays.scalars import is_whole
from fastcam.arrays.threads import Thread, begin
from fastcam.classifier.pipeline import Item, Pipeline, Work
from fastcam.errors import InputError
from fastcam.results import Explanation

Result = TypeVar("Result")
Pair = tuple[Any, Explanation]

PATIENCE = 1.0  # seconds that closing waits for a source which is blocked: its thread ends when that returns


class Stream(Iterator[Pair], AsyncIterator[Pair]):
    """Pairs of a frame and its `Explanation`, in order, by `for` or by `async for`.

    One thread at a time may take them. An asynchronous source needs `async for`. Closing the stream, or leaving its
    `with` block, ends its threads.

    Attributes
    ----------
    frame_index, timestamp
        Number and time of the frame that came last; with `every`, its explanation may be of one before it. None at
        first.
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
            read = partial(_read, pipeline, iter(frames))
            self._reader = Thread(read, name="fastcam-stream-source", stop=pipeline.cut, patience=PATIENCE)
            self._reader.start()

    def __reduce__(self) -> Any:
        raise InputError("expected a Classifier to be pickled or copied, and its stream opened there; got the stream")

    @property
    def dropped(self) -> int:
        """Number of frames that were left out, since newer ones came (`drop="oldest"`)."""
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
            item = await _in_thread(self._pipeline.take, self._pipeline)
            if item is not None:
                return self._pair(item)
        except (GeneratorExit, SystemExit):  # the coroutine is thrown away, or the interpreter ends: neither may wait
            self._pipeline.abandon()
            raise
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    def _pair(self, item: Item) -> Pair:
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
        """End all threads, after the frames that they are working on."""
        self._pipeline.stop()
        if self._reader is not None:
            self._reader.join(PATIENCE)

    async def aclose(self) -> None:
        """End all threads, as `close` does, and the task that reads an asynchronous source."""
        await _in_thread(self.close, self._pipeline)
        if self._feeder is not None:
            self._feeder.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind in (GeneratorExit, SystemExit):  # as above
            self._pipeline.abandon()
        else:
            await self.aclose()

    def __del__(self) -> None:
        self._pipeline.abandon()  # may be called on any thread, by the garbage collector, with any lock held


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
            if not await _in_thread(partial(pipeline.put, given), pipeline):
                return
    except Exception as error:
        pipeline.end(error)
    except BaseException:  # the loop ends, or its task was cancelled: nobody puts in frames any more
        pipeline.abandon()
        raise
    else:
        pipeline.end()


async def _in_thread(work: Callable[[], Result], pipeline: Pipeline) -> Result:
    """Return what work returns, which waits for the pipeline."""
    return await asyncio.wrap_future(begin(work, name="fastcam-stream-await", stop=pipeline.cut))


def open_stream(
    work: Work,
    frames: Iterable[Any] | AsyncIterable[Any],
    *,
    every: int,
    workers: int | None,
    queue: int,
    drop: Literal["oldest"] | None,
) -> Stream:
    """Open a stream of what `work` makes of frames; see `Classifier.stream`.

    Raises
    ------
    InputError
        An option out of range, or frames that can't be iterated over.
    """
    for name, value in (("every", every), ("workers", workers), ("queue", queue)):
        if value is None and name == "workers":
            continue
        if not is_whole(value) or not 1 <= value <= 2**20:
            raise InputError(f"{name}: expected a whole number of 1 or more; got {value!r}")
    if drop not in (None, "oldest"):
        raise InputError(f"drop: expected None or 'oldest'; got {drop!r}")
    if not isinstance(frames, Iterable | AsyncIterable) or isinstance(frames, str | bytes | np.ndarray):
        raise InputError(f"frames: expected an iterable of (H, W, 3) uint8 arrays; got {type(frames).__name__}")
    pipeline = Pipeline(
        work, every=int(every), workers=int(workers or processors()), queue=int(queue), drop=drop is not None
    )
    return Stream(pipeline, frames)
