"""Boxes for many thresholds in one pass, against those of one threshold."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastcam
import fastcam.kernels.cpu
from fastcam import InputError
from fastcam.arrays.outlines import contours
from fastcam.arrays.sweeps import sweep
from tests.arrays.maps import KINDS, make_map
from tests.arrays.published import assert_same_as_published


def assert_same_as_single_thresholds(found, maps, size, **options):
    """Check that every threshold of a sweep has the boxes of `find_boxes`, in the same order."""
    for k, threshold in enumerate(found.thresholds.tolist()):
        boxes = fastcam.find_boxes(maps, size, threshold=threshold, **options)
        if found.item is None:
            np.testing.assert_array_equal(found.xyxy[..., k, :], boxes.xyxy)
            np.testing.assert_array_equal(found.area[..., k], boxes.area)
        else:
            here = found.threshold_index == k
            for mine, theirs in ((found.xyxy, boxes.xyxy), (found.area, boxes.area), (found.item, boxes.item)):
                np.testing.assert_array_equal(mine[here], theirs)


@settings(max_examples=250)
@given(
    kind=st.sampled_from(KINDS),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    thresholds=st.lists(st.floats(1e-6, 0.999999), min_size=1, max_size=9),
    convention=st.sampled_from(("paper", "gradcam", "minmax")),
    connectivity=st.sampled_from((4, 8)),
    components=st.sampled_from(("largest", "all")),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_sweep_has_the_boxes_of_each_threshold(
    kind, shape, size, thresholds, convention, connectivity, components, seed
):
    one = make_map(kind, shape, np.random.default_rng(seed))
    options = {"convention": convention, "connectivity": connectivity, "components": components}
    found = sweep(one, size, thresholds, **options)
    assert found.thresholds.tolist() == thresholds
    assert (found.convention, found.connectivity) == (convention, connectivity)
    assert_same_as_single_thresholds(found, one, size, **options)


@pytest.mark.parametrize("components", ["largest", "all"])
@pytest.mark.parametrize("convention", ["paper", "gradcam", "minmax"])
def test_a_hundred_thresholds_of_maps_at_the_size_of_photos(convention, components):
    rng = np.random.default_rng(0)
    maps = np.stack([make_map(kind, (14, 14), rng) for kind in ("smooth", "normal", "spiral")])
    options = {"convention": convention, "components": components}
    found = sweep(maps, (224, 200), np.arange(1, 100) / 100, **options)
    assert_same_as_single_thresholds(found, maps, (224, 200), **options)


def test_a_threshold_of_zero_lets_all_that_is_positive_in():
    found = sweep([[-1.0, 0.0, 2.0]], (1, 3), [0.0])
    assert (found.xyxy.tolist(), found.area.tolist()) == ([[2, 0, 3, 1]], [1])


def test_leading_axes_windows_and_small_components():
    maps = np.random.default_rng(1).standard_normal((2, 3, 6, 7)).astype(np.float32)
    thresholds, window = [0.7, 0.2, 0.4, 0.2], (10, 5, 40, 45)
    found = sweep(maps, (50, 60), thresholds, window=window)
    assert (found.xyxy.shape, found.area.shape) == ((2, 3, 4, 4), (2, 3, 4))
    assert_same_as_single_thresholds(found, maps, (50, 60), window=window)
    every = sweep(maps, (50, 60), thresholds, window=window, components="all", min_area=40)
    assert_same_as_single_thresholds(every, maps, (50, 60), window=window, components="all", min_area=40)


def test_without_thresholds_there_are_a_hundred():
    found = sweep(np.eye(3), (3, 3))
    np.testing.assert_array_equal(found.thresholds, np.arange(0, 1, 0.01))
    assert found.xyxy.shape == (100, 4)


@pytest.mark.parametrize("convention", ["paper", "wsol"])
def test_threads_and_batches_give_the_bits_of_a_loop(convention):
    maps = np.random.default_rng(2).standard_normal((9, 5, 5)).astype(np.float32)
    thresholds = np.arange(0, 1, 0.1)
    together = sweep(maps, (96, 96), thresholds, convention=convention, threads=4)
    alone = [sweep(one, (96, 96), thresholds, convention=convention, threads=1) for one in maps]
    np.testing.assert_array_equal(together.xyxy, np.stack([one.xyxy for one in alone]))
    np.testing.assert_array_equal(together.area, np.stack([one.area for one in alone]))
    every = sweep(maps, (96, 96), thresholds, convention=convention, components="all", threads=4)
    assert every.item is not None
    assert (np.diff(every.item) >= 0).all()
    for p, one in enumerate(maps):
        some = sweep(one, (96, 96), thresholds, convention=convention, components="all")
        np.testing.assert_array_equal(every.xyxy[every.item == p], some.xyxy)


def test_memory_does_not_grow_with_the_number_of_maps():
    def peak(count):
        maps = np.random.default_rng(3).standard_normal((count, 7, 7)).astype(np.float32)
        tracemalloc.start()
        found = sweep(maps, (64, 64), np.arange(10) / 10, threads=1)
        used = tracemalloc.get_traced_memory()[1] - found.xyxy.nbytes - found.area.nbytes - 8 * maps.nbytes
        tracemalloc.stop()
        return used

    peak(1)
    assert peak(400) < peak(2) + 20_000


def test_of_equal_components_each_convention_takes_its_own():
    one = np.zeros((5, 9), np.float32)
    one[3, 1] = one[1, 5] = one[1, 8] = 1
    assert sweep(one, (5, 9), [0.5]).xyxy.tolist() == [[5, 1, 6, 2]]
    assert sweep(one, (5, 9), [0.5], convention="wsol").xyxy.tolist() == [[1, 3, 2, 4]]


# --- real models, and what is refused ---


def test_maps_of_a_real_model(load_real, photos):
    maps = load_real("squeezenet1_1_nchw").explain(photos[:2], top=1).activation_maps
    thresholds = np.arange(1, 20) / 20
    for convention in ("paper", "gradcam", "minmax"):
        found = sweep(maps, (227, 227), thresholds, convention=convention)
        assert_same_as_single_thresholds(found, maps, (227, 227), convention=convention)
    for one in maps[:, 0]:
        assert_same_as_published(one, (227, 227), thresholds)
        assert len(sweep(one, (227, 227), convention="cam-release", components="all").area)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"thresholds": [0.2, 1.0]}, r"thresholds: expected fractions in \[0, 1\); got 1.0"),
        ({"thresholds": [np.nan]}, r"thresholds: expected fractions in \[0, 1\); got nan"),
        ({"thresholds": 0.2}, r"thresholds: expected \(T,\) fractions in \[0, 1\); got float64 of shape \(\)"),
        ({"thresholds": []}, r"thresholds: expected \(T,\) fractions .* of shape \(0,\)"),
        ({"thresholds": ["a"]}, r"thresholds: expected \(T,\) fractions .* got <U1"),
        ({"thresholds": [[0.1], [0.2, 0.3]]}, r"thresholds: .* got ragged rows"),
        ({"convention": "mine"}, "convention: expected one of paper, gradcam, minmax, wsol, cam-release; got 'mine'"),
        ({"components": "some"}, "components: expected 'largest' or 'all'; got 'some'"),
        ({"convention": "cam-release"}, "components: expected 'all' with 'cam-release', which pools .*; got 'largest'"),
        (
            {"convention": "wsol", "connectivity": 4},
            "connectivity, min_area: expected 8 and 1, .* 'wsol'.* got 4 and 1",
        ),
        (
            {"convention": "cam-release", "components": "all", "min_area": 9},
            "connectivity, min_area: expected 8 and 1, .* 'cam-release'.* got 8 and 9",
        ),
        ({"connectivity": 6}, "connectivity: expected 4 or 8; got 6"),
        ({"size": (65536, 32767)}, r"size: expected at most 2\*\*30 pixels in a sweep; got 2147418112"),
        ({"threads": 0}, "threads: expected 1 to"),
        ({"window": (0, 0, 9, 9)}, "window: expected x0 < x1 <= 4 and y0 < y1 <= 4"),
    ],
)
def test_options_that_are_refused(options, match):
    given = {"size": (4, 4), "thresholds": [0.2]} | options
    with pytest.raises(InputError, match=match):
        sweep([[1.0]], **given)


@pytest.mark.parametrize("convention", ["paper", "wsol", "cam-release"])
def test_a_map_that_is_not_finite_is_refused(convention):
    maps = np.ones((2, 2, 3, 3))
    maps[1, 0, 2, 1] = np.nan
    with pytest.raises(InputError, match=r"maps: .* got nan at item \[1, 0\], position \[2, 1\]"):
        sweep(maps, (9, 9), convention=convention, components="all")


@pytest.mark.parametrize("convention", ["wsol", "cam-release"])
def test_where_conventions_of_evaluations_are_is_told(convention):
    match = (
        rf"convention: .* got '{convention}', which fastcam.arrays.sweep\(maps, size, convention='{convention}'\) has"
    )
    features = np.ones((1, 1, 2, 2))
    for call in (
        lambda: fastcam.find_boxes([[1.0]], (4, 4), convention=convention),
        lambda: fastcam.localize(features, [[1.0]], 0, (4, 4), convention=convention),
        lambda: contours([[1.0]], (4, 4), convention=convention),
    ):
        with pytest.raises(InputError, match=match):
            call()


def test_no_kernel_compiles_more_than_once():
    for name in fastcam.kernels.cpu.HOST_ONLY:
        kernel = fastcam.kernels.cpu.load(name)
        assert len(kernel.signatures) == len(kernel.nopython_signatures) == 1, name
