"""Frames of other libraries go into a stream as they are, and times along with them."""

import asyncio

import numpy as np
import pytest

import fastcam
from fastcam import video
from tests.model.models import classifier

av = pytest.importorskip("av", reason="the extra `video` isn't installed")
cv2 = pytest.importorskip("cv2", reason="OpenCV isn't installed")
from tests.video.videos import make, pictures  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return fastcam.load(classifier(), threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video without loss, so that all decoders agree."""
    return make(tmp_path_factory.mktemp("interop") / "clip.mkv", pictures(10, 50, 60), "ffv1", "bgr0")


@pytest.fixture(scope="module")
def expected(model):
    return [model.explain(frame) for frame in pictures(10, 50, 60)]


def assert_equal(got, expected):
    for found, one in zip(got, expected, strict=True):
        np.testing.assert_array_equal(found.logits, one.logits)
        np.testing.assert_array_equal(found.boxes.xyxy, one.boxes.xyxy)


def test_opencv_in_and_out(model, clip, expected, tmp_path):
    """Frames of OpenCV are BGR: views with the channels turned are read in place."""
    capture = cv2.VideoCapture(str(clip))

    def frames():
        while True:
            is_there, bgr = capture.read()
            if not is_there:
                return
            yield bgr[..., ::-1], capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    sink = cv2.VideoWriter(str(tmp_path / "out.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 25, (60, 50))
    got = []
    with model.stream(frames()) as stream:
        for frame, found in stream:
            assert frame.base is not None  # a view still
            got.append(found)
            sink.write(np.ascontiguousarray(fastcam.overlay(frame, found)[..., ::-1]))
    sink.release()
    assert_equal(got, expected)
    assert [round(25 * found.timestamp) for found in got] == list(range(10))
    with video.read(tmp_path / "out.avi") as written:
        for (frame, _), given, found in zip(written, pictures(10, 50, 60), expected, strict=True):
            difference = np.abs(frame.astype(int) - fastcam.overlay(given, found))
            assert np.median(difference) <= 3  # OpenCV stores FFV1 with fewer colours than pixels


def test_opencv_without_turning_its_channels_is_something_else(model, clip, expected):
    _, bgr = cv2.VideoCapture(str(clip)).read()
    assert np.abs(model.explain(bgr).logits - expected[0].logits).max() > 1e-3


def test_pyav_by_hand(model, clip, expected):
    with (
        av.open(str(clip)) as file,
        model.stream((picture.to_ndarray(format="rgb24"), picture.time) for picture in file.decode(video=0)) as stream,
    ):
        got = [found for _, found in stream]
    assert_equal(got, expected)
    assert [found.timestamp for found in got] == [k / 25 for k in range(10)]


def test_own_reader(model, clip, expected):
    with video.read(clip) as frames, model.stream(frames) as stream:
        got = [found for _, found in stream]
    assert_equal(got, expected)
    assert frames.has_ended
    assert [found.timestamp for found in got] == [k / 25 for k in range(10)]


def test_own_reader_under_an_event_loop(model, clip, expected):
    """Decoding and inference are threads' work: the loop is free meanwhile."""

    async def collect():
        turns = 0

        async def tick():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        with video.read(clip) as frames:
            async with model.stream(frames) as stream:
                got = [found async for _, found in stream]
        ticking.cancel()
        return got, turns

    got, turns = asyncio.run(collect())
    assert_equal(got, expected)
    assert turns > len(got)


def test_an_asynchronous_camera(model, expected):
    """An asynchronous source, such as a web socket or a queue that somebody else fills."""

    async def collect():
        queue = asyncio.Queue(maxsize=2)

        async def fill():
            for k, frame in enumerate(pictures(10, 50, 60)):
                await queue.put((frame, 0.1 * k))
            await queue.put(None)

        async def frames():
            while (given := await queue.get()) is not None:
                yield given

        filling = asyncio.create_task(fill())
        async with model.stream(frames()) as stream:
            got = [found async for _, found in stream]
        await filling
        return got

    got = asyncio.run(collect())
    assert_equal(got, expected)
    assert [found.timestamp for found in got] == [0.1 * k for k in range(10)]
