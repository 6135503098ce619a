"""Every engine against the plain loops, bit for bit, and against scikit-image's own upsampling."""

import inspect
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

import fastcam
import fastcam.arrays.engines.reference
import fastcam.kernels.cpu
from fastcam.arrays.components import label_images
from fastcam.arrays.engines.select import named
from fastcam.kernels import twins
from tests.arrays import naive
from tests.arrays.maps import KINDS, make_map

F = np.float32
CASES = int(os.environ.get("FASTCAM_CASES", 6000))

side = st.integers(1, 9)
pixels = st.integers(1, 32)


@settings(max_examples=5000)
@given(
    kind=st.sampled_from(KINDS),
    shape=st.tuples(side, side),
    size=st.tuples(pixels, pixels),
    convention=st.sampled_from(("paper", "gradcam", "minmax")),
    threshold=st.sampled_from((None, 0.2, 0.5, 0.999)),
    connectivity=st.sampled_from((4, 8)),
    seed=st.integers(0, 2**32 - 1),
)
def test_boxes_and_heatmaps_are_those_of_the_plain_loops(kind, shape, size, convention, threshold, connectivity, seed):
    one = make_map(kind, shape, np.random.default_rng(seed))
    default = {"paper": 0.2, "gradcam": 0.15, "minmax": 0.2}[convention]
    box, area = naive.find_box(one, size, convention, threshold or default, connectivity)
    raw, heat, levels = naive.upsample(one, size), naive.heatmap(one, size), naive.heatmap_uint8(one, size)
    peak = naive.upsample(np.maximum(one, F(0)), size).max() if convention == "gradcam" else raw.max()
    for engine in ("cpu", "reference"):
        options = {"convention": convention, "threshold": threshold, "connectivity": connectivity, "engine": engine}
        boxes = fastcam.find_boxes(one, size, **options)
        assert (tuple(boxes.xyxy.tolist()), int(boxes.area)) == (box, area), engine
        np.testing.assert_array_equal(boxes.peak, peak)
        np.testing.assert_array_equal(fastcam.heatmaps(one, size, normalize=False, engine=engine), raw)
        np.testing.assert_array_equal(fastcam.heatmaps(one, size, engine=engine), heat)
        np.testing.assert_array_equal(fastcam.heatmaps(one, size, dtype="u1", engine=engine), levels)


@settings(max_examples=300)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 7), st.integers(1, 7)),
    seed=st.integers(0, 2**32 - 1),
)
def test_activation_maps_are_those_of_the_plain_loops(shape, seed):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal(shape).astype(F)
    weights = rng.standard_normal((4, shape[1])).astype(F)
    index = rng.integers(0, 4, (shape[0], 2))
    expected = [[naive.activation_map(features[n], weights[c]) for c in index[n]] for n in range(shape[0])]
    exact = np.einsum("nmc,nchw->nmhw", weights[index].astype(np.float64), features.astype(np.float64))
    for engine in ("cpu", "reference"):
        maps = fastcam.activation_maps(features, weights, index, engine=engine)
        np.testing.assert_array_equal(maps, np.array(expected, F))
        np.testing.assert_allclose(maps, exact, rtol=0, atol=1e-5 * max(1.0, np.abs(exact).max()))


@pytest.mark.parametrize(
    ("shape", "size"), [((7, 7), (224, 224)), ((13, 9), (48, 640)), ((3, 5), (5, 3)), ((1, 1), (4, 4))]
)
def test_upsampling_is_that_of_scikit_image(shape, size):
    one = np.random.default_rng(3).standard_normal(shape)
    expected = np.asarray(resize(one, size, order=1, mode="edge", anti_aliasing=False, preserve_range=True))
    np.testing.assert_allclose(fastcam.heatmaps(one, size, normalize=False), expected, atol=2e-6)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("seed", range(30))
def test_components_at_map_resolution(seed, connectivity):
    """Noise at its own size has the most intricate components: runs merge again and again."""
    rng = np.random.default_rng(seed)
    one = rng.standard_normal(rng.integers(1, 60, 2)).astype(F)
    fast, slow = (
        fastcam.find_boxes(one, one.shape, connectivity=connectivity, engine=engine) for engine in ("cpu", "reference")
    )
    np.testing.assert_array_equal(fast.xyxy, slow.xyxy)
    np.testing.assert_array_equal(fast.area, slow.area)


