"""Commands that end by Ctrl-C or a signal: whole files stay, nothing else, and the status shows the signal."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from fastcam.cli import main
from tests.model.models import classifier
from tests.processes import Process
from tests.signals import ENDINGS
from tests.waiting import until


def begun(folder, *arguments) -> Process:
    """Start a command in a process of its own."""
    return Process(*arguments, cwd=folder, text=True)


@pytest.mark.parametrize("number", ENDINGS)
def test_bake_leaves_nothing(shared, tmp_path, number):
    model = shared / "models" / "mobilenet_v2_1.0_224_nchw_gemm.onnx"
    (tmp_path / "out.onnx").write_bytes(b"before")
    with begun(tmp_path, "bake", model, "-o", "out.onnx", "--force", "--method", "gradcam") as process:
        until(lambda: list(tmp_path.glob(".*.part")))
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + number, "", "")
    assert os.listdir(tmp_path) == ["out.onnx"]
    assert (tmp_path / "out.onnx").read_bytes() == b"before"


def test_serve_ends(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    with begun(tmp_path, "serve", "model.onnx", "--port", "0") as process:
        assert "http://127.0.0.1:" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        assert process.stderr.read() == ""


def test_a_signal_that_comes_twice_at_once_is_one(tmp_path):
    """`timeout` and shells send a signal twice; the second one would interrupt the clean-up."""
    code = (
        "import os, signal, sys, time\n"
        "from fastcam.cli.interrupts import Interrupted, signals_interrupt\n"
        "with signals_interrupt():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)\n"
        "    except Interrupted:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(1.1); print('tidy', flush=True)\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)\n"
        "    except Interrupted as again:\n"
        "        print(again)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.split() == ["tidy", "SIGTERM"]


def test_a_signal_inside_a_finaliser_is_not_lost():
    """Python drops exceptions in a finaliser; a service manager would wait until it kills the process."""
    code = (
        "import os, signal, time\n"
        "from fastcam.cli.interrupts import Interrupted, signals_interrupt\n"
        "class Dying:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)\n"
        "try:\n"
        "    with signals_interrupt():\n"
        "        Dying()\n"
        "        time.sleep(10)\n"
        "except Interrupted as again:\n"
        "    print(again)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=9, check=True)
    assert (found.stdout, found.stderr) == ("SIGTERM\n", "")


def test_handlers_of_a_program_that_calls_a_command_stay(tmp_path, capsys):
    (tmp_path / "model.onnx").write_bytes(classifier())
    arguments = ["inspect", str(tmp_path / "model.onnx")]

    def mine(*_):
        pass

    for handler in (signal.SIG_DFL, signal.SIG_IGN, mine):
        before = signal.signal(signal.SIGTERM, handler)
        try:
            assert main(arguments) == 0
            assert signal.getsignal(signal.SIGTERM) is handler
        finally:
            signal.signal(signal.SIGTERM, before)
    thread = threading.Thread(target=main, args=(arguments,))  # no handlers in other threads
    thread.start()
    thread.join()
    assert capsys.readouterr().out.count("\nsha256 ") == 4


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_nohup(tmp_path):
    """A process that was started to ignore the end of its terminal goes on."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    ignoring = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from fastcam.cli import main; sys.exit(main(sys.argv[1:]))"
    with Process("serve", "model.onnx", "--port", "0", code=ignoring, cwd=tmp_path, text=True) as process:
        process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.wait(30)
