"""Live sources and cameras: clocks that start anew, lost packets, and the end."""

import numpy as np
import pytest

import fastcam
from fastcam import video
from fastcam.video.camera import Camera
from tests.video.videos import LOSSLESS, assert_alike, copy, decoded, make, packets, pictures, read_all

pytestmark = pytest.mark.usefixtures("nothing_left_running")


def test_a_live_source_that_ends(live_source, tmp_path):
    with pytest.raises(fastcam.InputError, match="frame 25: expected more of a live source; it ended"):
        copy(live_source(), tmp_path / "out.mp4")
    frames, times = read_all(tmp_path / "out.mp4")
    assert_alike(frames, pictures(25))
    assert times == [k / 25 for k in range(25)]


def test_a_live_source_that_says_nothing_more(live_source, monkeypatch):
    monkeypatch.setattr("fastcam.video.ffmpeg.PATIENCE", 1)
    got = []
    with pytest.raises(fastcam.InputError, match=r"frame \d+: can't be read \(no data for 1 s\)"):
        got.extend(video.read(live_source(hangs=True)))
    assert len(got) >= 20


def test_a_clock_that_starts_anew(live_source, tmp_path):
    """Times of a live source go on; those of a file stay, and no video can be written with them."""
    twice = make(tmp_path / "clip.ts", pictures(25), g="5", bf="0").read_bytes() * 2
    got = []
    with pytest.raises(fastcam.InputError, match="frame 50: .* it ended"):
        got.extend(video.read(live_source(twice)))
    np.testing.assert_allclose([seconds for _, seconds in got], [k / 25 for k in range(50)], atol=1e-6)
    (tmp_path / "twice.ts").write_bytes(twice)
    with pytest.raises(fastcam.InputError, match=r"frame 25: expected a later time than 0\.96 s; got 0\.0 s"):
        copy(tmp_path / "twice.ts", tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")[0]) == 25


def test_damaged_packets_of_a_live_source_are_left_out(live_source, tmp_path):
    path = make(tmp_path / "clip.mkv", pictures(25), g="5", bf="0")
    data = path.read_bytes()
    for k in (7, 16):
        damaged = packets(path, "video")[k][1]
        data = data.replace(damaged, b"\xff" * 8 + damaged[8:])
    got, frames = [], video.read(live_source(data))
    with pytest.raises(fastcam.InputError, match="frame 23: expected more of a live source; it ended"):
        got.extend(frames)
    assert frames.broken == 2
    assert len(got) == 23


def test_nobody_there():
    with pytest.raises(fastcam.InputError, match=r"can't be opened as a video \(Connection refused\)"):
        video.read("rtsp://127.0.0.1:9/stream")


def test_a_camera_by_opencv(shared, tmp_path):
    """A file in place of the device, since tests have no camera."""
    make(tmp_path / "clip.mkv", pictures(5), **LOSSLESS)
    got = []
    with pytest.raises(fastcam.InputError, match="frame 5: expected more of a camera; none came. Is it unplugged?"):
        got.extend(Camera(str(tmp_path / "clip.mkv")))
    np.testing.assert_array_equal([frame for frame, _ in got], pictures(5))
    assert got[0][1] == 0
    assert [seconds for _, seconds in got] == sorted(seconds for _, seconds in got)
    with pytest.raises(fastcam.InputError, match="/dev/video99: expected a camera; OpenCV can't open it"):
        video.read("/dev/video99")
    with pytest.raises(fastcam.InputError, match="options: expected none for a camera without format="):
        video.read("0", options={"video_size": "640x480"})
