"""Frames to network inputs in one pass, compared to OpenCV and to Pillow."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from PIL import Image

from fastcam.arrays.resampling import antialiased, linear
from fastcam.images import frames
from fastcam.images.frames import pillow_input
from fastcam.images.inputs import ImageInput
from fastcam.images.photos import read_photo
from fastcam.images.preprocessing import NAMED, Preprocess, preprocess
from fastcam.images.regions import seen_region, view_of, visible
from tests.images.frames import RAW, levels, model_of, network_input, random_frame, whole

SIZES = [
    ((37, 53), (11, 17)),
    ((11, 17), (37, 53)),
    ((1, 1), (5, 7)),
    ((1, 9), (4, 3)),
    ((9, 1), (3, 4)),
    ((60, 80), (30, 40)),
    ((60, 80), (60, 80)),
    ((61, 79), (1, 1)),
    ((2, 3), (224, 224)),
    ((480, 641), (97, 224)),
    ((300, 200), (299, 201)),
]


def by_opencv(frame, size):
    resized = cv2.resize(np.ascontiguousarray(frame), size[::-1], interpolation=cv2.INTER_LINEAR)
    return resized.reshape(*size, 3)


def by_pillow(frame, region, size, spec=RAW):
    return pillow_input(Image.fromarray(np.ascontiguousarray(frame)), region, spec, model_of(size))[0]


def within_a_level(got, expected):
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize("kind", ["noise", "extremes"])
@pytest.mark.parametrize(("source", "size"), SIZES)
def test_both_ways_of_other_libraries(source, size, kind, engine):
    frame = random_frame(source, kind=kind)
    plain = levels(frame, whole(frame), size, antialias=False, engine=engine)
    np.testing.assert_array_equal(plain, by_opencv(frame, size))
    smooth = levels(frame, whole(frame), size, antialias=True, engine=engine)
    within_a_level(smooth, by_pillow(frame, whole(frame), size))


@settings(max_examples=200)
@given(st.tuples(*[st.integers(1, 90)] * 2), st.tuples(*[st.integers(1, 90)] * 2), st.integers(0, 2**32))
def test_any_sizes(source, size, seed):
    frame = random_frame(source, seed, ("noise", "extremes")[seed % 2])
    np.testing.assert_array_equal(levels(frame, whole(frame), size, antialias=False), by_opencv(frame, size))
    within_a_level(levels(frame, whole(frame), size, antialias=True), by_pillow(frame, whole(frame), size))


@pytest.mark.parametrize(("source", "size"), [((1, 30_000), (1, 1)), ((5000, 2), (3, 2)), ((2, 9000), (2, 7))])
def test_frames_a_lot_larger_than_the_input(source, size):
    """Weights of thousands of pixels still sum up to one."""
    for frame in (random_frame(source), random_frame(source, kind="extremes"), np.full((*source, 3), 255, np.uint8)):
        within_a_level(levels(frame, whole(frame), size, antialias=True), by_pillow(frame, whole(frame), size))
    assert levels(frame, whole(frame), size, antialias=True).min() == 255


@settings(max_examples=200)
@given(st.data())
def test_any_regions(data):
    """Regions inside the frame, where Pillow uses pixels around them as well, and beyond it; of any engine."""
    height, width, *size = (data.draw(st.integers(1, 40)) for _ in range(4))
    frame, spec = random_frame((height, width), height), Preprocess(scale=1.0, fill=data.draw(st.integers(0, 255)))
    x0, y0 = data.draw(st.integers(-50, 50)), data.draw(st.integers(-50, 50))
    region = (x0, y0, x0 + data.draw(st.integers(1, 70)), y0 + data.draw(st.integers(1, 70)))
    model = model_of(size)
    within_a_level(network_input(frame, region, spec, model)[0], by_pillow(frame, region, size, spec))
    canvas = np.full((region[3] - y0, region[2] - x0, 3), spec.fill, np.uint8)
    seen = visible(region, (height, width))
    if seen[0] < seen[2] and seen[1] < seen[3]:
        part = frame[seen[1] : seen[3], seen[0] : seen[2]]
        canvas[seen[1] - y0 : seen[3] - y0, seen[0] - x0 : seen[2] - x0] = part
    plain = network_input(frame, region, spec, model, antialias=False)[0]
    np.testing.assert_array_equal(plain, by_opencv(canvas, tuple(size)))
    for antialias in (False, True):
        ours, slow = (
            network_input(frame, region, spec, model, antialias=antialias, engine=engine)
            for engine in ("cpu", "reference")
        )
        np.testing.assert_array_equal(ours, slow)


@settings(max_examples=200)
@given(st.data())
def test_any_views(data):
    """Resized whole and then cropped, with borders where it is smaller; or cut out first: as Pillow and OpenCV do it."""
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    size = (data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40)))
    frame, fill = random_frame((height, width), height), data.draw(st.integers(0, 255))
    resize = data.draw(st.one_of(st.none(), st.integers(1, 60), st.tuples(st.integers(1, 60), st.integers(1, 60))))
    fit = data.draw(st.sampled_from([{"fit": "resize-crop", "resize": resize}, {"fit": "crop-resize"}]))
    spec, model = Preprocess(scale=1.0, fill=fill, size=size, **fit), model_of(size)
    view = view_of((height, width), size, spec)
    x0, y0, x1, y1 = view.source
    cut = frame[y0:y1, x0:x1]
    for antialias in (False, True):
        ours, slow = (
            network_input(frame, view, spec, model, antialias=antialias, engine=engine)[0]
            for engine in ("cpu", "reference")
        )
        np.testing.assert_array_equal(ours, slow)
        if antialias:
            resized = np.asarray(Image.fromarray(cut).resize((view.size[1], view.size[0]), Image.Resampling.BILINEAR))
        else:
            resized = by_opencv(cut, view.size)
        expected = np.full((*size, 3), fill, np.uint8)
        left, top, right, bottom = visible(view.window, view.size)
        dx, dy = view.window[:2]
        expected[top - dy : bottom - dy, left - dx : right - dx] = resized[top:bottom, left:right]
        assert np.abs(ours.astype(int) - expected).max() <= antialias
    within_a_level(ours, by_pillow(frame, view, size, spec))


@pytest.mark.parametrize("fit", ["stretch", "center-crop", "letterbox"])
def test_photos(photos, fit):
    """Every fit of real photos, to 0.02 after ImageNet's normalisation: a level is 0.0175 or less."""
    spec, model = preprocess(f"imagenet,fit={fit},fill=114"), model_of((224, 224), np.float32, "NCHW")
    out = np.empty((1, 3, 224, 224), np.float32)
    for path in photos[::4]:
        photo = read_photo(path)
        region = seen_region((photo.height, photo.width), (224, 224), fit, spec.crop_fraction)
        got = network_input(np.asarray(photo), region, spec, model, out=out)
        assert got is out
        np.testing.assert_allclose(got, pillow_input(photo, region, spec, model), atol=0.02, rtol=0)
        if fit == "stretch":
            plain = levels(np.asarray(photo), region, (224, 224), antialias=False)
            np.testing.assert_array_equal(plain, by_opencv(np.asarray(photo), (224, 224)))


