"""`fastcam serve` as a process of its own."""

import http.client
import json
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import pytest

import fastcam
from fastcam.cli import main
from fastcam.serve import Server
from tests.model.models import classifier
from tests.processes import Process

WAIT = 30


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    return tmp_path / "model.onnx"


@pytest.fixture
def serving():
    """Start the command, and return its process and port; the process is killed if the test doesn't end it."""

    def start(*arguments):
        process = stack.enter_context(Process("serve", *arguments, "--port", "0", "--preprocess", "unit", text=True))
        line = process.stderr.readline()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)\n", line)
        assert found, line + process.stderr.read()
        return process, int(found[1])

    with ExitStack() as stack:
        yield start


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request("GET", path)
    with connection.getresponse() as answer:
        data = answer.read()
    connection.close()
    assert answer.status == 200, data
    return data


def interrupt(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out, err) == (130, "", "")


def test_it_serves_photos_until_it_is_interrupted(serving, path):
    process, port = serving(path)
    assert b"<h1>fastcam</h1>" in ask(port, "/")
    assert json.loads(ask(port, "/model.json"))["live"] is False
    interrupt(process)


def test_a_browser_that_is_connected_does_not_hold_it_up(serving, path):
    process, port = serving(path)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request("GET", "/")
    connection.getresponse().read()
    interrupt(process)
    connection.close()


def test_a_port_that_is_taken(path, capsys):
    with Server(fastcam.load(path)) as server:
        port = server.url.split(":")[-1].strip("/")
        assert main(["serve", str(path), "--port", port]) == 2
    expected = f"fastcam serve: error: port: expected one that is free; got {port} (Address already in use)"
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.onnx"], "none.onnx: no such file"),
        (["--port", "70000"], "port: expected 0 to 65535; got 70000"),
        (["--loop"], "--loop: expected with a video file as SOURCE; got none"),
    ],
)
def test_bad_options(path, capsys, arguments, message):
    arguments = arguments if arguments[0].endswith(".onnx") else [str(path), *arguments]
    assert main(["serve", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


# ---- videos ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path):
    """Ten frames, half a second."""
    av = pytest.importorskip("av", reason="no PyAV: pip install 'fastcam[video]'")
    pytest.importorskip("fastcam.video")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(10):
            pixels = np.full((48, 64, 3), 20 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return tmp_path / "clip.mp4"


def until(port, condition):
    end = time.monotonic() + WAIT
    while not condition(state := json.loads(ask(port, "/live.json"))):
        assert time.monotonic() < end, state
        time.sleep(0.02)
    return state


def test_a_video_is_played_to_its_end(serving, path, clip):
    began = time.monotonic()
    process, port = serving(path, clip)
    state = until(port, lambda state: state["state"] == "ended")
    assert time.monotonic() - began >= 0.45  # at its own speed
    assert (state["frame"], state["seconds"], state["error"]) == (9, pytest.approx(0.45), None)
    interrupt(process)


def test_a_video_may_begin_again(serving, path, clip):
    process, port = serving(path, clip, "--loop")
    state = until(port, lambda state: (state["frame"] or 0) >= 25)
    assert (state["state"], state["seconds"] < 0.5) == ("playing", True)
    interrupt(process)


def test_bad_sources(path, clip, capsys, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for name, message in (("none.mp4", "none.mp4"), ("text.mp4", "text.mp4")):
        assert main(["serve", str(path), str(tmp_path / name)]) == 2
        assert message in capsys.readouterr().err


def test_a_source_needs_its_extra(path, clip):
    code = (
        "import sys; sys.modules['av'] = None; from fastcam.cli import main; "
        f"raise SystemExit(main(['serve', {str(path)!r}, {str(clip)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "fastcam[video]" in done.stderr
    assert "Traceback" not in done.stderr
