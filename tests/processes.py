"""Processes of `fastcam` that start at once: each is forked from one that has imported everything and loaded the kernels.

They end by the interpreter's own end, as any Python does, and get signals. Tests of the start begin a new interpreter.
"""

import functools
import gc
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "import sys; from fastcam.cli import main; sys.exit(main(sys.argv[1:]))"
TEMPLATE = "from tests import processes; processes.load(); exec(processes.next_code(), {'__name__': '__main__'})"
PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
NUMBER = 16  # bytes of a number in a pipe
KERNELS = ("preprocess", "preprocess_antialiased", "activation_maps", "find_boxes", "heatmaps", "overlay", "paint")


class Process:
    """A process that runs the command line, or other Python code; a part of `subprocess.Popen`.

    Parameters
    ----------
    arguments
        Those of the command line.
    code
        What runs in place of it.
    cwd
        The working directory; None: the current one.
    stdin, stdout, stderr
        PIPE, DEVNULL or an open file's number.
    text
        Whether pipes are of text.
    """

    def __init__(
        self,
        *arguments: object,
        code: str = COMMAND,
        cwd: Path | None = None,
        stdin: int = DEVNULL,
        stdout: int = PIPE,
        stderr: int = PIPE,
        text: bool = False,
    ) -> None:
        self.returncode: int | None = None
        given = (("wb", stdin), ("rb", stdout), ("rb", stderr))
        theirs, own = zip(*(_ends(mode, kind) for mode, kind in given), strict=True)
        news, end = os.pipe()
        request = {"code": code, "arguments": [*map(str, arguments)], "cwd": str(cwd or Path.cwd())}
        socket.send_fds(_template()[0], [json.dumps(request).encode()], [*theirs, end])
        self._news = open(news, "rb", buffering=0)  # noqa: SIM115
        os.close(end)
        for number, (_, kind) in zip(theirs, given, strict=True):
            if kind in (PIPE, DEVNULL):
                os.close(number)
        self.pid = int(self._news.read(NUMBER))
        files: list[Any] = [number and os.fdopen(number, mode) for number, (mode, _) in zip(own, given, strict=True)]
        streams: list[Any] = [io.TextIOWrapper(file) if file and text else file for file in files]
        self.stdin, self.stdout, self.stderr = streams

    def poll(self) -> int | None:
        """Return the status; None while the process runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the status once the process has ended; -N after signal N."""
        if self.returncode is None:
            if not select.select([self._news], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("fastcam", timeout or 0)
            self.returncode = int(self._news.read(NUMBER))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, given: Any = None, timeout: float = 60) -> tuple[Any, Any]:
        """Write the input, read what the pipes have, and wait for the end; for inputs and outputs that pipes can hold."""
        if self.stdin:
            self.stdin.write(given)
            self.stdin.close()
        read = [file.read() if file else None for file in (self.stdout, self.stderr)]
        self.wait(timeout)
        return read[0], read[1]

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.send_signal(signal.SIGKILL)
        self.wait()
        for file in filter(None, (self.stdin, self.stdout, self.stderr, self._news)):
            with suppress(BrokenPipeError):
                file.close()


def _ends(mode: str, kind: int) -> tuple[int, int | None]:
    """Return the numbers of the process's end of a stream, and of the test's."""
    if kind == PIPE:
        readable, writable = os.pipe()
        return (readable, writable) if mode == "wb" else (writable, readable)
    return (os.open(os.devnull, os.O_RDWR) if kind == DEVNULL else kind), None


@functools.cache
def _template() -> tuple[socket.socket, Any]:
    """Start the process that others are forked from. It ends when the socket is closed."""
    own, theirs = socket.socketpair()
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", TEMPLATE]  # of 3.12: fork beside threads
    with theirs:
        process = subprocess.Popen(command, cwd=ROOT, stdin=theirs.fileno(), stdout=DEVNULL, start_new_session=True)
    return own, process


# ---- in the process that others are forked from ----------------------------------------------------------------------


def load() -> None:
    """Import what commands import, and load the kernels."""
    from importlib import import_module

    from fastcam.kernels import cpu

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as the command has it; its thread wouldn't be in a fork
    for name in ("cli", "serve", "classifier.classifier", "classifier.steady", "export.baked_model", "export.overlays"):
        import_module(f"fastcam.{name}")
    for name in ("onnx", "onnxruntime", "PIL.Image"):
        import_module(name)
    for name in KERNELS:
        cpu.load(name)
    gc.freeze()  # so that the end of a fork has little to look through


def next_code() -> str:
    """Fork a process for each request, and return in that process the code that it runs."""
    requests = socket.socket(fileno=os.dup(0))
    while True:
        request, given, *_ = socket.recv_fds(requests, 2**20, 4)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            break
        for number in given:
            os.close(number)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    requests.close()
    if pid := os.fork():
        _report(pid, given)
    for number, theirs in enumerate(given[:3]):
        os.dup2(theirs, number)
    for number in given:
        os.close(number)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    made = json.loads(request)
    os.chdir(made["cwd"])
    sys.argv[1:] = made["arguments"]
    sys.path.insert(0, str(ROOT))
    return made["code"]


def _report(pid: int, given: list[int]) -> NoReturn:
    """Write a process's number, and its status once it has ended; then end."""
    for number in given[:3]:
        os.close(number)
    os.write(given[3], b"%*d" % (NUMBER, pid))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(given[3], b"%*d" % (NUMBER, status))
    os._exit(0)
