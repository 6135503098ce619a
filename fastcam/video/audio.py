"""Audio from one file into another, packet by packet, as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fastcam.errors import InputError
from fastcam.video.ffmpeg import pyav

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer


class Audio:
    """Audio streams of a file that are copied into another file.

    Parameters
    ----------
    source, start
        The file that they are read from, and its time that is 0 in the other file.
    target
        The other file; the streams are added to it at once.

    Raises
    ------
    InputError
        The format of `target` doesn't take these streams.
    """

    def __init__(self, source: InputContainer, start: Fraction, target: OutputContainer) -> None:
        self._source, self._start = source, start
        self._target: Any = target  # PyAV's own types of these methods are incomplete
        streams = source.streams.audio
        try:
            self._streams = {stream.index: self._target.add_stream_from_template(stream) for stream in streams}
        except ValueError as error:
            raise InputError(
                f"audio: {error}, and isn't encoded anew. Choose another format, such as .mkv, or leave the audio out"
            ) from error
        for stream in streams:
            kept = {name: stream.metadata[name] for name in ("language", "title") if name in stream.metadata}
            self._streams[stream.index].metadata.update(kept)
        self._packets = source.demux(*streams)
        self._next = self._read()

    def _read(self) -> Any:
        """Return the next packet; None at the end, and at a break, which the reader of frames reports."""
        with suppress(pyav().FFmpegError):
            for packet in self._packets:
                if packet.size:
                    return packet
        return None

    def copy(self, wanted: Callable[[float], bool]) -> None:
        """Copy packets in order, while `wanted` is true of their time in seconds."""
        while self._next is not None:
            packet = self._next
            ticks = round(self._start / packet.time_base)
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None and not wanted(float((time - ticks) * packet.time_base)):
                return
            packet.stream = self._streams[packet.stream_index]
            packet.pts = None if packet.pts is None else packet.pts - ticks
            packet.dts = None if packet.dts is None else packet.dts - ticks
            self._target.mux(packet)
            self._next = self._read()

    def close(self) -> None:
        """Close the file that is read."""
        self._source.close()