@pytest.mark.parametrize("kind", KINDS)
def test_runs_find_what_dense_labelling_finds_on_larger_maps(kind):
    """Up to 40×40 cells and 300×300 pixels, up- and downsampled; FASTCAM_CASES sets the number of cases of all kinds."""
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(CASES // len(KINDS)):
        one = make_map(kind, rng.integers(1, 41, 2), rng)
        size = tuple(rng.integers(1, 301, 2).tolist())
        options = {
            "connectivity": int(rng.choice([4, 8])),
            "convention": str(rng.choice(["paper", "gradcam", "minmax"])),
            "components": str(rng.choice(["largest", "all"])),
        }
        fast, slow = (fastcam.find_boxes(one, size, engine=engine, **options) for engine in ("cpu", "reference"))
        for field in ("xyxy", "area", "peak", "item"):
            np.testing.assert_array_equal(
                getattr(fast, field), getattr(slow, field), err_msg=f"{one.shape} {size} {options}"
            )


def test_a_spiral_is_one_component():
    spiral = np.zeros((41, 41), F)
    y = x = 20
    dy, dx, length = 0, 1, 2
    while 0 <= y < 41 and 0 <= x < 41:
        for _ in range(length):
            if 0 <= y < 41 and 0 <= x < 41:
                spiral[y, x] = 1
            y, x = y + dy, x + dx
        dy, dx, length = dx, -dy, length + 1
    boxes = fastcam.find_boxes(spiral, (41, 41), connectivity=4)
    assert int(boxes.area) == int(spiral.sum())


def test_of_equal_components_the_first_in_raster_order_wins():
    one = np.zeros((5, 9), F)
    one[3, 1] = one[1, 5] = one[1, 8] = 1
    assert fastcam.find_boxes(one, (5, 9)).xyxy.tolist() == [5, 1, 6, 2]


def test_a_window_is_a_crop_of_the_whole():
    one = np.random.default_rng(0).standard_normal((6, 7)).astype(F)
    whole = fastcam.heatmaps(one, (50, 80), normalize=False)
    for engine in ("cpu", "reference"):
        part = fastcam.heatmaps(one, (50, 80), normalize=False, window=(10, 5, 60, 45), engine=engine)
        np.testing.assert_array_equal(part, whole[5:45, 10:60])
    box, area = naive.largest_component(naive.mask(whole[5:45, 10:60], "paper", 0.2), 8)
    boxes = fastcam.find_boxes(one, (50, 80), window=(10, 5, 60, 45))
    assert (tuple(boxes.xyxy.tolist()), int(boxes.area)) == (box, area)


def test_a_batch_gives_the_bits_of_a_loop():
    maps = np.random.default_rng(0).standard_normal((4, 3, 7, 7)).astype(F)
    together = fastcam.find_boxes(maps, (64, 96))
    heat = fastcam.heatmaps(maps, (64, 96))
    for n in range(4):
        for m in range(3):
            alone = fastcam.find_boxes(maps[n, m], (64, 96))
            np.testing.assert_array_equal(together.xyxy[n, m], alone.xyxy)
            np.testing.assert_array_equal(heat[n, m], fastcam.heatmaps(maps[n, m], (64, 96)))


@pytest.mark.parametrize("name", twins())
def test_twins_have_the_same_parameters(name):
    cpu = inspect.signature(fastcam.kernels.cpu.load(name).py_func)
    reference = inspect.signature(fastcam.arrays.engines.reference.load(name))
    assert list(cpu.parameters) == list(reference.parameters)


@pytest.mark.parametrize("name", twins())
def test_arrays_that_slip_through_the_checks_are_a_kernel_error(name):
    engine = named("cpu")
    with pytest.raises(fastcam.KernelError, match="cpu: (not enough arguments|No matching definition).*please report"):
        engine._spread(lambda *_: engine.kernel(name)("nothing"), 1, 0, 1)


def test_no_kernel_compiles_more_than_once():
    """Read-only, strided and list inputs of every dtype, layout and shape all end in the one signature of a kernel."""
    frozen = np.random.default_rng(0).standard_normal((2, 5, 6)).astype(F)
    frozen.flags.writeable = False
    whole = (10 * frozen).astype(np.int8)
    for maps in (frozen, frozen[:, ::-1, ::2], frozen.astype("f8"), frozen.tolist(), frozen.astype("f2"), whole):
        features, size = np.asarray(maps)[None], (20 + len(maps), 30)
        fastcam.find_boxes(maps, size)
        fastcam.find_boxes(maps, size, components="all", convention="minmax")
        label_images(maps, size)
        for dtype in ("f4", "u1"):
            fastcam.heatmaps(maps, size, dtype=dtype)
        for layout in ("NCHW", "NHWC"):
            weights = np.ones((3, features.shape[1 if layout == "NCHW" else 3]), F)
            weights.flags.writeable = layout == "NCHW"
            fastcam.activation_maps(features, weights, 1, layout=layout)
            fastcam.localize(features, weights, [[0, 1]], size, layout=layout)
        fastcam.overlay(np.zeros((9, 7, 3), np.uint8)[:, ::-1], maps[0])
    for name in twins():
        kernel = fastcam.kernels.cpu.load(name)
        assert len(kernel.signatures) == len(kernel.nopython_signatures) == 1, name
