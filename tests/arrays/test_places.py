"""Heatmaps, boxes and labels of signals and volumes, against the rules step by step and PyTorch's interpolation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastcam
from fastcam import InputError
from fastcam.arrays import memory, volumes
from fastcam.arrays.components import label_images
from tests.arrays import naive

F = np.float32
GOLDEN = Path(__file__).parents[1] / "golden" / "interpolated.npz"
THRESHOLDS = {"paper": 0.20, "gradcam": 0.15, "minmax": 0.20}
SIDES = {1: "xx", 3: "xyzxyz"}


def fields(rank, cells, pixels):
    """Return a strategy of (shape, size) of that rank."""
    return st.tuples(st.tuples(*[st.integers(1, cells)] * rank), st.tuples(*[st.integers(1, pixels)] * rank))


@settings(max_examples=60)
@given(
    sides=st.one_of(fields(1, 9, 60), fields(3, 4, 9)),
    convention=st.sampled_from(("paper", "gradcam", "minmax")),
    corners=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_boxes_labels_and_heatmaps_follow_the_rules_to_the_bit(sides, convention, corners, seed):
    (shape, size), rng = sides, np.random.default_rng(seed)
    rank = len(size)
    one = rng.choice([rng.standard_normal(shape), rng.integers(-1, 3, shape)]).astype(F)
    given = np.maximum(one, F(0)) if convention == "gradcam" else one
    upsampled = naive.upsample_places(given, size)
    inside = naive.mask(upsampled, convention, THRESHOLDS[convention])
    expected = naive.components(inside, corners)
    options: Any = {"convention": convention}
    if rank == 3:
        options["connectivity"] = 26 if corners else 6
    every = fastcam.find_boxes(one, size, components="all", **options)
    assert getattr(every, SIDES[rank]).tolist() == [box for box, _ in expected]
    assert every.area.tolist() == [area for _, area in expected]
    largest = fastcam.find_boxes(one, size, **options)
    box, area = expected[0] if expected else ([0] * 2 * rank, 0)
    assert (getattr(largest, SIDES[rank]).tolist(), int(largest.area)) == (box, area)
    assert largest.peak == upsampled.max()
    labels = label_images(one, size, **options)
    np.testing.assert_array_equal(labels > 0, inside)
    assert np.bincount(labels.ravel())[1:].tolist() == [area for _, area in expected]
    np.testing.assert_array_equal(fastcam.heatmaps(one, size, normalize=False), naive.upsample_places(one, size))


@pytest.mark.parametrize("size", [(37,), (7, 11, 13)])
def test_heatmaps_are_scaled_by_their_extrema_at_image_size(size):
    maps = np.random.default_rng(0).standard_normal((2, 3, *[4] * len(size))).astype(F)
    made = fastcam.heatmaps(maps, size)
    assert made.shape == (2, 3, *size)
    for n, m in np.ndindex(2, 3):
        raw = naive.upsample_places(maps[n, m], size)
        scaled = (maps[n, m] - raw.min()) / (raw.max() - raw.min())
        np.testing.assert_array_equal(made[n, m], np.clip(naive.upsample_places(scaled, size), 0, 1))
    levels = fastcam.heatmaps(maps, size, dtype="u1")
    assert np.abs(levels - 255 * made).max() <= 0.5001
    assert not fastcam.heatmaps(np.full((1, *[4] * len(size)), 3.5), size).any()
    out = np.full((2, 3, *size), 7, F)
    assert fastcam.heatmaps(maps, size, out=out) is out
    np.testing.assert_array_equal(out, made)


@pytest.mark.parametrize(("size", "window"), [((50,), (7, 31)), ((9, 12, 10), (2, 3, 1, 9, 8, 7))])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_a_window_is_a_part_of_the_whole(size, window, engine):
    rank = len(size)
    maps = np.random.default_rng(1).standard_normal((2, *[5] * rank)).astype(F)
    part = tuple(slice(a, b) for a, b in zip(window[:rank][::-1], window[rank:][::-1], strict=True))
    whole = fastcam.heatmaps(maps, size, normalize=False)[(slice(None), *part)]
    options: Any = {"window": window, "engine": engine}
    np.testing.assert_array_equal(fastcam.heatmaps(maps, size, normalize=False, **options), whole)
    limits = (-0.5, 1.25)
    got = fastcam.heatmaps(maps, size, limits=limits, **options)
    np.testing.assert_allclose(got, np.clip((whole + 0.5) / 1.75, 0, 1), atol=2e-6)
    own = fastcam.heatmaps(maps, size, **options)
    assert own.min() == 0
    assert own.max() == 1
    found = fastcam.find_boxes(maps, size, **options)
    for n in range(2):
        inside = naive.mask(whole[n], "paper", 0.2)
        box, area = naive.components(inside, corners=True)[0]
        assert (getattr(found, SIDES[rank])[n].tolist(), int(found.area[n])) == (box, area)


def test_slabs_of_a_volume_join_without_a_seam(monkeypatch):
    maps = np.random.default_rng(2).standard_normal((2, 3, 4, 5)).astype(F)
    whole = [fastcam.heatmaps(maps, (11, 9, 8)), label_images(maps, (11, 9, 8))]
    boxes = fastcam.find_boxes(maps, (11, 9, 8), components="all")
    monkeypatch.setattr(volumes, "SLAB", 2 * 9 * 8)
    np.testing.assert_array_equal(fastcam.heatmaps(maps, (11, 9, 8)), whole[0])
    np.testing.assert_array_equal(label_images(maps, (11, 9, 8)), whole[1])
    again = fastcam.find_boxes(maps, (11, 9, 8), components="all")
    np.testing.assert_array_equal(again.xyzxyz, boxes.xyzxyz)
    np.testing.assert_array_equal(again.item, boxes.item)


def test_interpolation_is_that_of_pytorch():
    """`python -m tests.exports.interpolated` wrote F.interpolate of both ranks, in float64."""
    with np.load(GOLDEN, allow_pickle=False) as golden:
        for name in ("linear", "trilinear"):
            maps, expected = golden[f"{name}_maps"], golden[f"{name}_expected"]
            made = fastcam.heatmaps(maps, expected.shape[2:], normalize=False)
            np.testing.assert_allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("connectivity", [6, 26])
def test_both_labelling_libraries_give_the_same(connectivity, monkeypatch):
    pytest.importorskip("cc3d")
    maps = np.random.default_rng(3).standard_normal((3, 6, 7, 8)).astype(F)
    for components in ("largest", "all"):
        found = []
        for name in ("label_by_cc3d", "label_by_scipy"):
            monkeypatch.setattr(volumes, "label", getattr(volumes, name))
            boxes = fastcam.find_boxes(maps, (20, 19, 31), components=components, connectivity=connectivity)
            found.append((boxes.xyzxyz.tolist(), boxes.area.tolist(), label_images(maps, (20, 19, 31)).tolist()))
        assert found[0] == found[1]


def test_a_long_signal_is_no_image():
    """Longer than a side of an image may be: three hours at 100 Hz."""
    maps = np.zeros(1000, F)
    maps[500] = 1
    found = fastcam.find_boxes(maps, (1_080_000,))
    assert found.xx.tolist() == [540_000 - 864 + 540, 540_000 + 864 + 540]
    assert fastcam.heatmaps(maps, (1_080_000,)).argmax() in (540_539, 540_540)


@pytest.mark.parametrize(
    ("layout", "shape", "places"),
    [("NCW", (2, 4, 6), (6,)), ("NWC", (2, 6, 4), (6,)), ("NCDHW", (2, 4, 2, 3, 5), (2, 3, 5)), ("NDHWC", (2, 2, 3, 5, 4), (2, 3, 5))],
)  # fmt: skip
def test_activation_maps_of_other_ranks(layout, shape, places):
    rng = np.random.default_rng(4)
    features, weights = rng.standard_normal(shape).astype(F), rng.standard_normal((3, 4)).astype(F)
    made = fastcam.activation_maps(features, weights, [2, 0], layout=layout)
    first = features if layout[1] == "C" else np.moveaxis(features, -1, 1)
    flat = fastcam.activation_maps(first.reshape(2, 4, 1, -1), weights, [2, 0])
    np.testing.assert_array_equal(made, flat.reshape(2, 2, *places))
    with pytest.raises(InputError, match=rf"feature_maps: expected {len(places) + 2} axes for layout '{layout}'; got"):
        fastcam.activation_maps(features[0], weights, 0, layout=layout)
    with pytest.raises(InputError, match="feature_maps: expected at least one element"):
        fastcam.activation_maps(features[:0], weights, 0, layout=layout)
    features.flat[-1] = np.nan
    with pytest.raises(InputError, match=r"item \[1, 0\], position \[" + ", ".join(str(n - 1) for n in places)):
        fastcam.activation_maps(features, weights, 0, layout=layout)


@pytest.mark.parametrize("function", [fastcam.find_boxes, fastcam.heatmaps, label_images])
@pytest.mark.parametrize(
    ("maps", "size", "options", "match"),
    [
        (1.0, (4,), {}, r"maps: expected \(\.\.\., l\) for a size of 1 numbers; got shape \(\)"),
        ([[1.0]], (4, 4, 4), {}, r"maps: expected \(\.\.\., d, h, w\) for a size of 3 numbers; got shape \(1, 1\)"),
        ([[0.0, np.nan]], (4,), {}, r"maps: expected finite values.* item \[0\], position \[1\]"),
        ([[[0.0, np.inf]]], (4, 4, 4), {}, r"maps: expected finite values.* at position \[0, 0, 1\]"),
        ([[[]]], (4, 4, 4), {}, "maps: expected at least one element"),
        ([1.0], (0,), {}, r"size: expected \(length,\) of 1 to 2147483647"),
        ([1.0], (2.5,), {}, r"size: expected whole numbers \(length,\); got \(2.5,\)"),
        ([1.0], (2**31,), {}, r"size: expected \(length,\) of 1 to"),
        ([[[1.0]]], (4, True, 4), {}, r"size: expected whole numbers \(depth, height, width\)"),
        ([[[1.0]]], (4, 4, 2**16 + 1), {}, r"size: expected \(depth, height, width\) of 1 to 65536"),
        ([[[1.0]]], (2**11, 2**10, 2**10), {}, r"fewer than 2\*\*31 in all"),
        ([1.0], (4,), {"window": (0, 5)}, r"window: expected \(x0, x1\) inside a size of \(4,\).* got \(0, 5\)"),
        ([1.0], (4,), {"window": (0, 0, 1, 1)}, r"window: expected 2 whole numbers \(x0, x1\)"),
        ([[[1.0]]], (4, 4, 4), {"window": (0, 0, 0, 4, 4)}, r"window: expected 6 whole numbers \(x0, y0, z0, x1"),
        ([[[1.0]]], (4, 4, 4), {"window": (0, 0, 3, 4, 4, 3)}, r"window: expected \(x0, y0, z0, x1, y1, z1\) inside"),
        ([[[1.0]]], (4, 4, 4), {"engine": "gpu"}, "engine: expected one of"),
    ],
)
def test_signals_and_volumes_that_are_refused(function, maps, size, options, match):
    with pytest.raises(InputError, match=match):
        function(maps, size, **options)


@pytest.mark.parametrize(
    ("size", "connectivity", "match"),
    [
        ((4,), 8, "connectivity: expected 2 for signals; got 8"),
        ((4, 4, 4), 8, "connectivity: expected 6 or 26 for volumes; got 8"),
        ((4, 4, 4), 26.0, "connectivity: expected 6 or 26 for volumes; got 26.0"),
    ],
)
def test_neighbors_of_another_rank_are_refused(size, connectivity, match):
    with pytest.raises(InputError, match=match):
        fastcam.find_boxes(np.ones([1] * len(size)), size, connectivity=connectivity)


@pytest.mark.parametrize(
    ("function", "needed"), [(fastcam.heatmaps, 4.1), (fastcam.find_boxes, 9.1), (label_images, 13.1)]
)
def test_a_volume_that_does_not_fit_says_what_it_needs(function, needed, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 2**30)
    maps = np.zeros((1, 2, 2, 2), F)
    with pytest.raises(
        InputError,
        match=rf"size: expected an array that fits the memory; .* needs {needed} GiB, where 1.0 GiB .*window",
    ):
        function(maps, (1024, 1024, 1024))


def test_free_memory_is_known_here_and_asked_of_containers(tmp_path, monkeypatch):
    assert (memory.free_memory() or 0) > 2**20
    for name, text in (("memory.max", "4096"), ("memory.current", "3000"), ("memory.stat", "inactive_file 1000\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.free_memory() == 2096
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    assert (memory.free_memory() or 0) > 2**20
