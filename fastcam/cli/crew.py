"""Threads that work on items side by side, while results are taken in the items' order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from fastcam.arrays.threads import Thread

Item = TypeVar("Item")
Result = TypeVar("Result")
IsOver = Callable[[], bool]


class Crew(Generic[Item, Result]):
    """Workers; a context manager that ends them after the items that they are working on.

    At most two items for each worker are on their way, so that memory is bounded.

    Parameters
    ----------
    work
        What is made of an item, on any thread; a function that it may call is true once nobody wants the result.
    workers
        The number of threads. 1: the work is done where results are taken.
    """

    def __init__(self, work: Callable[[Item, IsOver], Result], workers: int) -> None:
        self._work, self._over = work, threading.Event()
        self._tasks: SimpleQueue[tuple[Item, SimpleQueue[Any]] | None] = SimpleQueue()
        names = [f"fastcam-explain-{k}" for k in range(workers if workers > 1 else 0)]
        self._threads = [Thread(self._serve, name=name, stop=self._stop) for name in names]

    def results(self, items: Iterable[Item]) -> Iterator[Result]:
        """Yield what is made of each item, or raise its exception, in the order of the items."""
        if not self._threads:
            yield from (self._work(item, self._over.is_set) for item in items)
            return
        ahead: deque[SimpleQueue[Any]] = deque()
        for item in items:
            ahead.append(SimpleQueue())  # its `get` can be interrupted by Ctrl-C, and leaves nothing locked
            self._tasks.put((item, ahead[-1]))
            if len(ahead) == 2 * len(self._threads):
                yield _taken(ahead.popleft())
        while ahead:
            yield _taken(ahead.popleft())

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None and not self._over.is_set():
            item, place = task
            try:
                place.put((self._made_of(item), None))
            except BaseException as error:  # of any kind: whoever takes the result waits for it
                place.put((None, error))
            del task, item, place  # nothing is held while this thread waits

    def _made_of(self, item: Item) -> Result:
        from fastcam.arrays.pool import serial  # here, since `fastcam --help` has to be fast

        with serial():
            return self._work(item, self._over.is_set)

    def _stop(self) -> None:
        self._over.set()
        for _ in self._threads:
            self._tasks.put(None)

    def __enter__(self) -> Crew[Item, Result]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        for thread in self._threads:
            thread.join()


def _taken(place: SimpleQueue[Any]) -> Any:
    result, error = place.get()
    if error is not None:
        raise error
    return result
