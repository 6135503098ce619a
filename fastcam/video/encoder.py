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
from fastcam.video.source import Source

FORMATS = {  # of each suffix, with the codec that most players play
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "30", "b": "0"},
    "libx265": {"x265-params": "log-level=error"},  # it prints otherwise
}
PIXELS = {"ffv1": "bgr0", "libx264rgb": "bgr0"}  # of codecs that are chosen to lose nothing; else what all play
BT709 = (1, 1, 1)  # space, primaries and transfer that players take for granted
LIMITED = 1  # the range of luma that they take for granted
FINE = 90_000  # ticks a second at least: MPEG's clock


class Encoder:
    """Pictures in, file out. Knows nothing of threads and names; errors are FFmpeg's own but for what a caller chose.

    Parameters
    ----------
    place, suffix
        The file to write, and the suffix that says its format.
    like, rate, audio, codec, options
        As in `fastcam.video.write`.

    Raises
    ------
    InputError
        A codec or audio that the format doesn't take, options that the codec doesn't have.
    """

    def __init__(
        self,
        place: Path,
        suffix: str,
        like: Source | None,
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
        self._space = None if self._stream.format.is_rgb else self._mark_colours(context)
        found = like.open_audio() if like and audio else None
        self._audio = Audio(*found, self._container) if found else None
        self._has_begun = False

    def _mark_colours(self, context: Any) -> int:
        """Store colours as the source does, so that players show them as they show those of the source."""
        space, context.color_primaries, context.color_trc = (self._like.colours if self._like else None) or BT709
        context.colorspace, context.color_range = space, LIMITED
        return space

    def picture(self, frame: NDArray[np.uint8], ticks: int) -> Any:
        """A copy of a frame, with even sides where colours are stored for two pixels at a time, and its time."""
        height, width = frame.shape[:2]
        layout = self._av.VideoFormat(self._stream.pix_fmt, 2, 2)
        rows, columns = height % (3 - layout.chroma_height()), width % (3 - layout.chroma_width())
        if rows or columns:
            frame = np.pad(frame, ((0, rows), (0, columns), (0, 0)), mode="edge")
        picture = self._av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts, picture.time_base = ticks, self.time_base
        return picture

    def encode(self, picture: Any) -> None:
        """Add a picture, and the audio up to it."""
        if not self._has_begun:
            self._begin(picture)
        if self._audio is not None:
            self._audio.copy(lambda time: time <= picture.time)
        colours = {} if self._space is None else {"dst_colorspace": self._space, "dst_color_range": LIMITED}
        converted = picture.reformat(format=self._stream.pix_fmt, **colours)
        self._container.mux(self._stream.encode(converted))

    def _begin(self, picture: Any) -> None:
        """What the first picture, or its source, tells."""
        self._has_begun = True
        context = self._stream.codec_context
        self._stream.width, self._stream.height = picture.width, picture.height
        if self._like and self._like.pixel_aspect:
            context.sample_aspect_ratio = self._like.pixel_aspect
        self._container.start_encoding()
        if context.options:  # those that nobody took
            raise InputError(f"options: expected some that {context.name} has; got {', '.join(context.options)}")

    def finish(self) -> None:
        """Write what is on its way, the rest of the audio if all frames were read, and what a file ends with."""
        self._container.mux(self._stream.encode(None))
        if self._audio is not None and self._like is not None and self._like.has_ended:
            self._audio.copy(lambda time: True)
        self._container.close()

    def release(self) -> None:
        """Let go of all files, whatever became of them."""
        if self._audio is not None:
            self._audio.close()
        try:
            self._container.close()
        except (self._av.FFmpegError, OSError):
            return  # told before, by what failed first


def _time_base(rate: Fraction) -> Fraction:
    """Fine, and such that times of frames at this rate are multiples of it."""
    return Fraction(1, rate.numerator * -(-FINE // rate.numerator))
