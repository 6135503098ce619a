"""Video files of frames: there whole or not at all, and up to the last frame after an error or Ctrl-C."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import finite_seconds
from fastcam.errors import FastcamError, InputError
from fastcam.files import Part, unwritable
from fastcam.images.photos import check_pixels
from fastcam.threads import begin
from fastcam.video.encoder import FORMATS, Encoder
from fastcam.video.ffmpeg import pyav
from fastcam.video.source import Source, checked_rate

LATEST = 1e10  # seconds, three centuries: in ticks of any clock of these formats they fit into 64 bits
USUAL = Fraction(25)  # frames a second, which only tells the encoder what to expect, where nobody knows


class Writer:
    """A video file that grows frame by frame; a context manager. Made by `write`.

    Threads of its own encode: one frame, while the next is made, and Ctrl-C never hits between encoder and file.
    Leaving the block finishes the file and gives it its name, after an error of others or Ctrl-C as well: what was
    written until then plays. If writing itself failed, or there is no frame, the file that was there before stays.

    Attributes
    ----------
    count
        Frames that were written.
    """

    def __init__(self, path: Path, like: Source | None, rate: Fraction | None, **how: Any) -> None:
        self.count = 0
        self._path, self._rate = path, rate or (like.rate if like else None)
        self._part = Part(path)
        try:
            suffix = path.suffix.lower()
            self._encoder = Encoder(self._part.place, suffix, like, self._rate or USUAL, **how)
        except BaseException:
            self._part.drop()
            raise
        self._size: tuple[int, ...] | None = None
        self._last: int | None = None  # in ticks
        self._failure: FastcamError | None = None
        self._encoding: Future[None] | None = None
        self._waiting: deque[Any] = deque()
        self._turn = Lock()  # of what encodes; threads alone take it
        self._is_closed = False

    def write(self, frame: NDArray[np.uint8], seconds: float | None = None) -> None:
        """Add a frame; it may be changed afterwards.

        Parameters
        ----------
        frame
            (H, W, 3) uint8 RGB, of the size of the first. Of an odd size, the file has one more row or column, a copy
            of the last: the pixel format that all players know asks for even ones.
        seconds
            When it is shown: later than the one before. None: as the rate says.

        Raises
        ------
        InputError
            Another size, dtype or kind of thing, or a time that isn't later; or one of the frames before couldn't be
            written, the disk being full for example.
        """
        self._check(frame)
        ticks = self._ticks(seconds)
        picture = self._encoder.picture(frame, ticks)
        if self._encoding is not None:
            self._encoding.result()
        if self._failure is not None:
            raise self._failure
        self._size, self._last = frame.shape, ticks
        self._waiting.append(picture)  # first: Ctrl-C may hit between the thread's start and here
        self.count += 1
        self._encoding = begin(self._encode_waiting, name="fastcam-video")

    def _check(self, frame: Any) -> None:
        place = f"{self._path}: frame {self.count}"
        if self._is_closed:
            raise InputError(f"{place}: expected a file that is still open; it was closed")
        if not isinstance(frame, np.ndarray):
            raise InputError(f"{place}: expected an (H, W, 3) uint8 array; got {type(frame).__name__}")
        check_pixels(frame)
        if self._size is not None and frame.shape != self._size:
            raise InputError(
                f"{place}: expected {self._size[1]}×{self._size[0]} pixels as before; got "
                f"{frame.shape[1]}×{frame.shape[0]}. A file has one size: write another from here on"
            )

    def _ticks(self, seconds: float | None) -> int:
        if seconds is None:
            if self._rate is None:
                raise InputError("seconds: expected the frame's time, or write(..., rate=...); got neither")
            seconds = float(self.count / self._rate)
        place, base = f"{self._path}: frame {self.count}", self._encoder.time_base
        seconds = finite_seconds(place, seconds)
        if abs(seconds) > LATEST:
            raise InputError(f"{place}: expected a time of at most {LATEST:g} s, as files have; got {seconds:g} s")
        ticks = round(seconds / base)
        if self._last is not None and ticks <= self._last:
            raise InputError(f"{place}: expected a later time than {float(self._last * base)} s; got {seconds} s")
        return ticks

    def _try(self, work: Callable[[], None]) -> None:
        """In a thread; a failure is kept for whoever asks next, and all work after it left out."""
        if self._failure is not None:
            return
        try:
            work()
        except (pyav().FFmpegError, OSError, ValueError, OverflowError) as error:
            self._failure = error if isinstance(error, FastcamError) else unwritable(self._path, error)

    def _encode_waiting(self) -> None:
        """In a thread: encode the pictures that wait, in order."""
        with self._turn:
            while self._waiting:
                self._try(partial(self._encoder.encode, self._waiting.popleft()))

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises
        ------
        InputError
            It couldn't be written: there is nothing then, or what was there before.
        """
        if not self._is_closed:
            self._is_closed = True
            begin(self._finish, name="fastcam-video").result()  # Ctrl-C ends the waiting, not the work
        if self._failure is not None:
            raise self._failure

    def _finish(self) -> None:
        """In a thread, after all frames."""
        self._encode_waiting()
        with self._turn:
            if self.count:
                self._try(self._encoder.finish)
                self._encoder.release()
                self._try(self._part.keep)
            else:
                self._encoder.release()
            self._part.drop()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.close()
        except FastcamError as failure:
            if failure is not error:
                raise


def write(
    path: str | os.PathLike[str],
    *,
    like: Source | None = None,
    rate: float | Fraction | None = None,
    audio: bool = True,
    codec: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Writer:
    """Open a video file for writing frames; see `Writer`.

    Parameters
    ----------
    path
        Its suffix says the format: .mp4, .m4v, .mov, .mkv or .webm.
    like
        The source of the frames: the file gets its clock, so that times stay what they are at any and at varying
        rates, its colour space, shape of pixels and audio.
    rate
        Frames a second, for frames that are written without their time.
    audio
        Whether to copy the source's audio, as it is, up to the last frame; all of it if the source came to its end.
        Live sources have none.
    codec, options
        FFmpeg's name of an encoder, and its options; None: H.264 (VP9 in .webm) of good quality. "ffv1" in .mkv loses
        nothing.

    Raises
    ------
    InputError
        Before anything is written: another suffix, a codec or audio that the format doesn't take, a place that can't be
        written to, or that is the source itself. From `Writer.write` and `Writer.close`: what stands there.
    BackendError
        PyAV isn't installed: `pip install 'fastcam[video]'`.

    Examples
    --------
    >>> with read("in.mp4") as frames, write("out.mp4", like=frames) as out:   # doctest: +SKIP
    ...     for frame, seconds in frames:
    ...         out.write(255 - frame, seconds)
    """
    place = Path(path)
    if place.suffix.lower() not in FORMATS:
        raise InputError(f"{place}: expected a name that ends in {', '.join(FORMATS)}; got {place.suffix or 'none'}")
    if like is not None and not isinstance(like, Source):
        raise InputError(f"like: expected what fastcam.video.read returned; got {type(like).__name__}")
    if like is not None and os.path.exists(like.name) and os.path.exists(place) and os.path.samefile(like.name, place):
        raise InputError(f"{place}: expected another file than the source; it is the same one")
    exact = None if rate is None else checked_rate(rate)
    return Writer(place, like, exact, audio=audio, codec=codec, options=options or {})
