"""Video files of frames: whole or absent, and playable up to the last frame after an error or Ctrl-C."""

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
from fastcam.arrays.threads import begin
from fastcam.errors import FastcamError, InputError
from fastcam.files import PendingFile, unwritable
from fastcam.images.photos import check_pixels
from fastcam.video.encoder import FORMATS, Encoder
from fastcam.video.ffmpeg import pyav
from fastcam.video.source import FrameSource, checked_rate

LATEST = 1e10  # seconds, three centuries, which fit into 64 bits in the ticks of any clock of these formats
USUAL = Fraction(25)  # frames a second that the encoder expects where the rate is unknown


class VideoWriter:
    """A video file that grows frame by frame; a context manager. Made by `write`.

    A thread encodes one frame while the caller makes the next, so that Ctrl-C never interrupts the encoder. Leaving the
    block finishes the file and renames it to its path, after other errors and Ctrl-C as well: the frames until then
    play. If writing itself failed, or there is no frame, an earlier file at the path stays.

    Attributes
    ----------
    count
        The number of frames that were written.
    """

    def __init__(self, path: Path, like: FrameSource | None, rate: Fraction | None, **how: Any) -> None:
        self.count = 0
        self._path, self._rate = path, rate or (like.rate if like else None)
        self._part = PendingFile(path)
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
        self._turn = Lock()  # locked while encoding, by these threads only
        self._is_closed = False

    def write(self, frame: NDArray[np.uint8], seconds: float | None = None) -> None:
        """Add a frame, which the caller may change afterwards.

        Parameters
        ----------
        frame
            (H, W, 3) uint8 RGB, of the size of the first. Of an odd size, the file has one more row or column, a copy
            of the last: the pixel format that all players know asks for even ones.
        seconds
            The time at which it is shown, later than that of the frame before. None: by the rate.

        Raises
        ------
        InputError
            Another size, dtype or type, or a time that isn't later; or an earlier frame couldn't be written, for
            example on a full disk.
        """
        self._check(frame)
        ticks = self._ticks(seconds)
        picture = self._encoder.picture(frame, ticks)
        if self._encoding is not None:
            self._encoding.result()
        if self._failure is not None:
            raise self._failure
        self._size, self._last = frame.shape, ticks
        self._waiting.append(picture)  # before the thread starts: Ctrl-C may come right after
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
        """Run work in the thread; keep a failure for the next call, and skip all work after it."""
        if self._failure is not None:
            return
        try:
            work()
        except (pyav().FFmpegError, OSError, ValueError, OverflowError) as error:
            self._failure = error if isinstance(error, FastcamError) else unwritable(self._path, error)

    def _encode_waiting(self) -> None:
        """Encode the waiting pictures in order, in the thread."""
        with self._turn:
            while self._waiting:
                self._try(partial(self._encoder.encode, self._waiting.popleft()))

    def close(self) -> None:
        """Finish the file and rename it to its path.

        Raises
        ------
        InputError
            The file couldn't be written: an earlier file stays, or there is none.
        """
        if not self._is_closed:
            self._is_closed = True
            begin(self._finish, name="fastcam-video").result()  # Ctrl-C interrupts the wait, not the work
        if self._failure is not None:
            raise self._failure

    def _finish(self) -> None:
        """Finish the file after all frames, in the thread."""
        self._encode_waiting()
        with self._turn:
            if self.count:
                self._try(self._encoder.finish)
                self._encoder.release()
                self._try(self._part.keep)
            else:
                self._encoder.release()
            self._part.drop()

    def __enter__(self) -> VideoWriter:
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
    like: FrameSource | None = None,
    rate: float | Fraction | None = None,
    audio: bool = True,
    codec: str | None = None,
    options: Mapping[str, str] | None = None,
) -> VideoWriter:
    """Open a video file for writing frames; see `VideoWriter`.

    Parameters
    ----------
    path
        The suffix gives the format: .mp4, .m4v, .mov, .mkv or .webm.
    like
        The source of the frames. The file gets its clock, so that times are kept exactly, at varying rates as well, its
        colour space, pixel aspect and audio.
    rate
        Frames a second, for frames that are written without their time.
    audio
        Whether to copy the source's audio unchanged up to the last frame; all of it if the source came to its end.
        Live sources have none.
    codec, options
        FFmpeg's name of an encoder, and its options; None: H.264 (VP9 in .webm) of good quality. "ffv1" in .mkv is
        lossless.

    Returns
    -------
    VideoWriter
        A context manager whose `write` takes each frame.

    Raises
    ------
    InputError
        Before anything is written: another suffix, a codec or audio that the format doesn't take, or a path that can't
        be written to or is the source itself. Later, from `VideoWriter.write` and `VideoWriter.close`: see there.
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
    if like is not None and not isinstance(like, FrameSource):
        raise InputError(f"like: expected what fastcam.video.read returned; got {type(like).__name__}")
    if like is not None and os.path.exists(like.name) and os.path.exists(place) and os.path.samefile(like.name, place):
        raise InputError(f"{place}: expected another file than the source; it is the same one")
    exact = None if rate is None else checked_rate(rate)
    return VideoWriter(place, like, exact, audio=audio, codec=codec, options=options or {})
