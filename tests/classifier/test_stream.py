"""Streams: every frame in order, in bounded memory, the newest where some are left out; and what is refused."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

import fastcam
from fastcam.classifier.stream import open_stream
from tests.classifier.streams import SMALL, frames

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture(scope="module")
def explanation(model):
    return model.explain(np.zeros((32, 32, 3), np.uint8))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_frame_in_order_and_as_by_itself(model, workers):
    given = frames(20)
    with model.stream(iter(given), top=3, workers=workers) as stream:
        got = list(stream)
    assert all(frame is expected for (frame, _), expected in zip(got, given, strict=True))
    for k, (frame, found) in enumerate(got):
        alone = model.explain(frame, top=3)
        assert (found.frame_index, found.timings.keys()) == (k, {"waiting", *alone.timings})
        assert min(found.timings.values()) >= 0
        for name in ("class_index", "logits", "activation_maps"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
        np.testing.assert_array_equal(found.boxes.xyxy, alone.boxes.xyxy)
    assert [found.timestamp for _, found in got] == sorted(found.timestamp for _, found in got)


def test_time_stamps_of_the_source(model):
    given = [(frame, 0.04 * k) for k, frame in enumerate(frames(3))]
    with model.stream(given) as stream:
        assert [(found.frame_index, found.timestamp) for _, found in stream] == [(0, 0.0), (1, 0.04), (2, 0.08)]


def test_every_third_frame(model):
    with model.stream(frames(8), every=3) as stream:
        assert [found.frame_index for _, found in stream] == [0, 0, 0, 3, 3, 3, 6, 6]


def test_number_and_time_of_a_frame_that_is_not_explained(model):
    given = [(frame, 0.5 * k) for k, frame in enumerate(frames(4))]
    with model.stream(given, every=3) as stream:
        assert stream.frame_index is None
        got = [(stream.frame_index, stream.timestamp, found.frame_index) for _, found in stream]
    assert got == [(0, 0.0, 0), (1, 0.5, 0), (2, 1.0, 0), (3, 1.5, 3)]


def test_no_frames(model):
    with model.stream([]) as stream:
        assert list(stream) == []
    assert next(stream, None) is None


def test_the_source_waits_for_a_slow_consumer(explanation):
    """At most `queue` frames wait, each worker has one, and `queue` results more than that wait to be taken."""
    read = []

    def source():
        for k in range(1000):
            read.append(k)
            yield k

    with open_stream(lambda *_: explanation, source(), **SMALL) as stream:
        for taken in range(5):
            next(stream)
            time.sleep(0.05)
            assert len(read) <= taken + 1 + 2 + 2 + 2 + 1  # and one is in the source's hand
    assert len(read) < 20


def test_frames_are_let_go(explanation):
    class Frame:
        pass

    alive = weakref.WeakSet()

    def source():
        for _ in range(200):
            frame = Frame()
            alive.add(frame)
            yield frame
            del frame

    most = 0
    with open_stream(lambda *_: explanation, source(), **SMALL) as stream:
        for _ in stream:
            most = max(most, len(alive))
    gc.collect()
    assert most <= 12


def test_the_newest_frames_win(explanation):
    begun = threading.Event()

    def source():
        for k in range(50):
            yield k
            if k == 0:
                begun.wait()  # the worker has the first; all others come at once

    def work(*_):
        begun.set()
        time.sleep(0.1)
        return explanation

    with open_stream(work, source(), every=1, workers=1, queue=2, drop="oldest") as stream:
        got = [frame for frame, _ in stream]
        assert got[0] == 0
        assert got[-2:] == [48, 49]
        assert got == sorted(got)
        assert stream.dropped == 50 - len(got) > 40


def test_every_second_of_those_that_are_left(explanation):
    """The first that is taken is explained, though it may not be the first of the source."""

    def source():
        yield from range(30)

    with open_stream(lambda *_: explanation, source(), every=2, workers=1, queue=1, drop="oldest") as stream:
        assert all(found is not None for _, found in stream)


def test_four_streams_of_one_classifier(model):
    given, results = frames(12), {}

    def run(name):
        with model.stream(given, workers=2) as stream:
            results[name] = [found.logits for _, found in stream]

    threads = [threading.Thread(target=run, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = [model.explain(frame).logits for frame in given]
    for name in range(4):
        np.testing.assert_array_equal(results[name], alone)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"every": 0}, "every: expected a whole number of 1 or more; got 0"),
        ({"workers": 1.5}, "workers: expected a whole number"),
        ({"queue": True}, "queue: expected a whole number"),
        ({"drop": "newest"}, "drop: expected None or 'oldest'; got 'newest'"),
        ({"top": 0}, "top: expected 1 to 10"),
        ({"convention": "x"}, "convention: expected one of"),
        ({"class_index": [[1], [2]]}, "class_index: expected one row for each of 1 images"),
    ],
)
def test_options_that_are_refused_at_once(model, options, match):
    with pytest.raises(fastcam.InputError, match=match):
        model.stream([], **options)


@pytest.mark.parametrize("wrong", [7, "clip.mp4", np.zeros((3, 4, 4, 3), np.uint8)])
def test_frames_that_can_not_be_iterated_over(model, wrong):
    with pytest.raises(fastcam.InputError, match="frames: expected an iterable of"):
        model.stream(wrong)


@pytest.mark.parametrize("timestamp", [None, "x", float("nan"), float("inf")])
def test_times_that_are_none(model, timestamp):
    given = frames(3)
    with model.stream([given[0], (given[1], timestamp), given[2]]) as stream:
        next(stream)
        with pytest.raises(
            fastcam.InputError, match="frame 1: timestamp: expected seconds, a finite number; got"
        ) as error:
            next(stream)
    assert not hasattr(error.value, "__notes__")
