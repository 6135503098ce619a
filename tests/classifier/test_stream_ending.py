"""Nothing is left running when a stream ends, however it ends: by errors, early, forgotten, or by Ctrl-C."""

import gc
import threading
import time

import numpy as np
import pytest

import fastcam
from fastcam.arrays.threads import begin
from fastcam.classifier.pipeline import Pipeline
from fastcam.classifier.stream import open_stream
from tests.classifier.streams import SMALL, frames

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture(scope="module")
def explanation(model):
    return model.explain(np.zeros((32, 32, 3), np.uint8))


def test_what_the_source_raises_comes_after_its_frames(model):
    def source():
        yield from frames(3)
        raise OSError("camera unplugged")

    got = []
    with pytest.raises(OSError, match="camera unplugged") as error, model.stream(source()) as stream:
        got.extend(stream)
    assert len(got) == 3
    assert "in place of frame 3" in error.value.__notes__[0]


@pytest.mark.parametrize(
    "wrong", ["no frame", np.zeros((4, 4, 3, 1), np.uint8), np.full((4, 4, 3), 2, np.float32), None]
)
def test_a_frame_that_is_none(model, wrong):
    given = frames(4)
    got = []
    with pytest.raises(fastcam.InputError, match="frame 2: "), model.stream([*given[:2], wrong, given[3]]) as stream:
        got.extend(stream)
    assert len(got) == 2


def test_errors_of_other_kinds_name_the_frame():
    def work(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error:
        next(open_stream(work, [1], **SMALL))
    assert "frame 0 of a stream" in error.value.__notes__[0]


def test_the_end_of_the_interpreter_is_no_end_of_the_frames():
    pipeline = Pipeline(lambda frame, *_: frame, every=1, workers=1, queue=2, drop=False)
    pipeline.put(0)
    pipeline.cut()
    with pytest.raises(SystemExit):  # which ends threads silently
        begin(pipeline.take, name="takes").result()
    with pytest.raises(fastcam.InputError, match="the interpreter ends, and has ended the stream's threads"):
        pipeline.take()
    pipeline.stop()


def test_a_source_that_failed_before_the_interpreter_ends_says_so():
    pipeline = Pipeline(lambda frame, *_: frame, every=1, workers=1, queue=2, drop=False)
    pipeline.end(OSError("camera unplugged"))
    pipeline.cut()
    with pytest.raises(OSError, match="camera unplugged"):
        pipeline.take()
    pipeline.stop()


def test_frames_that_were_taken_before_the_interpreter_ends_were_all():
    stream = open_stream(lambda frame, *_: 1 / frame, [0], **SMALL)
    with pytest.raises(ZeroDivisionError):
        next(stream)
    stream._pipeline.cut()  # closed before
    with pytest.raises(StopIteration):
        next(stream)


def test_stopping_early_ends_the_source(model):
    ended = threading.Event()

    def source():
        try:
            while True:
                yield from frames(2)
        finally:
            ended.set()

    with model.stream(source()) as stream:
        next(stream)
    assert ended.wait(5)
    with pytest.raises(StopIteration):
        next(stream)


def test_a_forgotten_stream_ends(model):
    def source():
        while True:
            yield from frames(2)

    stream = model.stream(source())
    next(stream)
    del stream


def test_interrupting_a_wait(explanation):
    """Ctrl-C arrives while the main thread waits for a result."""
    import _thread

    interrupted = threading.Event()

    def work(*_):
        interrupted.wait(5)
        return explanation

    def interrupt():
        _thread.interrupt_main()
        interrupted.set()

    timer = threading.Timer(0.2, interrupt)
    stream = open_stream(work, iter(range(100)), **SMALL)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    timer.join()


def test_a_stream_that_is_let_go_of_inside_its_own_source(explanation):
    """The garbage collector may find it on any of its threads, even with its lock held; none may wait for itself."""
    held = []

    class Moment(float):
        def __float__(self):
            held.clear()  # the last reference
            gc.collect()
            return 0.0

    def source():
        yield 0
        for k in range(1, 50):
            time.sleep(0.02)
            yield k, Moment(k)

    held.append(open_stream(lambda *_: explanation, source(), **SMALL))
    next(held[0])
