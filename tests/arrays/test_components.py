"""All components of a map: boxes, pixels and outlines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

import fastcam
from fastcam import InputError
from fastcam.arrays.components import label_images
from fastcam.arrays.outlines import contours, signed_area
from tests.arrays import naive

F = np.float32


def fill(rings, shape):
    """Return the pixels with a winding number of one, from rings along the edges of pixels."""
    winding = np.zeros(shape, int)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            assert (x0 == x1) != (y0 == y1)  # along the grid, and no point twice
            if x0 == x1:
                winding[min(y0, y1) : max(y0, y1), x0:] += 1 if y1 < y0 else -1
    return winding


@settings(max_examples=500)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    convention=st.sampled_from(("paper", "gradcam", "minmax")),
    connectivity=st.sampled_from((4, 8)),
    min_area=st.sampled_from((1, 5)),
    seed=st.integers(0, 2**32 - 1),
)
def test_boxes_labels_and_outlines_tell_the_same(shape, size, convention, connectivity, min_area, seed):
    one = np.random.default_rng(seed).standard_normal(shape).astype(F)
    rectified = np.maximum(one, 0) if convention == "gradcam" else one
    inside = naive.mask(naive.upsample(rectified, size), convention, {"gradcam": 0.15}.get(convention, 0.2))
    whole = np.asarray(label(inside, connectivity=1 if connectivity == 4 else 2))
    areas = np.bincount(whole.ravel())[1:]
    order = [i for i in np.argsort(-areas, kind="stable") if areas[i] >= min_area]
    options = {"convention": convention, "connectivity": connectivity, "min_area": min_area}
    for engine in ("cpu", "reference"):
        options["engine"] = engine
        labels = label_images(one, size, **options)
        boxes = fastcam.find_boxes(one, size, components="all", **options)
        [outlines] = contours(one, size, **options)
        assert boxes.area.tolist() == areas[order].tolist()
        assert boxes.item is not None
        assert boxes.item.tolist() == [0] * len(order)
        assert len(outlines) == len(order) == labels.max()
        for rank, (region, rings) in enumerate(zip(order, outlines, strict=True)):
            pixels = whole == region + 1
            np.testing.assert_array_equal(labels == rank + 1, pixels)
            y, x = np.nonzero(pixels)
            assert boxes.xyxy[rank].tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
            np.testing.assert_array_equal(fill(rings, size), pixels)
            assert signed_area(rings[0]) > 0
            assert all(signed_area(hole) < 0 for hole in rings[1:])
            assert sum(map(signed_area, rings)) == boxes.area[rank]


def test_the_first_of_all_is_the_largest():
    maps = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
    every, largest = (fastcam.find_boxes(maps, (64, 96), components=kind) for kind in ("all", "largest"))
    assert every.item is not None
    first = np.searchsorted(every.item, np.arange(6))
    np.testing.assert_array_equal(every.xyxy[first], largest.xyxy.reshape(6, 4))
    np.testing.assert_array_equal(every.peak, largest.peak.reshape(6)[every.item])
    for item in range(6):
        area = every.area[every.item == item]
        assert (np.diff(area) <= 0).all()


def test_maps_without_a_component_have_no_box_and_no_label():
    maps = np.stack([np.zeros((3, 3)), np.eye(3), -np.ones((3, 3))])
    boxes = fastcam.find_boxes(maps, (3, 3), components="all", connectivity=4)
    assert boxes.item is not None
    assert boxes.item.tolist() == [1, 1, 1]
    assert boxes.xyxy.tolist() == [[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]]
    assert label_images(maps, (3, 3), connectivity=8).reshape(3, 9).sum(axis=1).tolist() == [0, 3, 0]
    assert [len(of_map) for of_map in contours(maps, (3, 3))] == [0, 1, 0]
    empty = fastcam.find_boxes(np.zeros((4, 2, 2)), (9, 9), components="all")
    assert (empty.xyxy.shape, empty.area.shape, empty.peak.shape) == ((0, 4), (0,), (0,))


def test_pixels_that_touch_at_a_corner_share_an_outline_only_with_8_neighbours():
    one = np.array([[1.0, 0.0], [0.0, 1.0]])
    [[[ring]]] = contours(one, (2, 2), connectivity=8, threshold=0.5)
    assert len(ring) == 8
    [[first], [second]] = contours(one, (2, 2), connectivity=4, threshold=0.5)[0]
    assert first.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert second.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2]]


def test_a_window_moves_labels_and_outlines():
    one = np.random.default_rng(1).standard_normal((5, 6))
    labels = label_images(one, (50, 60), window=(10, 5, 40, 45))
    assert labels.shape == (40, 30)
    raw = fastcam.heatmaps(one, (50, 60), normalize=False, window=(10, 5, 40, 45))
    np.testing.assert_array_equal(labels > 0, raw > F(0.2) * raw.max())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"components": "most"}, "components: expected 'largest' or 'all'; got 'most'"),
        ({"components": "all", "min_area": 0}, "min_area: expected a number of pixels, 1 or more; got 0"),
        ({"components": "all", "min_area": 2.5}, "min_area: expected a number of pixels, 1 or more; got 2.5"),
        ({"min_area": 9}, "min_area: expected with components='all' only; got 9 with 'largest'"),
    ],
)
def test_options_that_are_refused(options, match):
    with pytest.raises(InputError, match=match):
        fastcam.find_boxes([[1.0]], (4, 4), **options)


@pytest.mark.parametrize("function", [label_images, contours])
def test_a_map_that_is_not_finite_is_refused(function):
    maps = np.ones((2, 2, 3, 3))
    maps[1, 0, 2, 1] = np.inf
    with pytest.raises(InputError, match=r"maps: .* got inf at item \[1, 0\], position \[2, 1\]"):
        function(maps, (9, 9))
    with pytest.raises(InputError, match=r"got inf at item \[1, 0\], position \[2, 1\]"):
        fastcam.find_boxes(maps, (9, 9), components="all")
