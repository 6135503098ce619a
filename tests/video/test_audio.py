"""The audio of a video, copied packet by packet."""

import os
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam import video
from tests.video.videos import add_audio, av, copy, decoded, make, packets, pictures

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.mark.parametrize(
    ("codec", "suffix", "target"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mkv", ".mp4"),
        ("aac", ".mp4", ".mkv"),
        ("libmp3lame", ".mp4", ".mov"),
        ("libopus", ".mkv", ".webm"),
        ("flac", ".mkv", ".mkv"),
        ("pcm_s16le", ".mkv", ".mkv"),
    ],
)
def test_audio_is_copied_packet_by_packet(tmp_path, codec, suffix, target):
    make(tmp_path / f"plain{suffix}", pictures(25), bf="0")
    add_audio(tmp_path / f"plain{suffix}", tmp_path / f"in{suffix}", codec)
    copy(tmp_path / f"in{suffix}", tmp_path / f"out{target}")
    before, after = packets(tmp_path / f"in{suffix}", "audio"), packets(tmp_path / f"out{target}", "audio")
    assert [data for _, data in after] == [data for _, data in before]
    assert len(before) > 8
    shift = after[0][0] - before[0][0]
    assert all(abs(b - a - shift) <= Fraction(1, 999) for (a, _), (b, _) in zip(before, after, strict=True))
    assert abs(shift) < 0.03
    assert len(decoded(tmp_path / f"out{target}")[0]) == 25


def test_audio_of_the_real_clip(shared, tmp_path):
    path = shared / "video" / "cockatoo.mp4"
    with video.read(path) as frames, video.write(tmp_path / "out.mp4", like=frames) as out:
        for frame, seconds in frames:
            out.write(frame[::8, ::8], seconds)
    assert packets(tmp_path / "out.mp4", "audio") == packets(path, "audio")
    assert decoded(tmp_path / "out.mp4", ())[1] == [Fraction(k, 20) for k in range(280)]


def test_several_languages(tmp_path):
    with av.open(str(tmp_path / "in.mkv"), "w") as file:
        picture: Any = file.add_stream("libx264", rate=25)
        picture.height, picture.width, picture.pix_fmt = 48, 64, "yuv420p"
        streams: list[Any] = [file.add_stream("pcm_s16le", rate=48_000, layout="mono") for _ in range(2)]
        for stream, language in zip(streams, ("eng", "fin"), strict=True):
            stream.metadata["language"] = language
        for frame in pictures(10):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(frame)))
        for k, stream in enumerate(streams):
            sound = av.AudioFrame.from_ndarray(np.full((1, 19_200), 100 * k + 1, np.int16), "s16", "mono")
            sound.sample_rate = 48_000
            file.mux([*stream.encode(sound), *stream.encode()])
        file.mux(picture.encode())
    copy(tmp_path / "in.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert [stream.metadata["language"] for stream in file.streams.audio] == ["eng", "fin"]
    before, after = packets(tmp_path / "in.mkv", "audio"), packets(tmp_path / "out.mkv", "audio")
    assert sorted(data for _, data in before) == sorted(data for _, data in after)


def test_audio_ends_with_the_last_frame_of_a_run_that_was_stopped(tmp_path):
    make(tmp_path / "plain.mp4", pictures(50))
    add_audio(tmp_path / "plain.mp4", tmp_path / "in.mp4", seconds=2)
    with video.read(tmp_path / "in.mp4") as frames, video.write(tmp_path / "out.mp4", like=frames) as out:
        for k, (frame, seconds) in enumerate(frames):
            out.write(frame, seconds)
            if k == 24:
                break
    assert len(decoded(tmp_path / "out.mp4")[0]) == 25
    assert 0.9 < packets(tmp_path / "out.mp4", "audio")[-1][0] <= 0.97


def test_audio_that_the_format_does_not_take(tmp_path):
    make(tmp_path / "plain.mp4", pictures(5))
    add_audio(tmp_path / "plain.mp4", tmp_path / "in.mp4")
    with pytest.raises(
        fastcam.InputError, match="audio: 'webm' format does not support 'aac' codec, and isn't encoded"
    ):
        copy(tmp_path / "in.mp4", tmp_path / "out.webm")
    copy(tmp_path / "in.mp4", tmp_path / "out.webm", audio=False)
    assert packets(tmp_path / "out.webm", "audio") == []
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.webm", "plain.mp4"]
