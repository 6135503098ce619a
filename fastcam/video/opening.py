"""Functions that open sources of frames."""

# pyright: reportUnnecessaryIsInstance=false
# Arguments are checked at run time, since callers may not check types.
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from fastcam.arrays.checks import LONGEST
from fastcam.errors import InputError
from fastcam.video.camera import Camera
from fastcam.video.raw import RawReader
from fastcam.video.reader import Reader
from fastcam.video.source import FrameSource, checked_rate

CAMERA = re.compile(r"/dev/video\d+|\d{1,3}")


def read(
    source: str | os.PathLike[str], *, format: str | None = None, options: Mapping[str, str] | None = None
) -> FrameSource:
    """Open a video file, network stream or camera, and return its frames with their times, for `Classifier.stream`.

    Frames are upright, as players show them: rotated and mirrored by the file's display matrix. Every pixel format is
    converted to RGB of 8 bits a channel, without transparency; interlaced frames keep both fields in one. Times are
    those of the file, from its beginning; those of a live source count from its first frame, and go on by its rate
    where the source's own don't grow.

    Parameters
    ----------
    source
        A path; an address such as rtsp://...; or a camera, /dev/video0 or its number "0", which is read by OpenCV.
    format, options
        FFmpeg's name of the format, where FFmpeg can't detect it, and FFmpeg's options of the format; unknown ones are
        ignored. A camera with a format is read by FFmpeg.

    Returns
    -------
    FrameSource
        An iterator over pairs of a frame and its time in seconds, and a context manager. A frame is an (H, W, 3) uint8
        array, RGB, C-contiguous, which the caller may change.

    Raises
    ------
    InputError
        At once: the source can't be opened, or has no video that can be decoded. During iteration, after all frames
        before it: a frame can't be read, a file is cut off, a live source ended or sent nothing for 10 s. Damaged
        packets of live sources are left out (`FrameSource.broken`).
    BackendError
        PyAV isn't installed: `pip install 'fastcam[video]'`; OpenCV, for cameras.

    Examples
    --------
    >>> with read("clip.mp4") as frames, model.stream(frames) as stream:   # doctest: +SKIP
    ...     for frame, explanation in stream:
    ...         print(explanation.timestamp, explanation.boxes.xyxy[0, 0])
    """
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"source: expected a path, an address or a camera; got {type(source).__name__}")
    name = os.fspath(source)
    if CAMERA.fullmatch(name) and format is None:
        if options:
            raise InputError(f"options: expected none for a camera without format=; got {dict(options)}")
        return Camera(name)
    return Reader(name, format, options or {})


def read_raw(file: Any, size: tuple[int, int], *, rate: float | Fraction | None = None) -> FrameSource:
    """Return the frames of a file of bytes R, G, B, as `ffmpeg -f rawvideo -pix_fmt rgb24 -` writes them.

    Parameters
    ----------
    file
        A binary file that has `readinto`, best without a buffer.
    size
        (H, W) of the frames.
    rate
        Frames a second. None: a frame's time is that of its arrival, in seconds since reading began.

    Returns
    -------
    FrameSource
        As of `read`; frames are (H, W, 3) uint8.

    Raises
    ------
    InputError
        An argument that doesn't fit; during iteration, a frame that isn't whole, or no frame at all.

    Examples
    --------
    >>> import io
    >>> frames = read_raw(io.BytesIO(bytes(2 * 4 * 6 * 3)), (4, 6), rate=25)
    >>> [(frame.shape, seconds) for frame, seconds in frames]
    [((4, 6, 3), 0.0), ((4, 6, 3), 0.04)]
    """
    if not hasattr(file, "readinto"):
        raise InputError(f"file: expected a binary file with readinto; got {type(file).__name__}")
    height, width = (int(side) if isinstance(side, int | np.integer) else 0 for side in size)
    if not (0 < height <= LONGEST and 0 < width <= LONGEST):
        raise InputError(f"size: expected (height, width) of 1 to {LONGEST}; got {size!r}")
    return RawReader(file, (height, width), None if rate is None else checked_rate(rate))
