"""One video stream and the audio that goes with it, encoded by FFmpeg into a file."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.video.audio import Audio
from fastcam.video.ffmpeg import address, pyav
from fastcam.video.source import FrameSource

FORMATS = {  # by suffix, with the codec that most players play
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "30", "b": "0"},
    "libx265": {"x265-params": "log-level=error"},  # silent by option only
}
PIXELS = {"ffv1": "bgr0", "libx264rgb": "bgr0"}  # of lossless codecs; of others yuv420p, which all players show
BT709 = (1, 1, 1)  # space, primaries and transfer that players assume
LIMITED = 1  # the range of luma that players assume
FINE = 90_000  # ticks a second at least: MPEG's clock


class Encoder:
    """An encoder of pictures into a file. Its errors are FFmpeg's own, except those of what the caller chose.

    Parameters
    ----------
    place, suffix
        The file to write, and the suffix that gives its format.
    like, rate, audio, codec, options
        As in `fastcam.video.write`.

    Raises
    ------
    InputError
        The format doesn't take the codec or the audio, or the codec doesn't have the options.
    """

    def __init__(
        self,
        place: Path,
        suffix: str,
        like: FrameSource | None,
        rate: Fraction,
        audio: bool,
        codec: str | None,
        options: Mapping[str, str],
    ) -> None:
        self._av, self._like = pyav(), like
        file_format, usual = FORMATS[suffix]
        name = codec or usual
        self._container = self._av.open(address(place), "w", format=file_format)
        try:
            if (kind := self._av.codec.Codec(name, "w").type) != "video":
                raise InputError(f"codec: expected one of video; got {name!r}, one of {kind}")
            self._stream = self._container.add_stream(name, rate=rate, options={**OPTIONS.get(name, {}), **options})
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"codec: expected an encoder that {suffix} takes; got {name!r} ({error})") from error
        self.time_base = (like.time_base if like else None) or _time_base(rate)
        context = self._stream.codec_context
        context.time_base = self._stream.time_base = self.time_base
        known = [one.name for one in context.codec.video_formats or ()]
        wanted = PIXELS.get(name, "yuv420p")
        self._stream.pix_fmt = wanted if not known or wanted in known else known[0]
        self._space = None if self._stream.format.is_rgb else self._mark_colors(context)
        found = like.open_audio() if like and audio else None
        self._audio = Audio(*found, self._container) if found else None
        self._has_begun = False

    def _mark_colors(self, context: Any) -> int:
        """Mark the stream with the source's colour space, so that players show the same colours; return that space."""
        space, context.color_primaries, context.color_trc = (self._like.colors if self._like else None) or BT709
        context.colorspace, context.color_range = space, LIMITED
        return space

    def picture(self, frame: NDArray[np.uint8], ticks: int) -> Any:
        """Return a copy of a frame with its time, padded to even sides where chroma is stored for pairs of pixels."""
        height, width = frame.shape[:2]
        layout = self._av.VideoFormat(self._stream.pix_fmt, 2, 2)
        rows, columns = height % (3 - layout.chroma_height()), width % (3 - layout.chroma_width())
        if rows or columns:
            frame = np.pad(frame, ((0, rows), (0, columns), (0, 0)), mode="edge")
        picture = self._av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts, picture.time_base = ticks, self.time_base
        return picture

    def encode(self, picture: Any) -> None:
        """Encode a picture, and copy the audio up to its time."""
        if not self._has_begun:
            self._begin(picture)
        if self._audio is not None:
            self._audio.copy(lambda time: time <= picture.time)
        colors = {} if self._space is None else {"dst_colorspace": self._space, "dst_color_range": LIMITED}
        converted = picture.reformat(format=self._stream.pix_fmt, **colors)
        self._container.mux(self._stream.encode(converted))

    def _begin(self, picture: Any) -> None:
        """Set what is known from the first picture and its source, and begin the file."""
        self._has_begun = True
        context = self._stream.codec_context
        self._stream.width, self._stream.height = picture.width, picture.height
        if self._like and self._like.pixel_aspect:
            context.sample_aspect_ratio = self._like.pixel_aspect
        self._container.start_encoding()
        if context.options:  # options that FFmpeg didn't use
            raise InputError(f"options: expected some that {context.name} has; got {', '.join(context.options)}")

    def finish(self) -> None:
        """Write what is buffered, the rest of the audio if all frames were read, and the end of the file."""
        self._container.mux(self._stream.encode(None))
        if self._audio is not None and self._like is not None and self._like.has_ended:
            self._audio.copy(lambda time: True)
        self._container.close()

    def release(self) -> None:
        """Close all files, after errors as well."""
        if self._audio is not None:
            self._audio.close()
        try:
            self._container.close()
        except (self._av.FFmpegError, OSError):
            return  # the first failure was reported


def _time_base(rate: Fraction) -> Fraction:
    """Return a fine time base of which all times of frames at this rate are multiples."""
    return Fraction(1, rate.numerator * -(-FINE // rate.numerator))
