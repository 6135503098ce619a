"""Streams of asynchronous sources, and in asynchronous loops."""

import asyncio

import pytest

import fastcam
from tests.classifier.streams import frames

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


def test_an_asynchronous_source(model):
    given = frames(6)

    async def source():
        for frame in given:
            await asyncio.sleep(0.001)
            yield frame

    async def collect():
        return [(frame, found) async for frame, found in model.stream(source())]

    got = asyncio.run(collect())
    assert all(frame is expected for (frame, _), expected in zip(got, given, strict=True))
    assert [found.frame_index for _, found in got] == list(range(6))


def test_an_asynchronous_source_that_fails_or_is_left(model):
    async def source():
        for frame in frames(3):
            yield frame
        raise OSError("connection lost")

    async def collect(most):
        got = []
        async with model.stream(source()) as stream:
            async for _ in stream:
                got.append(1)
                if len(got) == most:
                    break
        return len(got)

    assert asyncio.run(collect(2)) == 2
    with pytest.raises(OSError, match="connection lost"):
        asyncio.run(collect(10))


def test_either_kind_of_loop(model):
    async def source():
        yield frames(1)[0]

    async def collect(given):
        return [found.frame_index async for _, found in model.stream(given)]

    assert asyncio.run(collect(frames(3))) == [0, 1, 2]
    with (
        pytest.raises(fastcam.InputError, match="expected 'async for' over a stream whose source is asynchronous"),
        model.stream(source()) as stream,
    ):
        next(stream)
