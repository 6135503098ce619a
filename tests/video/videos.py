"""Small videos of every kind, written and read by PyAV; without it their tests are skipped."""

import socket
import threading
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fastcam import video

av = pytest.importorskip("av", reason="the extra `video` isn't installed")

LOSSLESS: Any = {"codec": "ffv1", "pixels": "bgr0"}
CLOSE = 12  # levels between a plain field before and after a codec, without its edges


def pictures(count, height=48, width=64, seed=0):
    """Return (count, H, W, 3) uint8: four plain fields that move, so that codecs keep them well and no two are equal."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(20, 235, (2, 2, 3))
    blocks = np.kron(fields, np.ones((height // 2 + 1, width // 2 + 1, 1)))[:height, :width].astype(np.uint8)
    return np.stack([np.roll(blocks, (k, 2 * k), (0, 1)) for k in range(count)])


def noise():
    """Return noise (60, 48, 64, 3) uint8, which no codec compresses well."""
    return np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3)).astype(np.uint8)


def make(
    path, frames, codec="libx264", pixels="yuv420p", rate: Any = 25, ticks=None, clock=None, change=None, **options: Any
) -> Any:
    """Write a file of frames at ticks of a clock; `change` gets the stream before anything is written."""
    with av.open(str(path), "w", options=options.pop("container", {})) as file:
        stream: Any = file.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = clock or Fraction(1, rate)
        if change is not None:
            change(stream)
        for k, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame)
            picture.pts, picture.time_base = ticks[k] if ticks else k, stream.codec_context.time_base
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


def beginning(path, target, seconds):
    """Copy the packets of the first seconds of a file, unchanged."""
    with av.open(str(path)) as source, av.open(str(target), "w") as file:
        streams = {
            one.index: file.add_stream_from_template(one) for one in source.streams if one.type in ("video", "audio")
        }
        for packet in source.demux([*source.streams.video, *source.streams.audio]):
            if packet.dts is not None and packet.pts * packet.time_base < seconds:
                packet.stream = streams[packet.stream_index]
                file.mux(packet)


def add_audio(path, target, codec="aac", seconds=1.0):
    """Write the video of a file with noise as its audio."""
    rng = np.random.default_rng(0)
    with av.open(str(path)) as source, av.open(str(target), "w") as file:
        picture = file.add_stream_from_template(source.streams.video[0])
        audio: Any = file.add_stream(codec, rate=48_000)
        audio.codec_context.layout = "mono"
        kind = audio.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(kind, "mono", 48_000)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = picture
                file.mux(packet)
        for k in range(int(seconds * 48_000) // 960):
            sound = av.AudioFrame.from_ndarray(rng.integers(-9999, 9999, (1, 960)).astype(np.int16), "s16", "mono")
            sound.sample_rate, sound.pts = 48_000, 960 * k
            for part in resampler.resample(sound):
                file.mux(audio.encode(part))
        file.mux(audio.encode())
    return target


def packets(path, kind):
    """Return (time, bytes) of all packets of a kind."""
    with av.open(str(path)) as file:
        streams = getattr(file.streams, kind)
        found: Any = file.demux(*streams) if streams else ()
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in found if packet.size]


def decoded(path, only=None):
    """Return (frames, times) by PyAV itself; frames of the given numbers only, others None."""
    frames, times = [], []
    with av.open(str(path)) as file:
        for k, one in enumerate(file.decode(video=0)):
            frames.append(one.to_ndarray(format="rgb24") if only is None or k in only else None)
            times.append((one.pts or 0) * (one.time_base or 0))
    return frames, times


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


@contextmanager
def serving(path):
    """Yield a function that serves bytes to a client, by default those of a clip; then it leaves or hangs."""
    make(path, pictures(25), g="5", bf="0")
    threads, closing = [], threading.Event()

    def serve(data=None, hangs=False):
        listening = socket.create_server(("127.0.0.1", 0))

        def run():
            connection, _ = listening.accept()
            with listening, connection:
                connection.sendall(path.read_bytes() if data is None else data)
                if hangs:
                    closing.wait(10)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    closing.set()
    for thread in threads:
        thread.join()


def read_all(path, **options):
    """Return frames and times, read by fastcam."""
    with video.read(path, **options) as frames:
        return [list(part) for part in zip(*frames, strict=True)]


def copy(path, target, **options):
    """Read and write every frame by fastcam."""
    with video.read(path) as frames, video.write(target, like=frames, **options) as out:
        for frame, seconds in frames:
            out.write(frame, seconds)
    return target


def assert_alike(frames, expected):
    """Check that frames are equal, except for a codec's changes at edges."""
    assert len(frames) == len(expected)
    for frame, other in zip(frames, expected, strict=True):
        assert frame.shape == other.shape
        assert np.median(np.abs(frame.astype(int) - other)) <= 3
        assert np.percentile(np.abs(frame.astype(int) - other), 75) <= CLOSE
