"""Limits on what an unknown model may take while it is looked at: time and memory."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any

import onnxruntime as ort

from fastcam.errors import ModelError

SECONDS = 8.0  # for all runs of one discovery, and one more for each of these bytes of the model
BYTES_A_SECOND = 32 << 20
VALUES_A_SECOND = 1 << 16  # and for so many values of a volume, which weights meet more often than those of an image
BUSY_FACTOR = 4  # times as long, where others have the processors
HEAD_FILE = (
    "If the model is meant to be that large, find its head on another machine and load it with head=Head.load(file)"
)
MEMORY = 4 << 30  # that the process may grow by meanwhile, and four times the model's bytes


class Watch:
    """A watch that ends runs of ONNX Runtime, and the opening of sessions, beyond the limits of a model of that size.

    A context manager, whose clock starts anew each time it is entered; hand `options` to every run within it, and
    `guard` the options of sessions.

    Parameters
    ----------
    size
        Bytes of the model.
    values
        Values of a volume that it runs on; 0 of other network inputs.
    session_options
        Those of the caller, for a model with operators of his own: nobody else can open it, or a part of it.
    task, advice
        What takes so long, and what the caller may do, for messages.

    Raises
    ------
    ModelError
        From `check`: the limit was met.
    """

    def __init__(
        self,
        name: str,
        size: int = 0,
        session_options: ort.SessionOptions | None = None,
        *,
        values: int = 0,
        task: str = "looking for the head",
        advice: str = HEAD_FILE,
    ) -> None:
        self.options = ort.RunOptions()
        self.session_options = session_options
        self.name, self._task, self._advice = name, task, advice
        self._seconds = SECONDS + size / BYTES_A_SECOND + values / VALUES_A_SECOND
        self._memory = MEMORY + 4 * size
        self._sessions: list[Any] = []
        self._exceeded = ""
        self._over = threading.Event()
        self._thread = threading.Thread()

    def guard(self, options: ort.SessionOptions) -> None:
        """Let the opening of a session be ended as well, where this ONNX Runtime can."""
        self._sessions.append(options)

    def check(self) -> None:
        """Raise an error if the limit was met."""
        if self._exceeded:
            raise ModelError(f"{self.name}: {self._task} took {self._exceeded}, and was given up. {self._advice}")

    def __enter__(self) -> Watch:
        self._over.clear()
        self._thread = threading.Thread(target=self._run, name="fastcam watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        started, worked, before = time.monotonic(), time.process_time(), _resident()
        while not self._over.wait(0.02):
            elapsed, work = time.monotonic() - started, time.process_time() - worked
            if elapsed > self._seconds and (work > self._seconds or elapsed > BUSY_FACTOR * self._seconds):
                self._exceeded = f"more than {self._seconds:.0f} s"
            elif _resident() - before > self._memory:
                self._exceeded = f"more than {self._memory >> 20} MB of memory"
            if self._exceeded:
                self.options.terminate = True
                for options in self._sessions:
                    if hasattr(options, "set_load_cancellation_flag"):
                        options.set_load_cancellation_flag(True)
                return


def _resident() -> int:
    """Return the bytes of memory that the process has now; elsewhere than on Linux its peak; 0 on Windows."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * 4096
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
