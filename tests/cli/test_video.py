"""`fastcam video`, mostly in this process, in another one for pipes and terminals."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import fastcam
from fastcam.classifier.steady import Steady
from fastcam.cli import main
from fastcam.cli.progress import Progress
from tests.model.ranks import network
from tests.processes import PIPE, Process
from tests.video.commands import LABELS, LOSSLESS, as_process, lines, prepare, run
from tests.video.videos import add_audio, beginning, decoded, make, packets, pictures


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files of `prepare`, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return prepare(tmp_path)


def test_overlays_and_lines_are_those_of_the_library(files, capsys):
    assert (
        run("clip.mp4", "-o", "out.mkv", "--jsonl", "out.jsonl", "--labels", "labels.txt", "--top", 2, *LOSSLESS) == 0
    )
    model = fastcam.load("model.onnx", labels="labels.txt")
    given, times = decoded("clip.mp4")
    drawn, written_times = decoded("out.mkv")
    assert written_times == times
    for k, (frame, picture, record) in enumerate(zip(given, drawn, lines("out.jsonl"), strict=True)):
        found = model.explain(frame, top=2)
        np.testing.assert_array_equal(picture, fastcam.overlay(frame, found))
        assert (record["frame"], record["explained_frame"], record["timestamp"]) == (k, k, k / 25)
        assert (record["width"], record["height"]) == (60, 50)
        for m, one in enumerate(record["maps"]):
            assert one["class_index"] == found.class_index[0, m]
            assert one["label"] == LABELS[one["class_index"]]
            assert one["box"] == (found.boxes.xyxy[0, m].tolist() if found.boxes.area[0, m] else None)
            assert one["logit"] == found.logits[0, one["class_index"]]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("12 frames, ")
    assert captured.err.endswith(" frames/s: out.mkv and out.jsonl\n")
    assert "\r" not in captured.err
    assert sorted(os.listdir()) == ["clip.mp4", "labels.txt", "model.onnx", "out.jsonl", "out.mkv"]


def test_real_clip_and_model_with_sound(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, clip = shared / "models" / "mobilenet_v1_0.25_128_fp32_nhwc.onnx", tmp_path / "clip.mp4"
    beginning(shared / "video" / "cockatoo.mp4", clip, seconds=5)
    how = ["--preprocess", "inception,fit=stretch", "--labels", "imagenet", "--every", "7"]
    options = ["-o", "out.mp4", "--jsonl", "out.jsonl", "--codec-option", "preset=ultrafast"]
    assert main(["video", str(path), str(clip), *options, *how]) == 0
    assert packets("out.mp4", "audio") == packets(clip, "audio") != []
    records = lines("out.jsonl")
    assert [one["timestamp"] for one in records] == [k / 20 for k in range(100)]
    assert [one["explained_frame"] for one in records] == [k - k % 7 for k in range(100)]
    (given, _), (drawn, times) = decoded(clip, {0, 49, 55, 98, 99}), decoded("out.mp4", {0, 55, 99})
    assert [float(time) for time in times] == [k / 20 for k in range(100)]
    model = fastcam.load(path, labels="imagenet", preprocess="inception,fit=stretch", threads=1)
    for k in (0, 55, 99):
        found = model.explain(given[k - k % 7])
        assert records[k]["maps"][0]["box"] == found.boxes.xyxy[0, 0].tolist()
        difference = np.abs(drawn[k].astype(int) - fastcam.overlay(given[k], found))
        assert np.mean(difference) < 4  # by the codec; without an overlay the difference is
        assert np.mean(np.abs(drawn[k].astype(int) - given[k])) > 20


def test_steady_video_by_another_method(files):
    options = ["--jsonl", "out.jsonl", "--steady", "0.1", "--method", "layercam"]
    assert run("clip.mp4", "-o", "out.mkv", *options, *LOSSLESS) == 0
    model, (given, times), (drawn, _) = fastcam.load("model.onnx"), decoded("clip.mp4"), decoded("out.mkv")
    pairs = zip(given, map(float, times), strict=True)
    with model.stream(pairs, method="layercam", steady=Steady(half_life=0.1)) as stream:
        for (frame, found), picture, record in zip(stream, drawn, lines("out.jsonl"), strict=True):
            np.testing.assert_array_equal(picture, fastcam.overlay(frame, found))
            assert record["maps"][0]["method"] == "layercam"
            assert record["maps"][0]["class_index"] == found.class_index[0, 0]
            assert record["steady"] == "half-life 0.1 s, margin 0.1, scale running"


def test_boxes_only(files, capsys):
    assert run("clip.mp4", "--no-overlay", "--class", "bat", "--labels", "labels.txt", "--convention", "minmax") == 0
    captured = capsys.readouterr()
    records = [json.loads(line) for line in captured.out.splitlines()]
    assert [one["frame"] for one in records] == list(range(12))
    assert {(one["maps"][0]["label"], one["maps"][0]["convention"]) for one in records} == {("bat", "minmax")}
    assert captured.err.startswith("12 frames, ")
    assert sorted(os.listdir()) == ["clip.mp4", "labels.txt", "model.onnx"]
    assert run("clip.mp4", "--no-overlay", "--jsonl", "out.jsonl") == 0
    assert len(lines("out.jsonl")) == 12
    assert capsys.readouterr().out == ""


def test_without_audio(files):
    add_audio("clip.mp4", "sound.mp4")
    assert run("sound.mp4", "-o", "with.mp4") == 0
    assert run("sound.mp4", "-o", "without.mp4", "--no-audio") == 0
    assert packets("with.mp4", "audio") == packets("sound.mp4", "audio") != []
    assert packets("without.mp4", "audio") == []


def test_raw_frames_need_no_pyav(files):
    given = pictures(5, 50, 60)
    code = "import sys; sys.modules['av'] = None; from fastcam.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "video", "model.onnx", "-", "--raw", "60x50", "--rate", "10", "--jsonl", "-"]
    done = subprocess.run(command, input=given.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["timestamp"] for one in records] == [k / 10 for k in range(5)]
    model = fastcam.load("model.onnx")
    for frame, record in zip(given, records, strict=True):
        assert record["maps"][0]["logit"] == model.explain(frame).logits.max()
    with as_process("clip.mp4", "--no-overlay", code=code) as process:
        _, err = process.communicate()
    assert process.returncode == 2
    assert err.startswith(b"fastcam video: error: video files need PyAV (")
    assert b"pip install 'fastcam[video]'" in err


def test_raw_frames_into_a_file(files):
    given = pictures(5, 50, 60)
    options = ["-", "--raw", "60x50", "--rate", "30000/1001", "-o", "out.mkv", *LOSSLESS, "--every", "2"]
    with as_process(*options, stdin=PIPE) as process:
        _, err = process.communicate(given.tobytes() + b"xyz")
    assert process.returncode == 2
    assert b"interrupted after 5 frames" in err
    assert (
        b"<stdin>: frame 5: expected 9000 bytes of 60\xc3\x9750 rgb24; got 3" in err or b"frame 5: expected 9000" in err
    )
    model, (drawn, times) = fastcam.load("model.onnx"), decoded("out.mkv")
    for k, (frame, picture) in enumerate(zip(given, drawn, strict=True)):
        np.testing.assert_array_equal(picture, fastcam.overlay(frame, model.explain(given[k - k % 2])))
    np.testing.assert_allclose([float(time) for time in times], [k * 1001 / 30_000 for k in range(5)], atol=6e-4)


BAD = {
    "no model": (["none.onnx", "clip.mp4", "-o", "out.mp4"], "none.onnx: no such file"),
    "no clip": (["model.onnx", "none.mp4", "-o", "out.mp4"], "none.mp4: no such file; expected a video"),
    "no video": (["model.onnx", "labels.txt", "-o", "out.mp4"], "labels.txt: can't be opened as a video"),
    "nothing": (["model.onnx", "clip.mp4"], "-o: expected a file for the video, --jsonl for the boxes, or both"),
    "both": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--no-overlay"], "expected either -o or --no-overlay"),
    "suffix": (["model.onnx", "clip.mp4", "-o", "out.gif"], "out.gif: expected a name that ends in .mp4"),
    "itself": (["model.onnx", "clip.mp4", "-o", "clip.mp4"], "clip.mp4: expected another file than clip.mp4"),
    "link": (["model.onnx", "clip.mp4", "-o", "link.mp4"], "link.mp4: expected another file than clip.mp4"),
    "lines": (["model.onnx", "clip.mp4", "--jsonl", "model.onnx"], "expected another file than model.onnx"),
    "one place": (
        ["model.onnx", "clip.mp4", "-o", "out.mp4", "--jsonl", "./out.mp4"],
        "--jsonl: expected another file than -o",
    ),
    "folder": (["model.onnx", "clip.mp4", "-o", "no/out.mp4"], "no/out.mp4: can't be written (No such file"),
    "folder of lines": (["model.onnx", "clip.mp4", "--jsonl", "no/out"], "no/out: can't be written (No such file"),
    "codec": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--codec", "x"], "codec: expected an encoder"),
    "codec of nothing": (["model.onnx", "clip.mp4", "--no-overlay", "--codec", "ffv1"], "--codec: expected with -o"),
    "codec option": (
        ["model.onnx", "clip.mp4", "-o", "out.mp4", "--codec-option", "crf"],
        "--codec-option: expected NAME",
    ),
    "input option": (
        ["model.onnx", "clip.mp4", "-o", "out.mp4", "--input-option", "=1"],
        "--input-option: expected NAME",
    ),
    "every": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--every", "0"], "every: expected a whole number"),
    "steady": (
        ["model.onnx", "clip.mp4", "-o", "out.mp4", "--steady", "-1"],
        "steady: half_life: expected a number from 0",
    ),
    "method": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--method", "x"], "method: expected one of auto, cam"),
    "workers": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--workers", "-1"], "workers: expected a whole number"),
    "top": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--top", "6"], "top: expected 1 to 5"),
    "class": (
        ["model.onnx", "clip.mp4", "-o", "out.mp4", "--class", "gnu"],
        "--class: expected a number or the name of a class",
    ),
    "colormap": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--colormap", "x"], "colormap: expected one of"),
    "raw": (["model.onnx", "-", "-o", "out.mp4", "--raw", "60"], "--raw: expected WxH, such as 640x360; got '60'"),
    "raw size": (["model.onnx", "-", "-o", "out.mp4", "--raw", "0x5"], "size: expected (height, width)"),
    "raw file": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--raw", "6x5"], "IN: expected - with --raw WxH"),
    "no raw": (["model.onnx", "-", "-o", "out.mp4"], "IN: expected - with --raw WxH"),
    "rate": (["model.onnx", "-", "-o", "out.mp4", "--raw", "6x5", "--rate", "1/0"], "--rate: expected frames a second"),
    "rate of a file": (["model.onnx", "clip.mp4", "-o", "out.mp4", "--rate", "5"], "--rate: expected with --raw only"),
    "camera": (["model.onnx", "/dev/video99", "-o", "out.mp4"], "/dev/video99: expected a camera"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_code_2_and_nothing_written(files, capsys, name):
    arguments, message = BAD[name]
    (files / "link.mp4").symlink_to(files / "clip.mp4")
    before = {path: path.read_bytes() for path in files.iterdir()}
    assert main(["video", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "fastcam video: error: " in captured.err
    assert captured.out == ""
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_progress_on_a_terminal_only(files):
    make(files / "long.mp4", pictures(300, 50, 60))
    terminal, end = pty.openpty()
    with Process("video", "model.onnx", "long.mp4", "-o", "out.mp4", stderr=end) as process:
        os.close(end)
        told = b""
        while True:
            try:
                told += os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
        process.wait()
    os.close(terminal)
    assert process.returncode == 0
    states = [state.strip() for state in told.decode().split("\r") if " left" in state]
    assert states
    assert all(
        re.fullmatch(r"\[[#-]{20}\] frame \d+ of 300, \d+\.\d frames/s, \d+:\d\d left", state) for state in states
    )
    assert told.decode().strip().split("\r")[-1].startswith("300 frames, ")


def test_progress_takes_its_line_away():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    with Progress(terminal, None) as progress:
        for _ in range(3):
            time.sleep(0.21)
            progress.step()
    *states, blank, last = terminal.getvalue().split("\r")[1:]
    assert [state.split(",")[0] for state in states] == ["frame 1", "frame 2", "frame 3"]
    assert (blank.strip(), last) == ("", "")
    pipe = io.StringIO()
    with Progress(pipe, 3) as progress:
        time.sleep(0.21)
        progress.step()
    assert pipe.getvalue() == ""


@pytest.mark.parametrize(("rank", "kind"), [(1, "signals"), (3, "volumes")])
def test_models_of_other_ranks_are_refused(files, capsys, rank, kind):
    """A frame (H, W, 3) would fit a volume of one channel."""
    (files / "model.onnx").write_bytes(network(rank).model)
    assert main(["video", "model.onnx", "clip.mp4", "--preprocess", "raw", "--jsonl", "out.jsonl"]) == 2
    err = capsys.readouterr().err
    assert f"MODEL: expected a model of images; got one of {kind}, input (" in err
    assert "Explain signals, volumes and whole clips by `fastcam explain`" in err
    assert not os.path.exists("out.jsonl")
