"""Ways of ending a process while streams are open, and the campaign over them: `python -m tests.classifier.exiting [RUNS [WAY ...]]`."""

import signal
import subprocess
import sys
import time
from typing import NamedTuple

from tests.processes import Process
from tests.waiting import WAIT

OPEN = """
import asyncio, itertools, os, signal, sys, threading, time
from importlib.resources import files
import numpy as np
import fastcam

frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)

def load():
    return fastcam.load(files("fastcam.data") / "squeezenet1_1.onnx", preprocess="caffe-bgr")

def endless():
    return itertools.repeat(frame)

async def endless_async():
    while True:
        yield frame
        await asyncio.sleep(0)

"""


class Way(NamedTuple):
    """A way to end a process, and its status; `before`: code that runs before fastcam is imported."""

    code: str
    status: int
    is_interactive: bool = False
    before: str = ""
    is_new: bool = (
        False  # whether the process has to begin as a new interpreter: imports and exit handlers in their order
    )


WAYS = {
    "break": Way("for pair in load().stream(endless()): break", 0),
    "error": Way("for pair in load().stream(endless()): raise OSError('no disk')", 1),
    "exit": Way("for pair in load().stream(endless()): sys.exit(7)", 7),
    "ctrl-c": Way("for pair in load().stream(endless()): os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    "ctrl-c twice": Way(
        """
        stream = load().stream(endless())
        next(stream)
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
        os.kill(os.getpid(), signal.SIGINT)
        """,
        -signal.SIGINT,
    ),
    "four streams": Way(
        """
        model = load()
        streams = [model.stream(endless(), workers=2) for _ in range(4)]
        for stream in streams:
            next(stream)
        sys.exit(7)
        """,
        7,
    ),
    "never taken": Way("stream = load().stream(endless()); time.sleep(0.1); sys.exit(7)", 7),
    "steady": Way(
        """
        from fastcam.classifier.steady import Steady
        for pair in load().stream(endless(), steady=Steady()): sys.exit(7)
        """,
        7,
    ),
    "by gradients": Way("for pair in load().stream(endless(), method='layercam'): sys.exit(7)", 7),
    "blocked source": Way(
        """
        def blocked():
            yield frame
            threading.Event().wait()
        for pair in load().stream(blocked()): sys.exit(7)
        """,
        7,
    ),
    "failing thread": Way(
        """
        def fail():
            for pair in load().stream(endless()): raise OSError('no disk')
        threading.Thread(target=fail).start()
        """,
        0,
    ),
    "daemon thread": Way(
        """
        first = threading.Event()
        def consume():
            for pair in load().stream(endless()): first.set()
            os._exit(1)  # as though there were no more frames
        threading.Thread(target=consume, daemon=True).start()
        first.wait()
        sys.exit(7)
        """,
        7,
    ),
    "daemon thread with a loop": Way(
        """
        first = threading.Event()
        async def consume():
            async for pair in load().stream(endless()): first.set()
            os._exit(1)
        threading.Thread(target=lambda: asyncio.run(consume()), daemon=True).start()
        first.wait()
        sys.exit(7)
        """,
        7,
    ),
    "exit handler": Way(
        """
        import atexit
        def finish():
            os._exit(7 if sum(1 for pair in stream) == 5 else 1)
        atexit.register(finish)  # before anything of fastcam is used
        stream = load().stream([frame] * 6)
        next(stream)
        """,
        7,
        is_new=True,
    ),
    "exit handler of before the import": Way(
        """
        model = load()
        stream = model.stream([frame] * 6)
        next(stream)
        """,
        7,
        is_new=True,
        before="""
        import atexit
        def finish():
            for frames in (stream, model.stream([frame])):
                try:
                    next(frames)
                except fastcam.InputError as error:
                    assert "registered after `import fastcam`" in str(error)
                else:
                    os._exit(1)
            os._exit(7)
        atexit.register(finish)
        """,
    ),
    "daemon thread without a stream": Way(
        """
        model, first = load(), threading.Event()
        def explain():
            while True:
                model.explain(frame)
                first.set()
        threading.Thread(target=explain, daemon=True).start()
        first.wait()
        sys.exit(7)
        """,
        7,
    ),
    "after the main thread": Way(
        """
        def consume():
            model = load()
            for k, pair in enumerate(model.stream(endless())):
                if k == 5:
                    os._exit(7)
        threading.Thread(target=consume).start()
        """,
        7,
    ),
    "async": Way(
        """
        async def main():
            async for pair in load().stream(endless()): break
            sys.exit(7)
        asyncio.run(main())
        """,
        7,
    ),
    "async source": Way(
        """
        async def main():
            async for pair in load().stream(endless_async()): sys.exit(7)
        asyncio.run(main())
        """,
        7,
    ),
    "loop that stops": Way(
        """
        async def consume():
            async for pair in load().stream(endless()):
                loop.call_soon(loop.stop)
        loop = asyncio.new_event_loop()
        task = loop.create_task(consume())
        loop.run_forever()
        sys.exit(7)
        """,
        7,
    ),
    "interactive": Way(
        "stream = load().stream(endless()); pair = next(stream); sys.exit(7)", 7, is_interactive=True, is_new=True
    ),
    "inherited by a child": Way(
        """
        import multiprocessing
        model = load()
        stream = model.stream(endless())
        next(stream)
        def child():
            global model, stream
            try:
                next(stream)
            except fastcam.InputError as error:
                assert "forked" in str(error)
                del model, stream
                sys.exit(3)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        sys.exit(7 if process.exitcode == 3 else 1)
        """,
        7,
    ),
    "child of multiprocessing": Way(
        """
        import multiprocessing
        def child():
            for pair in load().stream(endless()): sys.exit(3)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        stream = load().stream(endless())
        next(stream)
        sys.exit(7 if process.exitcode == 3 else 1)
        """,
        7,
    ),
    "spawned child": Way(
        """
        import multiprocessing
        from tests.classifier import exiting
        process = multiprocessing.get_context("spawn").Process(target=exiting.leave, args=(3,))
        process.start()
        process.join()
        sys.exit(7 if process.exitcode == 3 else process.exitcode)
        """,
        7,
        is_new=True,
    ),
    "served": Way(
        """
        from fastcam.serve import Server
        server = Server(load(), endless())
        while server._live.newest() is None: time.sleep(0.01)
        sys.exit(7)
        """,
        7,
    ),
}


