"""The CUDA engine by way of the public functions, held to plain loops and to the CPU's kernels."""

from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam.arrays import components, conventions
from fastcam.arrays.checks import feature_maps_of
from fastcam.arrays.colors import color_pairs
from fastcam.arrays.engines import cuda
from fastcam.arrays.engines.select import named
from fastcam.arrays.grids import grid
from fastcam.arrays.outlines import contours
from fastcam.kernels import contract
from fastcam.kernels.cuda import driver, launch
from tests.arrays import naive
from tests.cuda.device import HostDriver, on_host

F = np.float32
SIZES = [
    ((7, 7), (33, 41)),
    ((1, 1), (5, 5)),
    ((3, 9), (20, 1)),
    ((5, 4), (70, 3)),
    ((20, 31), (11, 17)),
    ((2, 2), (9, 66)),
]


def random_maps(shape, seed=0):
    """Some with plateaus, whose components are equal in area and whose values are equal to the cut."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((4, *shape)).astype(F)
    maps[2:] = np.round(2 * maps[2:])
    return maps


def boxes_equal(place, got, expected):
    for name in ("xyxy", "area", "peak"):
        np.testing.assert_array_equal(place.get(getattr(got, name)), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("convention", ["paper", "gradcam", "minmax"])
@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_boxes_to_the_bit(place, shape, size, convention, connectivity):
    maps = random_maps(shape)
    for threshold in (None, 0.6):
        options: dict[str, Any] = {"convention": convention, "threshold": threshold, "connectivity": connectivity}
        got = fastcam.find_boxes(place.put(maps), size, engine="cuda", **options)
        boxes_equal(place, got, fastcam.find_boxes(maps, size, **options))


def test_boxes_by_plain_loops(place):
    maps, size = random_maps((5, 6), 1), (23, 31)
    got = fastcam.find_boxes(place.put(maps), size, engine="cuda")
    expected = [naive.find_box(one, size, "paper", 0.2, 8) for one in maps]
    assert [tuple(box) for box in place.get(got.xyxy).tolist()] == [box for box, _ in expected]
    assert place.get(got.area).tolist() == [area for _, area in expected]


def test_boxes_that_branch_and_join(place):
    """Combs and rings: runs that meet again rows below, where trees of runs have to be joined."""
    comb, ring = np.zeros((9, 13), F), np.zeros((9, 13), F)
    comb[:7, ::2], comb[7] = 1, 1
    ring[1:8, 1:12], ring[3:6, 3:10] = 1, 0
    ring[4, 6] = 1
    maps = np.stack([comb, comb[::-1], ring, comb.T[:9, :9].repeat(2, 1)[:, :13]])
    for size in ((9, 13), (45, 65), (90, 26)):
        for connectivity in (4, 8):
            got = fastcam.find_boxes(place.put(maps), size, connectivity=connectivity, engine="cuda")
            boxes_equal(place, got, fastcam.find_boxes(maps, size, connectivity=connectivity))


class SmallDevice(driver.CupyDriver):
    """A device whose blocks may ask for little shared memory."""

    def __init__(self, room):
        self.room = room

    @property
    def shared_memory(self):
        return self.room


@pytest.mark.parametrize("room", [48 * 1024 - 2048, 2048, 4 * 64 * 4 + 64])
def test_what_has_no_room_in_shared_memory(one_place, monkeypatch, room):
    """Maps and tables then lie in global memory, with the same result."""
    maps = random_maps((13, 13))
    features = np.random.default_rng(3).standard_normal((2, 8, 13, 13)).astype(F)
    weights = np.random.default_rng(4).standard_normal((3, 8)).astype(F)
    if one_place.host:
        one_place.host.shared_memory = room
    elif room < 48 * 1024 - 2048:  # of a device with more threads, which need more for their sums
        monkeypatch.setattr(driver, "current", SmallDevice(max(room, 4 * launch.THREADS * 4 + 64)))
    got = fastcam.find_boxes(one_place.put(maps), (64, 50), engine="cuda")
    boxes_equal(one_place, got, fastcam.find_boxes(maps, (64, 50)))
    found = fastcam.localize(one_place.put(features), one_place.put(weights), [0, 2], (64, 50), engine="cuda")
    boxes_of_own_maps(one_place, found, features, weights, [0, 2], (64, 50))


@pytest.mark.parametrize("missing", [0, 4, 4 * 49, 4 * 49 + 4])
def test_shared_memory_that_is_just_enough(missing):
    """Memory to the last byte, and one number less: a launch that needs more than there is fails."""
    maps, where = random_maps((7, 7)), grid((7, 7), (30, 20))
    table = launch.table_size(contract.Grid(*where.rows, *where.columns))
    with on_host(HostDriver(shared_memory=4 * (49 + table) - missing)):
        got = fastcam.find_boxes(maps, (30, 20), engine="cuda")
        features, weights = np.ones((40, 8, 7, 7), F), np.ones((1, 8), F)
        fastcam.localize(features, weights, 0, (30, 20), engine="cuda")
    np.testing.assert_array_equal(got.xyxy, fastcam.find_boxes(maps, (30, 20)).xyxy)


def boxes_of_own_maps(place, found, features, weights, index, size, **options):
    """A sum's order is the engine's own; given its maps, the boxes are the CPU's to the bit."""
    maps = fastcam.activation_maps(place.put(features), place.put(weights), index, engine="cuda", **options)
    boxes_equal(place, found, fastcam.find_boxes(place.get(maps), size))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("parts", [False, True])