@pytest.mark.parametrize("interpolation", ["nearest", "lanczos", "bicubic", "box", "hamming"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_interpolations_that_only_pillow_has(interpolation, dtype):
    frame, model = random_frame((21, 33)), model_of((13, 10), dtype)
    spec = preprocess({"base": "raw", "channels": "bgr", "interpolation": interpolation})
    out = np.empty((1, 13, 10, 3), dtype)
    assert frames.network_input(frame[:, ::-1], (-4, 0, 30, 21), spec, model, out=out) is out
    expected = pillow_input(Image.fromarray(np.ascontiguousarray(frame[:, ::-1])), (-4, 0, 30, 21), spec, model)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialiased"])
@pytest.mark.parametrize("name", [*NAMED, "unit,channels=grey"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.uint8])
def test_values_dtypes_and_layouts(name, layout, dtype, antialias):
    """Pixels in 8 bits by this module, everything after by Pillow's way, equal to the bit."""
    spec = preprocess(name)
    if dtype == np.uint8:
        spec = preprocess({"base": "raw", "channels": spec.channels})
    frame = random_frame((31, 43))
    channels = 1 if spec.channels == "grey" else 3
    model = model_of((13, 10), dtype, layout, channels)
    got = network_input(frame, whole(frame), spec, model, antialias=antialias)
    resized = Image.fromarray(levels(frame, whole(frame), (13, 10), antialias=antialias))
    expected = pillow_input(resized, (0, 0, 10, 13), spec, model)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, expected)
    slow = network_input(frame, whole(frame), spec, model, antialias=antialias, engine="reference")
    np.testing.assert_array_equal(got, slow)


STRIDES = {
    "BGR": lambda f: np.ascontiguousarray(f[..., ::-1])[..., ::-1],
    "upside down": lambda f: np.ascontiguousarray(f[::-1])[::-1],
    "mirrored": lambda f: np.ascontiguousarray(f[:, ::-1])[:, ::-1],
    "all reversed": lambda f: np.ascontiguousarray(f[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
    "RGBA": lambda f: np.dstack([f, f[..., :1]])[..., :3],
    "ABGR": lambda f: np.dstack([f[..., :1], f[..., ::-1]])[..., :0:-1],
    "BGRA mirrored": lambda f: np.dstack([f[:, ::-1, ::-1], f[..., :1]])[:, ::-1, 2::-1],
    "planes": lambda f: np.ascontiguousarray(f.transpose(2, 0, 1)).transpose(1, 2, 0),
    "planes reversed": lambda f: np.ascontiguousarray(f.transpose(2, 0, 1)[:, ::-1, ::-1]).transpose(1, 2, 0)[
        ::-1, ::-1
    ],
    "columns first": lambda f: np.ascontiguousarray(f.transpose(1, 0, 2)).transpose(1, 0, 2),
    "padded rows": lambda f: np.pad(f, ((0, 0), (0, 5), (0, 0)))[:, : f.shape[1]],
    "a crop": lambda f: np.pad(f, ((3, 2), (4, 1), (0, 0)))[3:-2, 4:-1],
    "every other": lambda f: f.repeat(2, 0).repeat(3, 1)[::2, ::3],
    "Fortran": np.asfortranarray,
    "read-only": lambda f: np.frombuffer(f.tobytes(), np.uint8).reshape(f.shape),
    "every other channel": lambda f: f.repeat(2, 2)[..., ::2],
}


@pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialiased"])
@pytest.mark.parametrize("size", [(31, 43), (1, 1), (5, 1), (1, 5), (1, 2)])
@pytest.mark.parametrize("strides", STRIDES)
def test_frames_are_read_where_they_lie(strides, size, antialias):
    frame = random_frame(size)
    view = STRIDES[strides](frame)
    np.testing.assert_array_equal(view, frame)
    for spec in (RAW, preprocess("raw,channels=bgr"), preprocess({"base": "raw", "channels": "grey"})):
        model = model_of((8, 9), channels=1 if spec.channels == "grey" else 3)
        for region in (whole(frame), (-3, 1, size[1] + 2, size[0] + 1), (0, 0, 1, 1)):
            expected = network_input(frame, region, spec, model, antialias=antialias)
            for engine in ("cpu", "reference"):
                got = network_input(view, region, spec, model, antialias=antialias, engine=engine)
                np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialiased"])
def test_grey_frames_and_still_ones(antialias):
    """Strides of zero: the same channel three times, the same row or column again and again."""
    grey = random_frame((20, 30))[..., 0]
    for view in (
        np.broadcast_to(grey[..., None], (20, 30, 3)),
        np.broadcast_to(grey[:1, :, None], (20, 30, 3)),
        as_strided(grey, (20, 30, 3), (30, 0, 0)),
    ):
        expected = levels(view.copy(), whole(view), (7, 40), antialias=antialias)
        np.testing.assert_array_equal(levels(view, whole(view), (7, 40), antialias=antialias), expected)


@pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialiased"])
def test_threads_share_the_rows(antialias):
    frame = random_frame((720, 1280))
    one = levels(frame, whole(frame), (500, 600), antialias=antialias, threads=1)
    np.testing.assert_array_equal(levels(frame, whole(frame), (500, 600), antialias=antialias, threads=2), one)
    np.testing.assert_array_equal(levels(frame, whole(frame), (500, 600), antialias=antialias), one)


def test_nothing_of_the_size_of_a_frame_is_allocated():
    """Memory of this thread; those of the pool allocate their own scratch arrays at first use."""
    import tracemalloc

    frame, out = random_frame((1080, 1920)), np.empty((1, 3, 224, 224), np.float32)
    view, model = frame[::-1, ::-1, ::-1], model_of((224, 224), np.float32, "NCHW")
    for antialias in (False, True):
        network_input(view, whole(frame), NAMED["imagenet"], model, antialias=antialias, out=out, threads=1)
        tracemalloc.start()
        network_input(view, whole(frame), NAMED["imagenet"], model, antialias=antialias, out=out, threads=1)
        assert tracemalloc.get_traced_memory()[1] < 20_000
        tracemalloc.stop()


def test_sizes_that_the_model_leaves_open():
    model = ImageInput("images", np.float32, "NCHW", None, 3, (None, None))
    frame = random_frame((40, 50))
    assert network_input(frame, whole(frame), NAMED["unit"], model).shape == (1, 3, 224, 224)
    assert network_input(frame, whole(frame), preprocess("unit,size=32x48"), model).shape == (1, 3, 32, 48)


def test_weights_sum_up():
    for size, start, stop, count in ((100, 0, 100, 7), (7, 0, 7, 100), (9, -40, 60, 3), (9, 20, 30, 4), (1, 0, 1, 1)):
        sums = antialiased(size, start, stop, count, min(0, start), max(size, stop))
        np.testing.assert_array_equal(sums.weights.sum(axis=1, dtype=int) + sums.border, 2**sums.bits)
        assert sums.places[:, 0].min() >= 0
        assert sums.places.sum(axis=1).max() <= size
        pairs = linear(size, start, stop, count)
        total = pairs.column_weights.sum(axis=0, dtype=int) + pairs.column_border
        assert np.abs(total - 2048).max() <= 1