def leave(status: int) -> None:
    """End this process with a status while a stream is open."""
    exec(OPEN + f"for pair in load().stream(endless()): sys.exit({status})", {"__name__": "child"})


def end(way: Way) -> tuple[int, str]:
    """Return the status with which a process ends that way, and its stderr; -SIGKILL where it doesn't end."""
    code = _unindented(way.before) + OPEN + _unindented(way.code)
    arguments = ["-q", "-i", "-c", OPEN] if way.is_interactive else ["-c", code]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", *arguments]  # of 3.12: fork beside threads
    given = way.code if way.is_interactive else None
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=12 * WAIT, check=False)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL, "it didn't end"
    return done.returncode, done.stderr


def end_forked(way: Way) -> tuple[int, str]:
    """Return the same of a process that starts at once: see `tests.processes`."""
    with Process(code=_unindented(way.before) + OPEN + _unindented(way.code), text=True) as process:
        try:
            process.wait(12 * WAIT)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL, "it didn't end"
        return process.wait(), process.stderr.read()


def _unindented(code: str) -> str:
    return "\n".join(line.removeprefix(" " * 8) for line in code.splitlines())


def main(runs: int, names: list[str]) -> int:
    """End processes `runs` times in each way, or in the named ones; print how often the status was right."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell in the background has ignored
    wrong = 0
    for name in names or WAYS:
        way, began = WAYS[name], time.monotonic()
        ends = [end(way) for _ in range(runs)]
        others = [f"{status}: {said.strip()[-200:]}" for status, said in ends if status != way.status]
        wrong += len(others)
        print(f"{name}: {runs - len(others)} of {runs}, {time.monotonic() - began:.0f} s", *others, sep="\n  ")
    total = runs * len(names or WAYS)
    print(f"{total - wrong} of {total}")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main(int((sys.argv[1:] or [30])[0]), sys.argv[2:]))