def test_feature_maps_of_every_kind(one_place, monkeypatch, dtype, layout, parts):
    """Held to the sum in float64: within 3e-7 of the sum of magnitudes."""
    if parts:
        monkeypatch.setattr(cuda, "MUCH", 1)
        monkeypatch.setattr(cuda, "SHARE", 64)
    rng = np.random.default_rng(0)
    quantised = {"scale": 0.1, "zero_point": 3} if np.dtype(dtype).kind in "iu" else {}
    for channels, h, w in ((16, 5, 7), (24, 1, 1), (13, 9, 11)):
        values = 30 * rng.standard_normal((2, channels, h, w))
        features = (np.abs(values) if dtype == np.uint8 else values).astype(dtype)
        given = np.ascontiguousarray(features.transpose(0, 2, 3, 1)) if layout == "NHWC" else features
        weights, index = rng.standard_normal((6, channels)).astype(F), np.array([[1, 5], [0, 3]])
        options: dict[str, Any] = {"layout": layout, **quantised}
        maps = fastcam.activation_maps(one_place.put(given), one_place.put(weights), index, engine="cuda", **options)
        real = (features.astype(np.float64) - 3) * np.float64(F(0.1)) if quantised else features.astype(np.float64)
        exact = np.einsum("nchw,nmc->nmhw", real, weights[index].astype(np.float64))
        size = np.einsum("nchw,nmc->nmhw", np.abs(real), np.abs(weights[index]).astype(np.float64))
        assert (np.abs(one_place.get(maps) - exact) <= 3e-7 * size).all()
        found = fastcam.localize(
            one_place.put(given), one_place.put(weights), index, (31, 40), engine="cuda", **options
        )
        boxes_of_own_maps(one_place, found, given, weights, index, (31, 40), **options)


def test_halves_are_read_exactly(one_place):
    """All 63,488 finite ones, denormals included."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(1, 1, 248, 256)
    maps = fastcam.activation_maps(one_place.put(halves), one_place.put(np.ones((1, 1), F)), 0, engine="cuda")
    np.testing.assert_array_equal(one_place.get(maps)[0, 0], halves[0, 0].astype(F))


def test_feature_maps_that_begin_anywhere(one_place):
    """A view that isn't aligned to 16 bytes is read in smaller loads, not wrongly."""
    memory = np.random.default_rng(0).standard_normal(1 + 2 * 8 * 15).astype(F)
    features = one_place.put(memory)[1:].reshape(2, 8, 3, 5)
    weights = np.random.default_rng(1).standard_normal((2, 8)).astype(F)
    maps = fastcam.activation_maps(features, one_place.put(weights), 1, engine="cuda")
    expected = fastcam.activation_maps(memory[1:].reshape(2, 8, 3, 5), weights, 1)
    np.testing.assert_allclose(one_place.get(maps), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "size"), SIZES)
@pytest.mark.parametrize(("dtype", "normalize"), [("f4", True), ("f4", False), ("u1", True)])
def test_heatmaps_to_the_bit(place, shape, size, dtype, normalize):
    maps = random_maps(shape)
    got = fastcam.heatmaps(place.put(maps), size, dtype=dtype, normalize=normalize, engine="cuda")
    np.testing.assert_array_equal(place.get(got), fastcam.heatmaps(maps, size, dtype=dtype, normalize=normalize))


@pytest.mark.parametrize("dtype", ["f4", "u1"])
def test_heatmaps_within_limits(place, dtype):
    maps = random_maps((6, 7))
    limits = np.stack([np.linspace(-0.5, 0, len(maps)), np.linspace(0.1, 1, len(maps))], axis=1)
    maps[-1, 0, 0] = np.nan
    got = place.get(fastcam.heatmaps(place.put(maps), (22, 31), dtype=dtype, limits=limits, engine="cuda"))
    expected = fastcam.heatmaps(maps[:-1], (22, 31), dtype=dtype, limits=limits[:-1])
    np.testing.assert_array_equal(got[:-1], expected)
    assert np.isnan(got[-1]).all() if dtype == "f4" else not got[-1].any()


def test_a_window_of_an_image(one_place):
    maps = random_maps((6, 7))
    options: dict[str, Any] = {"window": (5, 9, 38, 50)}
    boxes_equal(
        one_place,
        fastcam.find_boxes(one_place.put(maps), (60, 44), engine="cuda", **options),
        fastcam.find_boxes(maps, (60, 44), **options),
    )
    got = fastcam.heatmaps(one_place.put(maps), (60, 44), engine="cuda", **options)
    np.testing.assert_array_equal(one_place.get(got), fastcam.heatmaps(maps, (60, 44), **options))


