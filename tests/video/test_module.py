"""The package: its documentation, its imports, and frames without a file format."""

import inspect
import io
import os
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest

import fastcam
from fastcam import video
from tests.video.videos import make, pictures

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.mark.parametrize("function", [video.read, video.read_raw, video.write])
def test_every_parameter_is_documented_and_shown(function):
    lines = [line.strip() for line in (inspect.getdoc(function) or "").splitlines()]
    described = {word.strip() for line in lines for word in line.split(",")}
    assert set(inspect.signature(function).parameters) <= described
    assert {"Parameters", "Raises", "Examples"} <= set(lines)


def test_without_pyav(tmp_path):
    """A new process that can't import PyAV reads raw frames; all else names the missing package."""
    code = (
        "import sys; sys.modules['av'] = None\n"
        "import io, fastcam, fastcam.video as video\n"
        "print(len(list(video.read_raw(io.BytesIO(bytes(24)), (2, 2), rate=5))))\n"
        "for call in (lambda: video.read('x.mp4'), lambda: video.write('x.mp4')):\n"
        "    try: call()\n"
        "    except fastcam.BackendError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    count, *messages = done.stdout.splitlines()
    assert count == "2"
    assert len(messages) == 2
    assert all(one.startswith("video files need PyAV (") and "pip install 'fastcam[video]'" in one for one in messages)
    assert list(tmp_path.iterdir()) == []


def test_importing_it_loads_no_pyav_and_using_it_prints_nothing(tmp_path):
    make(tmp_path / "in.mp4", pictures(5))
    code = (
        "import sys, fastcam.video as video; assert 'av' not in sys.modules and 'cv2' not in sys.modules\n"
        "with video.read('in.mp4') as frames, video.write('out.mp4', like=frames) as out:\n"
        "    for frame, seconds in frames: out.write(frame, seconds)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_raw_frames_of_a_pipe():
    given = pictures(5, 33, 47)
    source, target = os.pipe()

    def run():
        with open(target, "wb") as pipe:
            pipe.write(given.tobytes())

    writer = threading.Thread(target=run)
    writer.start()
    with open(source, "rb", buffering=0) as file, video.read_raw(file, (33, 47), rate=10) as frames:
        got = list(frames)
    writer.join()
    np.testing.assert_array_equal([frame for frame, _ in got], given)
    assert [seconds for _, seconds in got] == [k / 10 for k in range(5)]
    assert all(frame.flags.writeable for frame, _ in got)


def test_raw_frames_that_do_not_fit():
    got = []
    with pytest.raises(fastcam.InputError, match="frame 2: expected 36 bytes of 4×3 rgb24; got 1. Is that the size"):
        got.extend(video.read_raw(io.BytesIO(bytes(73)), (3, 4)))
    assert len(got) == 2
    assert got[0][1] <= got[1][1] < 5
    with pytest.raises(fastcam.InputError, match="frame 0: expected 36 bytes of 4×3 rgb24; got 0"):
        list(video.read_raw(io.BytesIO(), (3, 4)))
    with pytest.raises(fastcam.InputError, match="size: expected"):
        video.read_raw(io.BytesIO(), (0, 4))
    with pytest.raises(fastcam.InputError, match="file: expected a binary file with readinto; got str"):
        video.read_raw("frames.rgb", (3, 4))


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        (25, 25),
        (29.97, Fraction(30_000, 1001)),
        (23.976, Fraction(24_000, 1001)),
        (59.94, Fraction(60_000, 1001)),
        (12.5, Fraction(25, 2)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_rates(given, exact):
    assert video.read_raw(io.BytesIO(), (3, 4), rate=given).rate == exact
