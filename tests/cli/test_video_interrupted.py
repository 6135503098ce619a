"""`fastcam video` that ends by its source, a full disk or Ctrl-C: frames until then are kept."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import fastcam
from tests.disk import full_after
from tests.model.models import overflowing
from tests.processes import PIPE
from tests.signals import ENDINGS
from tests.video.commands import LOSSLESS, as_process, lines, prepare, run
from tests.video.videos import cut, decoded, make, noise, packets, pictures
from tests.waiting import until


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files of `prepare`, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return prepare(tmp_path)


def test_a_clip_that_is_cut_off_is_written_up_to_there(files, capsys):
    cut(make(files / "long.mkv", noise()), 0.6)
    assert run("long.mkv", "-o", "out.mp4", "--jsonl", "out.jsonl") == 2
    captured = capsys.readouterr()
    count = len(decoded("out.mp4")[0])
    assert 25 <= count <= 40
    assert len(lines("out.jsonl")) == count
    assert f"interrupted after {count} frames, " in captured.err
    assert f"error: long.mkv: frame {count}: expected more; the file is cut off after 1." in captured.err
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_a_frame_that_can_not_be_explained(files, capsys):
    (files / "model.onnx").write_bytes(overflowing())
    levels = [0, 40, 255, 0]
    make("dark.mkv", [np.full((16, 16, 3), level, np.uint8) for level in levels], "ffv1", "bgr0")
    assert run("dark.mkv", "-o", "out.mp4", "--preprocess", "unit,scale=10") == 2
    assert "frame 2: " in capsys.readouterr().err
    assert len(decoded("out.mp4")[0]) == 2


def test_a_live_source(files, live_source, capsys):
    assert run(live_source(), "-o", "out.mp4", "--jsonl", "out.jsonl") == 2
    err = capsys.readouterr().err
    assert "expected more of a live source; it ended" in err
    count = len(decoded("out.mp4")[0])
    assert count == len(lines("out.jsonl")) >= 3
    dropped = 25 - count
    assert (f"{dropped} left out for newer ones" in err) == bool(dropped)
    times = [one["timestamp"] for one in lines("out.jsonl")]
    assert [round(25 * one) for one in times] == sorted({round(25 * one) for one in times})
    np.testing.assert_allclose([float(time) for time in decoded("out.mp4")[1]], times, atol=1e-6)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_for_lines(files, capsys):
    assert run("clip.mp4", "--jsonl", "/dev/full") == 2
    assert "/dev/full: can't be written (No space left on device)" in capsys.readouterr().err
    with as_process("clip.mp4", "--no-overlay") as process:
        process.stdout.close()  # the reader leaves
        process.wait(60)
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 141


def test_a_full_disk_for_the_video(files, capsys):
    (files / "out.mp4").write_bytes(b"good")
    make(files / "long.mkv", noise())
    with full_after(35_000):
        assert run("long.mkv", "-o", "out.mp4", "--jsonl", "out.jsonl") == 2
    assert "out.mp4: can't be written (File too large)" in capsys.readouterr().err
    assert (files / "out.mp4").read_bytes() == b"good"
    assert not [name for name in os.listdir() if name.startswith(".")]


@pytest.mark.parametrize("number", ENDINGS)
def test_ctrl_c_while_waiting_for_frames(files, number):
    """The source is an idle pipe, whose thread is inside a read that never returns."""
    given = pictures(8, 50, 60)
    options = ["-", "--raw", "60x50", "--rate", "25", "-o", "out.mkv", "--jsonl", "-", *LOSSLESS]
    with as_process(*options, stdin=PIPE) as process:
        process.stdin.write(given.tobytes())
        process.stdin.flush()
        for _ in given:
            assert process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        err = process.stderr.read().decode()
    assert err.startswith("interrupted after 8 frames, ")
    assert err.endswith(": out.mkv\n")
    model = fastcam.load("model.onnx")
    for frame, picture in zip(given, decoded("out.mkv")[0], strict=True):
        np.testing.assert_array_equal(picture, fastcam.overlay(frame, model.explain(frame)))


def test_ctrl_c_while_a_live_source_says_nothing(files, live_source):
    with as_process(live_source(hangs=True), "-o", "out.mp4", "--jsonl", "-", "--every", "100") as process:
        for _ in range(3):
            assert process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read().decode().startswith("interrupted after ")
    assert len(decoded("out.mp4")[0]) >= 3


@pytest.mark.parametrize("number", ENDINGS)
def test_ctrl_c_in_the_middle_of_a_clip(files, shared, number):
    add = ["-o", "out.mp4", "--jsonl", "out.jsonl"]
    with as_process(shared / "video" / "cockatoo.mp4", *add) as process:
        until(lambda: any(part.read_bytes().count(b"\n") > 10 for part in files.glob(".out.jsonl.*.part")))
        process.send_signal(number)
        assert process.wait(60) == 128 + number
    count = len(decoded("out.mp4")[0])
    assert 10 <= count < 280
    assert abs(count - len(lines("out.jsonl"))) <= 1
    assert packets("out.mp4", "audio")[-1][0] <= count / 20
    assert not [name for name in os.listdir() if name.startswith(".")]
