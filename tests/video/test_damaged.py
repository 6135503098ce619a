"""Video files that are cut off, damaged or no video: errors that name the fault, and none for whole files."""

from fractions import Fraction

import numpy as np
import pytest

import fastcam
from fastcam import video
from tests.video.videos import av, cut, make, noise, pictures, read_all

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm", "clip.avi"])
def test_a_file_that_is_cut_off(tmp_path, name):
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(name[4:], "libx264")
    container = {"movflags": "faststart"} if name == "clip.mp4" else {}
    path = make(tmp_path / name, noise(), codec, container=container)
    whole, _ = read_all(path)
    cut(path, 0.6)
    got = []
    with pytest.raises(fastcam.InputError, match=rf"{name}: frame \d\d: expected more; the file is cut off after 1\."):
        got.extend(video.read(path))
    assert 25 <= len(got) <= 40
    np.testing.assert_array_equal([frame for frame, _ in got[:-2]], whole[: len(got) - 2])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".mov", ".flv", ".asf", ".gif"])
@pytest.mark.parametrize("rate", [Fraction(1, 5), 1, Fraction(30_000, 1001), None])
def test_no_whole_file_is_taken_for_one_that_is_cut_off(tmp_path, suffix, rate):
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4", ".asf": "mpeg4", ".gif": "gif"}.get(suffix, "libx264")
    pixels = "rgb8" if codec == "gif" else "yuv420p"
    ticks, clock = ([1440, 1480, 2000, 9000], Fraction(1, 1000)) if rate is None else (range(4), 1 / Fraction(rate))
    make(tmp_path / f"clip{suffix}", pictures(4), codec, pixels, rate=rate or 25, ticks=ticks, clock=clock)
    assert len(read_all(tmp_path / f"clip{suffix}")[0]) == 4


def test_a_file_that_is_damaged_inside(tmp_path):
    path = make(tmp_path / "clip.mp4", noise(), g="12")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    path.write_bytes(data)
    got = []
    with pytest.raises(fastcam.InputError, match=r"clip\.mp4: frame (\d+): can't be read \(Invalid data") as error:
        got.extend(video.read(path))
    assert f"frame {len(got)}:" in str(error.value)
    assert 20 <= len(got) <= 40


def test_a_file_without_frames(tmp_path):
    path = tmp_path / "short.mp4"
    for frames, message in (
        (5, "short.mp4: expected frames; the video stream has none"),
        (50, "cut off after 0.00 s of 2"),
    ):
        make(path, pictures(frames), container={"movflags": "faststart"})
        path.write_bytes(path.read_bytes().partition(b"mdat")[0])
        with pytest.raises(fastcam.InputError, match=message):
            read_all(path)


def test_what_is_no_video(tmp_path, shared):
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    unknown = make(tmp_path / "unknown.mp4", pictures(2))
    unknown.write_bytes(unknown.read_bytes().replace(b"avc1", b"zzq1"))
    with av.open(str(tmp_path / "sound.mka"), "w") as file:
        audio = file.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        file.mux(audio.encode(sound))
    cases = {
        "none.mp4": "none.mp4: no such file; expected a video",
        "text.mp4": r"text.mp4: can't be opened as a video \(Invalid data",
        "empty.mp4": r"empty.mp4: can't be opened as a video \(Invalid data",
        ".": r"can't be opened as a video \(Is a directory",
        "unknown.mp4": "unknown.mp4: expected a codec that this FFmpeg decodes",
        "sound.mka": "sound.mka: expected a video stream; it has: audio",
    }
    for name, message in cases.items():
        with pytest.raises(fastcam.InputError, match=message):
            video.read(tmp_path / name)
    with pytest.raises(fastcam.InputError, match="source: expected a path, an address or a camera; got int"):
        video.read(0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(fastcam.InputError, match="no container format 'nope'"):
        video.read(shared / "video" / "cockatoo.mp4", format="nope")
