"""Boxes for many thresholds in one pass, against published evaluation code."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.arrays.cam_release import release_boxes
from fastcam.arrays.grids import cubic_axis
from fastcam.arrays.sweeps import sweep
from tests.arrays import published
from tests.arrays.maps import KINDS, make_map
from tests.arrays.published import assert_same_as_published

GOLDEN = Path(__file__).parents[1] / "golden"


# --- wsol ---


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (np.zeros((3, 3)), [[0, 0, 0, 0]] * 5),
        (
            [[0, 0, 0, 0, 0], [0, 0.4, 0.4, 0.4, 0.6], [0, 0.4, 1, 0.8, 0.6], [0, 0.4, 0.4, 0.4, 0.6]],
            [[1, 1, 4, 3], [1, 1, 4, 3], [2, 1, 4, 3], [2, 2, 4, 3], [2, 2, 3, 3]],
        ),
        (
            [[0.4, 0, 0.2, 0.2, 0.2], [0.4, 0.4, 0, 0.4, 0], [0, 0, 0, 0.4, 0], [1, 0.6, 0.8, 0.2, 0.2]],
            [[0, 0, 4, 3], [0, 0, 2, 2], [0, 3, 3, 3], [2, 3, 3, 3], [0, 3, 1, 3]],
        ),
    ],
    ids=["degenerate", "one mode", "several modes"],
)
def test_golden_values_of_the_wsol_evaluation(scores, expected):
    """Values from evaluation_test.py of the wsol evaluation."""
    found = sweep(scores, np.shape(scores), np.arange(0, 1, 0.2), convention="wsol")
    assert found.xyxy.tolist() == expected


@pytest.mark.parametrize("shape", [(14, 14), (7, 7), (1, 1), (3, 11), (40, 9)])
@pytest.mark.parametrize("size", [(224, 224), (49, 33), (7, 10), (100, 1)])
def test_cubic_weights_are_those_of_opencv(shape, size):
    one = np.random.default_rng(4).standard_normal(shape)
    for axis in (1, 0):
        cell, weight = cubic_axis(shape[axis], size[axis])
        parts = [np.take(one, np.clip(cell - 1 + k, 0, shape[axis] - 1), axis) for k in range(4)]
        across = weight.T[:, None] if axis else weight.T[:, :, None]
        one = parts[0] * across[0] + parts[1] * across[1] + parts[2] * across[2] + parts[3] * across[3]
    original = np.random.default_rng(4).standard_normal(shape)
    np.testing.assert_array_equal(one, cv2.resize(original, size[::-1], interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("kind", KINDS)
def test_wsol_boxes_are_those_of_the_published_code(kind):
    """Twenty maps of each kind, at twenty thresholds."""
    rng = np.random.default_rng(KINDS.index(kind))
    for i in range(20):
        one = make_map(kind, rng.integers(1, 15, 2), rng)
        size = one.shape if i % 5 == 0 else tuple(rng.integers(1, 49, 2).tolist())
        assert_same_as_published(one, size, np.arange(0, 1, 0.05))


def test_wsol_boxes_at_the_size_of_photos():
    rng = np.random.default_rng(5)
    for kind in ("smooth", "normal"):
        assert_same_as_published(make_map(kind, (14, 14), rng), (224, 224), np.arange(0, 1, 0.02))


def test_wsol_boxes_of_rings():
    """Outlines within holes within outlines, where areas of polygons, not pixels, decide."""
    y, x = np.indices((41, 41)) - 20
    for radius in (np.maximum(abs(x), abs(y)), abs(x) + abs(y), np.hypot(x, y)):
        assert_same_as_published(np.cos(radius).astype(np.float32), (41, 41), np.arange(0, 1, 0.04))


# --- cam-release ---


def test_the_example_of_the_released_code():
    heat = np.asarray(Image.open(GOLDEN / "heatmap_6.jpg").convert("L"))
    assert release_boxes(heat).rectangles.tolist() == [[41, 145, 362, 202], [102, 188, 242, 126]]


def test_rectangles_are_those_of_the_released_code():
    rng, pooled = np.random.default_rng(6), 0
    for i in range(210):
        shape = tuple(rng.integers(1, 33, 2).tolist())
        heat = rng.integers(0, 256, shape).astype(np.uint8)
        if i % 3:
            coarse = rng.integers(0, 256, rng.integers(1, 9, 2)).astype(np.uint8)
            heat = np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
        expected = published.release_rectangles(heat, (20, 100, 110))
        found = release_boxes(heat)
        assert [(*r, c) for r, c in zip(found.rectangles.tolist(), found.cut.tolist(), strict=True)] == expected
        pooled += len(expected)
    assert pooled > 1000


def test_a_sweep_has_the_rectangles_of_the_released_code():
    maps = np.stack([make_map("smooth", (14, 14), np.random.default_rng(7)), -np.ones((14, 14), np.float32)])
    found = sweep(maps, (40, 48), convention="cam-release", components="all")
    peak = fastcam.find_boxes(maps[0], (40, 48)).peak
    heat = fastcam.heatmaps(maps[0], (40, 48), limits=(0, float(peak)), dtype=np.uint8)
    x, y, w, h, cut = np.array(published.release_rectangles(heat, (20, 100, 110))).T
    assert heat.max() == 255
    assert found.item is not None
    assert found.item.tolist() == [0] * len(x)
    assert found.threshold_index is not None
    np.testing.assert_array_equal(found.threshold_index, cut)
    np.testing.assert_array_equal(found.area, w * h)
    ends = np.sort([[x, x + w], [y, y + h]], axis=1)  # where a rectangle begins in the margin, its width is negative
    np.testing.assert_array_equal(found.xyxy, np.stack([*ends[:, 0], *ends[:, 1]], axis=1))
    np.testing.assert_array_equal(found.thresholds * 255, [20, 100, 110])
