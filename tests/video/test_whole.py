"""Video files that are written whole or not at all, and paths that are refused."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import fastcam
from fastcam import video
from tests.disk import full_after
from tests.video.videos import assert_alike, decoded, make, pictures

pytestmark = pytest.mark.usefixtures("nothing_left_running")


def write_all(target, frames, times=None, **options):
    with video.write(target, **options) as out:
        for k, frame in enumerate(frames):
            out.write(frame, times[k] if times else None)


def test_a_good_file_is_replaced_at_the_end_only(tmp_path):
    path = make(tmp_path / "out.mp4", pictures(2))
    old = path.read_bytes()
    with video.write(path, rate=25) as out:
        for frame in pictures(30):
            out.write(frame)
            assert path.read_bytes() == old
    assert len(decoded(path)[0]) == 30
    assert os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_leaves_what_was_written(tmp_path, kind):
    given = pictures(40)

    def run():
        with video.write(tmp_path / "out.mp4", rate=25) as out:
            for frame in given[:17]:
                out.write(frame)
            raise kind

    with pytest.raises(kind):
        run()
    assert_alike(decoded(tmp_path / "out.mp4")[0], given[:17])
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_no_frames_leave_no_file(tmp_path):
    path = make(tmp_path / "out.mp4", pictures(2))
    old = path.read_bytes()
    with video.write(path, rate=25):
        pass
    with pytest.raises(fastcam.InputError, match="frame 0: expected an"), video.write(path, rate=25) as out:
        out.write("no frame")  # pyright: ignore[reportArgumentType]
    forgotten = video.write(tmp_path / "new.mp4", rate=25)
    del forgotten
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("room", [0, 100, 30_000, 60_000, 200_000])
def test_a_full_disk(tmp_path, room):
    old = make(tmp_path / "out.mp4", pictures(2)).read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (16, 120, 160, 3)).astype(np.uint8)

    def run():
        with video.write(tmp_path / "out.mp4", rate=25) as out:
            for k in range(160):
                out.write(noise[k % 16])

    with full_after(room), pytest.raises(fastcam.InputError, match=r"out\.mp4: can't be written \(File too large\)"):
        run()
    assert (tmp_path / "out.mp4").read_bytes() == old
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_ctrl_c_while_a_frame_is_encoded(tmp_path):
    """A signal to a process at any moment loses no frame that was written."""
    code = (
        "import sys, numpy as np, fastcam.video as video\n"
        "frames = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3)).astype(np.uint8)\n"
        "out = video.write(sys.argv[1], rate=25)\n"
        "try:\n"
        "    with out:\n"
        "        for k in range(10**6):\n"
        "            out.write(frames[k % 8])\n"
        "            if k == 3: print('go', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    print(out.count)\n"
    )
    import signal

    for delay in (0.05, 0.3):
        command = [sys.executable, "-c", code, str(tmp_path / "out.mp4")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        count, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert (
            abs(len(decoded(tmp_path / "out.mp4")[0]) - int(count)) <= 1
        )  # the signal may come between encoding and counting
        assert os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("out.xyz", {}, r"out\.xyz: expected a name that ends in \.mp4, .*; got \.xyz"),
        ("out", {}, "got none"),
        ("none/out.mp4", {}, r"can't be written \(No such file or directory\)"),
        ("folder.mp4", {}, "expected a place for a file; there is a directory"),
        ("out.mp4", {"codec": "nothing"}, "codec: expected an encoder that .mp4 takes; got 'nothing'"),
        ("out.webm", {"codec": "libx264"}, "codec: expected an encoder that .webm takes; got 'libx264'"),
        ("out.mp4", {"codec": "aac"}, "codec: expected one of video; got 'aac'"),
        ("out.mp4", {"rate": 0}, "rate: expected frames a second, above 0; got 0"),
        ("out.mp4", {"rate": "25"}, "rate: expected frames a second"),
        ("out.mp4", {"like": "in.mp4"}, "like: expected what fastcam.video.read returned; got str"),
    ],
)
def test_places_and_options_that_are_refused_at_once(tmp_path, name, options, message):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(fastcam.InputError, match=message):
        video.write(tmp_path / name, **options)
    assert os.listdir(tmp_path) == ["folder.mp4"]


def test_options_that_the_codec_does_not_have(tmp_path):
    with pytest.raises(fastcam.InputError, match="options: expected some that libx264 has; got crff"):
        write_all(tmp_path / "out.mp4", pictures(3), rate=25, options={"crff": "3"})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("frame", "seconds", "message"),
    [
        (None, 1, r"frame 1: expected an \(H, W, 3\) uint8 array; got NoneType"),
        (np.zeros((48, 64), np.uint8), 1, r"expected \(H, W, 3\) uint8"),
        (np.zeros((48, 64, 3), np.float32), 1, r"expected \(H, W, 3\) uint8"),
        (np.zeros((48, 66, 3), np.uint8), 1, "frame 1: expected 64×48 pixels as before; got 66×48"),
        (np.zeros((48, 64, 3), np.uint8), 0.5, r"frame 1: expected a later time than 0\.5 s; got 0\.5 s"),
        (np.zeros((48, 64, 3), np.uint8), 0.25, "expected a later time"),
        (np.zeros((48, 64, 3), np.uint8), float("nan"), "expected seconds, a finite number; got nan"),
        (np.zeros((48, 64, 3), np.uint8), None, "seconds: expected the frame's time, or write"),
    ],
)
def test_frames_that_are_refused(tmp_path, frame, seconds, message):
    with pytest.raises(fastcam.InputError, match=message):
        write_all(tmp_path / "out.mp4", [pictures(1)[0], frame], [0.5, seconds])
    assert len(decoded(tmp_path / "out.mp4")[0]) == 1


def test_writing_after_the_end(tmp_path):
    with video.write(tmp_path / "out.mp4", rate=25) as out:
        out.write(pictures(1)[0])
    out.close()
    with pytest.raises(fastcam.InputError, match="frame 1: expected a file that is still open; it was closed"):
        out.write(pictures(1)[0])


def test_the_source_is_never_written_over(tmp_path):
    path = make(tmp_path / "in.mp4", pictures(2))
    os.link(path, tmp_path / "hard.mp4")
    (tmp_path / "soft.mp4").symlink_to(path)
    before = path.read_bytes()
    for name in ("in.mp4", "hard.mp4", "soft.mp4"):
        with (
            video.read(path) as frames,
            pytest.raises(fastcam.InputError, match="expected another file than the source"),
        ):
            video.write(tmp_path / name, like=frames)
    assert path.read_bytes() == before
