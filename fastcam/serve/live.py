"""The newest frame of a source, for any number of views."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastcam.arrays.scalars import finite_seconds
from fastcam.errors import FastcamError
from fastcam.serve.picture import ExplainedPicture, best_of

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

Timed = tuple[Any, float]

LATE, EARLY = 1.0, 10.0  # seconds off the clock beyond which time stamps have jumped
QUIET = 3.0  # seconds without a new frame after which a source counts as stalled
COUNTED = 30  # frames over which the rate is measured
VIEWS = 32  # views of one source at the same time


def paced(frames: Iterable[Timed]) -> Iterator[Timed]:
    """Yield frames of a file at their own speed: none before its time, counted from the first one.

    Where time stamps jump, as when a file begins again or reading was delayed, time is counted anew.

    Parameters
    ----------
    frames
        Pairs of a frame and its time in seconds.

    Returns
    -------
    An iterator over the same pairs.

    Examples
    --------
    >>> began = time.monotonic()
    >>> [frame for frame, _ in paced([("first", 5.0), ("second", 5.2)])]
    ['first', 'second']
    >>> time.monotonic() - began >= 0.2
    True
    """
    zero = last = None  # the clock at second 0 of the file; the previous frame's time
    for frame, given in frames:
        now, seconds = time.monotonic(), finite_seconds("paced: time", given)
        if zero is None or last is None or seconds < last or not -EARLY < now - (zero + seconds) < LATE:
            zero = now - seconds
        time.sleep(max(0.0, zero + seconds - now))
        last = seconds
        yield frame, given


class Live:
    """The newest explained frame of a source, made by threads of its own. Views never delay it.

    Attributes
    ----------
    views
        A semaphore that each view acquires while it follows the source.

    Raises
    ------
    InputError
        Frames that can't be iterated over.
    """

    def __init__(self, model: Classifier, frames: Iterable[Any]) -> None:
        self.views = threading.BoundedSemaphore(VIEWS)
        self._model = model
        self._changed = threading.Condition()
        self._newest: ExplainedPicture | None = None
        self._state, self._error = "waiting", None
        self._times: deque[float] = deque(maxlen=COUNTED)  # of the newest frames
        self._stream = model.stream(frames, top=best_of(model), drop="oldest")
        self._thread = threading.Thread(target=self._run, name="fastcam-serve-live", daemon=True)
        self._thread.start()

    def newer(self, than: int, patience: float) -> ExplainedPicture | None:
        """Return the newest picture once its number is above `than`, or after `patience` seconds in any case.

        None before the first picture, and after the last one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._number > than, patience)
            return None if self._is_over and self._number <= than else self._newest

    def newest(self) -> ExplainedPicture | None:
        """Return the newest picture, at once; None before the first."""
        with self._changed:
            return self._newest

    def status(self) -> dict[str, Any]:
        """Return the state of the source, as plain values.

        `state`: "waiting" for the first frame, "playing", "stalled" when no frame came for a while, "ended", "failed".
        `error`: the message of what the source or a frame raised. `frame`, `seconds`: the frame's number and time.
        `dropped`: the count of frames that were left out. `frames_per_second`: the rate of explained frames.
        """
        with self._changed:
            times, found = self._times, self._newest and self._newest.explanation
            quiet = self._state == "playing" and time.monotonic() - times[-1] > QUIET
            span = times[-1] - times[0] if times else 0.0
            return {
                "state": "stalled" if quiet else self._state,
                "error": self._error,
                "frame": found and found.frame_index,
                "seconds": found and found.timestamp,
                "dropped": self._stream.dropped,
                "frames_per_second": (len(times) - 1) / span if span else None,
            }

    def close(self) -> None:
        """End all threads."""
        self._stream.close()
        self._thread.join()

    @property
    def _is_over(self) -> bool:
        return self._state in ("ended", "failed")

    @property
    def _number(self) -> int:
        return -1 if self._newest is None else self._newest.number

    def _run(self) -> None:
        try:
            for frame, explanation in self._stream:
                with self._changed:
                    self._newest, self._state = ExplainedPicture(self._model, frame, explanation), "playing"
                    self._times.append(time.monotonic())
                    self._changed.notify_all()
        except FastcamError as error:
            self._end("failed", str(error))
        except BaseException as error:  # whatever the source raises, such as OSError of a camera that is gone
            self._end("failed", f"{type(error).__name__}: {error}")
        else:
            self._end("ended", None)

    def _end(self, state: str, error: str | None) -> None:
        with self._changed:
            self._state, self._error = state, error
            self._changed.notify_all()