def test_an_overlay_in_place(place):
    frame = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    one = random_maps((5, 6))[0]
    here = place.put(frame.copy())
    limited = fastcam.overlay(here, place.put(one), limits=(-0.5, 0.5), engine="cuda")
    np.testing.assert_array_equal(place.get(limited), fastcam.overlay(frame, one, limits=(-0.5, 0.5)))
    got = fastcam.overlay(here, place.put(one), opacity=0.4, out=here, engine="cuda")
    np.testing.assert_array_equal(place.get(got), fastcam.overlay(frame, one, opacity=0.4))
    np.testing.assert_array_equal(place.get(here), place.get(got))


@pytest.mark.parametrize("connectivity", [4, 8])
def test_all_components(place, connectivity):
    maps, size = random_maps((7, 8), 5), (40, 47)
    options: dict[str, Any] = {"connectivity": connectivity, "threshold": 0.4, "min_area": 5}
    got = fastcam.find_boxes(place.put(maps), size, components="all", engine="cuda", **options)
    expected = fastcam.find_boxes(maps, size, components="all", **options)
    boxes_equal(place, got, expected)
    np.testing.assert_array_equal(place.get(got.item), expected.item)
    labels = components.label_images(place.put(maps), size, engine="cuda", **options)
    np.testing.assert_array_equal(place.get(labels), components.label_images(maps, size, **options))
    rings, known = (
        contours(given, size, engine=engine, **options) for given, engine in ((place.put(maps), "cuda"), (maps, "cpu"))
    )
    np.testing.assert_equal(rings, known)


def test_maps_without_a_box(one_place):
    maps = np.stack([np.zeros((3, 4), F), np.full((3, 4), -1, F), np.full((3, 4), 2, F)])
    for convention in ("paper", "gradcam", "minmax"):
        got = fastcam.find_boxes(one_place.put(maps), (12, 16), convention=convention, engine="cuda")
        boxes_equal(one_place, got, fastcam.find_boxes(maps, (12, 16), convention=convention))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_values_that_are_not_finite_are_told_by_the_peak(one_place, value):
    maps = np.ones((3, 4, 5), F)
    maps[0, 0, 0], maps[1, 3, 4] = 2, value
    found = fastcam.find_boxes(one_place.put(maps), (12, 15), convention="gradcam", engine="cuda")
    assert np.isnan(one_place.get(found.peak)).tolist() == [False, True, False]
    assert one_place.get(found.area).tolist()[1] == 0
    assert one_place.get(found.xyxy).tolist()[1] == [0, 0, 0, 0]
    heat = one_place.get(fastcam.heatmaps(one_place.put(maps), (12, 15), engine="cuda"))
    assert np.isnan(heat[1]).all()
    assert np.isfinite(heat[[0, 2]]).all()
    levels = one_place.get(fastcam.heatmaps(one_place.put(maps), (12, 15), dtype="uint8", engine="cuda"))
    assert not levels[1].any()
    frame = one_place.put(np.full((12, 15, 3), 9, np.uint8))
    named("cuda").overlay(
        one_place.put(maps[1]), grid((4, 5), (12, 15)), None, color_pairs("turbo"), 128, (0, 0), frame
    )
    assert (one_place.get(frame) == 9).all()
    with pytest.raises(fastcam.InputError, match=r"maps: expected finite values .*item \[1\]"):
        fastcam.find_boxes(one_place.put(maps), (12, 15), components="all", engine="cuda")


def test_classes_that_are_not_there_are_told_by_the_peak(one_place):
    """Indices on the device aren't looked at by the host."""
    features = feature_maps_of(one_place.put(np.ones((1, 4, 3, 3), F)))
    weights, index = one_place.put(np.ones((2, 4), F)), one_place.put(np.array([[1, 2, -1]]))
    rule, where = conventions.named("paper"), grid((3, 3), (6, 6))
    found, _ = named("cuda").localize(features, weights, index, where, rule, 8)
    assert one_place.get(found.area).tolist() == [[36, 0, 0]]
    assert np.isnan(one_place.get(found.peak)).tolist() == [[False, True, True]]
    maps, _ = named("cuda").activation_maps(features, weights, index)
    assert np.isnan(one_place.get(maps)).all(axis=(2, 3)).tolist() == [[False, True, True]]


def test_one_launch_for_many_and_two_for_few(monkeypatch):
    """The engine launches the fused kernel where maps fill the processors, else channels in parts."""
    monkeypatch.setattr(cuda, "MUCH", 1)
    monkeypatch.setattr(cuda, "SHARE", 64)
    features, weights = np.ones((4, 8, 3, 3), F), np.ones((2, 8), F)
    with on_host(HostDriver()) as host:
        fastcam.localize(features, weights, [0, 1], (9, 9), engine="cuda")
        assert host.launched == ["localize"]
        host.launched.clear()
        fastcam.localize(features[:1], weights, 0, (9, 9), engine="cuda")
        assert host.launched == ["sum_channels", "find_boxes"]
