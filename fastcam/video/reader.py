"""Frames of video files and network streams, decoded by FFmpeg."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.video.ffmpeg import open_input, pyav, reason
from fastcam.video.source import FrameSource, Timed

if TYPE_CHECKING:
    from av.container import InputContainer

LIVE = re.compile(r"(rtsps?|rtmps?|rtp|udp|tcp|srt)://")
KEEPS_DURATION = {"mov", "matroska", "avi"}  # formats whose header gives a reliable duration
MISSING = 0.5  # seconds that a file may be shorter than its header gives
CONVERTIBLE = {1, 2, 4, 5, 6, 7, 9}  # colour spaces that swscale converts to and from; 2 is "unspecified"


class Reader(FrameSource):
    """Frames of a file or address, decoded by several threads. Made by `read`."""

    def __init__(self, name: str, file_format: str | None, options: Mapping[str, str]) -> None:
        self.name = name
        self.is_live = bool(LIVE.match(name)) or file_format in ("v4l2", "avfoundation", "dshow")
        if name.startswith("rtsp"):
            options = {"rtsp_transport": "tcp", **options}  # UDP loses packets, and with them whole pictures
        self._how = (name, file_format, options)
        self._container = open_input(*self._how)
        self._video = _video_stream(self._container, name)
        self._video.thread_type = "AUTO"
        self._describe()
        self._failure: Exception | None = None
        self._last_packet = (False, 0.0)  # whether it was cut off, and when its content ends
        super().__init__()

    def _describe(self) -> None:
        """Set what is known of the stream before its first frame."""
        video, context = self._video, self._video.codec_context
        self.rate = video.average_rate or video.guessed_rate or None
        self.time_base = video.time_base
        self.pixel_aspect = video.sample_aspect_ratio or None
        if context.colorspace in CONVERTIBLE:
            self.colors = (int(context.colorspace), int(context.color_primaries), int(context.color_trc))
        length, start = self._container.duration, self._container.start_time
        self._seconds = None if length is None else length / 1e6
        # In whole ticks, so that times are exactly those of the file.
        ticks = round(Fraction(max(0, start or 0), 1_000_000) / video.time_base)
        self._start = None if self.is_live else ticks * video.time_base
        if not self.is_live:
            self.count = video.frames or round((self._seconds or 0) * (self.rate or 0)) or None

    def _read(self) -> Iterator[Timed]:
        number, seconds = 0, None
        for picture in self._pictures():
            seconds = self._time(picture, seconds)
            yield self._pixels(picture), seconds
            number += 1
        self._check_end(number)

    def _pictures(self) -> Iterator[Any]:
        """Yield the pictures that can be decoded; `_failure` is the reason for an end before the file's own."""
        av = pyav()
        try:
            for packet in self._container.demux():
                self._note_end(packet)
                if packet.stream_index != self._video.index:
                    continue
                try:
                    pictures = packet.decode()
                except av.FFmpegError:
                    if not self.is_live:
                        raise
                    self.broken += 1
                    continue
                yield from pictures
        except (av.FFmpegError, OSError) as error:
            self._failure = error
            with suppress(av.FFmpegError):  # pictures in the decoder's threads
                yield from self._video.codec_context.decode(None)

    def _note_end(self, packet: Any) -> None:
        if packet.size and packet.pts is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._last_packet = (packet.is_corrupt, max(end, self._last_packet[1]))

    def _time(self, picture: Any, before: float | None) -> float:
        """Return the seconds since the beginning of the file, or since the first frame of a live source."""
        following = 0.0 if before is None else before + float(1 / (self.rate or 25))
        if picture.pts is None:  # in streams without a container
            return following
        time = picture.pts * self._video.time_base  # pictures that are flushed don't have it themselves
        if self._start is None:
            self._start = time
        seconds = float(time - self._start)
        starts_anew = self.is_live and before is not None and seconds <= before  # as some cameras' clocks do
        return following if starts_anew else seconds

    def _pixels(self, picture: Any) -> NDArray[np.uint8]:
        pixels = picture.to_ndarray(format="rgb24")
        matrix = picture.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            # A picture stored as RGB shares the decoder's memory, from which it may make the next one.
            return pixels.copy() if picture.format.name == "rgb24" else np.ascontiguousarray(pixels)
        turned = upright(pixels, np.frombuffer(matrix, np.int32), self.name)
        aspect = self._video.sample_aspect_ratio
        if aspect and turned.shape != pixels.shape:
            self.pixel_aspect = 1 / aspect
        return turned

    def _check_end(self, number: int) -> None:
        """Raise an error unless the source came to its proper end."""
        place = f"{self.name}: frame {number}"
        if self._failure is not None:
            raise InputError(f"{place}: can't be read ({reason(self._failure)})") from self._failure
        if self.is_live:
            raise InputError(f"{place}: expected more of a live source; it ended")
        is_cut, end = self._last_packet
        whole = self._seconds if self._container.format.name.split(",")[0] in KEEPS_DURATION else None
        if is_cut or (whole is not None and end < whole - MISSING):
            length = "" if whole is None else f" of {whole:.2f} s"
            raise InputError(f"{place}: expected more; the file is cut off after {end:.2f} s{length}")
        if not number:
            raise InputError(f"{self.name}: expected frames; the video stream has none")

    def _release(self) -> None:
        self._container.close()

    def open_audio(self) -> tuple[InputContainer, Fraction] | None:
        """Open the file again for its audio, and return it with the time of the frames' 0; None without audio."""
        if self.is_live or self._start is None or not self._container.streams.audio:
            return None
        return open_input(*self._how), self._start


def _video_stream(container: InputContainer, name: str) -> Any:
    """Return the video stream that players show."""
    stream: Any = container.streams.best("video")
    if stream is None or stream.disposition & pyav().stream.Disposition.attached_pic:
        kinds = ", ".join(one.type for one in container.streams) or "none"
        raise InputError(f"{name}: expected a video stream; it has: {kinds}")
    if stream.codec_context is None:
        raise InputError(f"{name}: expected a codec that this FFmpeg decodes; got one that it doesn't know")
    return stream


def upright(pixels: NDArray[np.uint8], matrix: NDArray[np.int32], name: str) -> NDArray[np.uint8]:
    """Return a picture rotated by quarter turns, or mirrored, by its display matrix.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8.
    matrix
        (9,) int32 as in FFmpeg and MP4: x' = a x + c y, y' = b x + d y, of (a, b, _, c, d, ...) in units of 1/65536.
    name
        The file, for messages.

    Returns
    -------
    (H', W', 3) uint8, C-contiguous; a copy.

    Raises
    ------
    InputError
        The angle isn't a multiple of a quarter turn.

    Examples
    --------
    >>> pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    >>> quarter = np.array([0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30], np.int32)
    >>> upright(pixels, quarter, "clip.mp4")[..., 0].tolist()
    [[2, 5], [1, 4], [0, 3]]
    """
    a, b, _, c, d = np.sign(matrix[:5]).tolist()
    if not ((a and d and not b and not c) or (b and c and not a and not d)):
        raise InputError(f"{name}: expected a rotation by quarters; got the display matrix {matrix[:5].tolist()}")
    if b:
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return pixels[::d, ::a].copy()
