"""Network inputs of frames on a device, held to the CPU's, to the bit."""

from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import NAMED, preprocess
from fastcam.images.regions import seen_region
from tests.cuda.device import HostDriver, on_host
from tests.images.frames import network_input, random_frame, whole

SIZES = [((21, 33), (9, 12)), ((5, 4), (13, 11)), ((1, 1), (3, 2)), ((12, 16), (6, 8)), ((70, 3), (2, 5))]
ways = pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialiased"])


def model_of(size, dtype: Any = np.float32, layout: Any = "NCHW", channels=3):
    return ImageInput("images", dtype, layout, 1, channels, size)


def equal(place, frame, *options, **named):
    """Return the network input of a NumPy array, which is put where the test runs."""
    got = network_input(place.put(frame), *options, engine="cuda", **named)
    np.testing.assert_array_equal(place.get(got), network_input(frame, *options, engine="cpu", **named))


@ways
@pytest.mark.parametrize(("source", "size"), SIZES)
def test_sizes(place, source, size, antialias):
    frame = random_frame(source)
    equal(place, frame, whole(frame), NAMED["imagenet"], model_of(size), antialias=antialias)


@ways
@pytest.mark.parametrize("fit", ["center-crop", "letterbox"])
def test_fits(place, fit, antialias):
    frame = random_frame((30, 41))
    region = seen_region((30, 41), (8, 9), fit, 0.875)
    equal(place, frame, region, preprocess("raw,fill=77"), model_of((8, 9)), antialias=antialias)


@ways
@pytest.mark.parametrize(
    "region", [(-9, -4, 50, 60), (40, 3, 60, 9), (-30, -30, -10, -20), (3, 30, 9, 31), (2, 3, 5, 7)]
)
def test_regions(one_place, region, antialias):
    equal(one_place, random_frame((30, 41)), region, preprocess("raw,fill=9"), model_of((6, 7)), antialias=antialias)


@ways
@pytest.mark.parametrize("name", ["imagenet", "caffe-bgr", "unit,channels=grey"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.uint8])
def test_dtypes_layouts_and_channels(one_place, name, layout, dtype, antialias):
    spec = preprocess(name)
    if dtype == np.uint8:
        spec = preprocess({"base": "raw", "channels": spec.channels})
    frame, channels = random_frame((17, 13)), 1 if spec.channels == "grey" else 3
    model = model_of((5, 6), dtype, layout, channels)
    equal(one_place, frame, whole(frame), spec, model, antialias=antialias)


@ways
def test_strides(one_place, antialias):
    """Views on the place, of an array that was put there whole."""
    frame = random_frame((20, 31))
    there = one_place.put(frame)
    for view in (
        lambda f: f[::-1, ::-1, ::-1],
        lambda f: f[3:11, 30:2:-2],
        lambda f: f.transpose(1, 0, 2),
        lambda f: f[..., :1].repeat(3, axis=2).transpose(1, 0, 2)[::-1],
    ):
        options = whole(view(frame)), NAMED["caffe-bgr"], model_of((7, 5))
        got = network_input(view(there), *options, antialias=antialias, engine="cuda")
        expected = network_input(view(frame), *options, antialias=antialias)
        np.testing.assert_array_equal(one_place.get(got), expected)


@ways
def test_a_buffer_is_filled(one_place, antialias):
    frame, model = random_frame((9, 9)), model_of((4, 4))
    out = one_place.put(np.zeros((1, 3, 4, 4), np.float32))
    there = one_place.put(frame)
    assert network_input(there, whole(frame), NAMED["unit"], model, antialias=antialias, out=out, engine="cuda") is out
    expected = network_input(frame, whole(frame), NAMED["unit"], model, antialias=antialias)
    np.testing.assert_array_equal(one_place.get(out), expected)


@ways
def test_no_thread_leaves_its_arrays_or_meets_another(antialias):
    frame = random_frame((15, 22))
    with on_host(HostDriver(race=True)) as host:
        for region in (whole(frame), (-5, -7, 30, 19)):
            for view in (frame, frame[::-1, ::-1, ::-1]):
                network_input(view, region, NAMED["unit"], model_of((7, 9)), antialias=antialias, engine="cuda")
        assert set(host.launched) == {"preprocess_antialiased" if antialias else "preprocess"}


@pytest.mark.gpu
def test_frames_of_the_host_for_the_engine_of_the_device():
    with pytest.raises(fastcam.InputError, match="engine: expected one for an array in the host's memory; got 'cuda'"):
        network_input(random_frame((4, 4)), (0, 0, 4, 4), NAMED["unit"], model_of((4, 4)), engine="cuda")
