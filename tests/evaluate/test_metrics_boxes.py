"""Metrics of boxes: against plain loops, others' implementations, and the values of wsolevaluation's own tests."""

import itertools
from dataclasses import asdict

import numpy as np
import pytest

from fastcam import InputError
from fastcam.evaluate import (
    KnownLocalization,
    MaxBoxAccV2,
    TopLocalization,
    heuristics,
    iou,
    truth_of,
    wsol_truth,
)
from tests.evaluate.boxes import random_boxes, random_truth


def naive_iou(one, other, more):
    width = min(one[2], other[2]) - max(one[0], other[0]) + more
    height = min(one[3], other[3]) - max(one[1], other[1]) + more
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0] + more) * (box[3] - box[1] + more) for box in (one, other)]
    return common / (sum(areas) - common)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
def test_iou_as_coco_has_it():
    from pycocotools import mask

    rng = np.random.default_rng(0)
    one, other = random_boxes(rng, 40) + 0.25, random_boxes(rng, 50) * 1.5

    def sides(boxes):
        return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)

    expected = mask.iou(sides(one), sides(other), np.zeros(50, np.uint8))  # pyright: ignore
    np.testing.assert_allclose(iou(one, other), expected, rtol=1e-14)


def test_inclusive_corners_are_half_open_ones_less_a_pixel():
    rng = np.random.default_rng(0)
    one, other = random_boxes(rng, 20), random_boxes(rng, 20)
    found = iou(one - (0, 0, 1, 1), other - (0, 0, 1, 1), corners="inclusive")
    np.testing.assert_array_equal(found, iou(one, other))
    assert found[3, 4] == naive_iou(one[3], other[4], 0)


def test_values_of_wsolevaluation_for_boxes():
    """Values of wsolevaluation's evaluation_test.py (MIT)."""
    inclusive = {"corners": "inclusive"}
    np.testing.assert_array_equal(iou(np.zeros((3, 4)), np.zeros((5, 4)), **inclusive), np.ones((3, 5)))
    eye = [[1, 1, 3, 3], [4, 4, 5, 5]]
    np.testing.assert_array_equal(iou(eye, eye, **inclusive), np.eye(2))
    assert iou([[1, 2, 5, 6]], [[3, 1, 4, 5]], **inclusive)[0, 0] == pytest.approx(8 / 27, abs=1e-6)
    with pytest.raises(InputError, match="expected finite x0 <= x1"):
        iou([[1, 1, 0, 0]], [[1, 1, 2, 2]], **inclusive)

    def resized(box, size, target):
        """(width, height) as there; corners inclusive."""
        half_open = [box[0], box[1], box[2] + 1, box[3] + 1]
        return wsol_truth(truth_of([[half_open]]), np.array([size[::-1]]), target[::-1]).boxes[0].tolist()

    assert resized((1, 2, 4, 3), (10, 20), (35, 10)) == [3, 1, 14, 1]
    assert resized((1, 2, 1, 2), (3, 3), (3, 3)) == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 1]], r"boxes: expected boxes \(n, 4\) of numbers; got \(1, 3\)"),
        ([0, 0, 1, 1], r"boxes: expected boxes \(n, 4\) of numbers; got \(4,\)"),
        ([[0, 0, np.nan, 1]], "expected finite x0 <= x1 and y0 <= y1; got .*nan"),
        ([["a"] * 4], "of numbers"),
    ],
)
def test_boxes_that_are_none(boxes, message):
    with pytest.raises(InputError, match=message):
        iou(boxes, [[0, 0, 1, 1]])
    with pytest.raises(InputError, match="corners: expected one of half-open, inclusive; got 'open'"):
        iou([[0, 0, 1, 1]], [[0, 0, 1, 1]], corners="open")


def test_truth_is_checked():
    with pytest.raises(InputError, match="class_index: expected one class a box, a whole number, of 1 images"):
        truth_of([[[0, 0, 1, 1]]], [[1, 2]])
    with pytest.raises(InputError, match="class_index: expected one class a box, a whole number"):
        truth_of([[[0, 0, 1, 1]]], [1.7])
    with pytest.raises(InputError, match="truth: expected the Truth of all images, as truth_of makes it; got list"):
        KnownLocalization().update([[0, 0, 1, 1]], [[[0, 0, 1, 1]]])  # pyright: ignore
    for boxes in ([[0, 0, 1]], [[0, 0, 1, 1], [0, 1]], [0, 0, 1, 1]):
        with pytest.raises(InputError, match=r"boxes: expected .*4\) .*numbers"):
            truth_of([boxes])
    assert len(truth_of([[], [[0, 0, 1, 1]]])) == 2


@pytest.mark.parametrize(("corners", "more"), [("half-open", 0), ("inclusive", 1)])
def test_top_localization_by_loops(corners, more):
    rng = np.random.default_rng(1)
    truth = random_truth(rng, 300)
    index, boxes = rng.integers(0, 3, (300, 3)), random_boxes(rng, 300, 3)
    metric = TopLocalization(top=2, delta=0.3, corners=corners)
    metric.update(index, boxes, truth)

    def right(n, m):
        classes = truth.class_index[truth.offsets[n] : truth.offsets[n + 1]]
        named = index[n, m] in classes
        overlaps = [
            naive_iou(boxes[n, m], b, more) for b, c in zip(truth.of(n), classes, strict=True) if c == index[n, m]
        ]
        return named, max(overlaps, default=0) >= 0.3

    outcomes = np.array([[right(n, m) for m in range(2)] for n in range(300)])
    expected = 1 - outcomes.any(axis=1).mean(axis=0), 1 - outcomes[:, 0].mean(axis=0)
    found = metric.summary()
    assert (found.classification_error, found.localization_error) == pytest.approx(expected[0])
    assert (found.top1_classification_error, found.top1_localization_error) == pytest.approx(expected[1])
    assert 0 < found.classification_error < found.localization_error < found.top1_localization_error < 1


def test_any_of_five_and_several_true_boxes():
    truth = truth_of([[[0, 0, 10, 10], [20, 20, 30, 30]]], [7])
    fifth = np.array([[[0, 0, 2, 2]] * 4 + [[20, 20, 30, 25]]])  # its IoU is just 0.5
    metric = TopLocalization()
    metric.update([[1, 2, 3, 4, 7]], fifth, truth)
    assert asdict(metric.summary()) | {"images": 1, "top": 5} == {
        "images": 1,
        "top": 5,
        "localization_error": 0,
        "classification_error": 0,
        "top1_localization_error": 1,
        "top1_classification_error": 1,
    }


def test_no_box_is_wrong_whatever_corners_mean():
    for corners in ("half-open", "inclusive"):
        truth = truth_of([[[0, 0, 0, 0]]])
        known, top = KnownLocalization(corners=corners), TopLocalization(top=1, corners=corners)
        known.update([[0, 0, 0, 0]], truth)
        top.update([[0]], [[[0, 0, 0, 0]]], truth)
        assert known.summary().accuracy == 0
        assert top.summary().localization_error == 1


def test_heuristics_are_five_boxes_of_three_classes():
    tight, loose = np.arange(12).reshape(1, 3, 4) % 4, np.arange(12).reshape(1, 3, 4) % 4 + 10
    index, boxes = heuristics([[8, 6, 4]], tight, loose)
    assert index.tolist() == [[8, 8, 6, 6, 4]]
    np.testing.assert_array_equal(boxes[0], [loose[0, 0], tight[0, 0], loose[0, 1], tight[0, 1], loose[0, 2]])
    assert TopLocalization().update(index, boxes, truth_of([[tight[0, 1]]], [6])).tolist() == [[1, 1, 0, 0]]
    with pytest.raises(InputError, match="M at least 3"):
        heuristics([[8, 6]], tight[:, :2], loose[:, :2])


def test_known_localization_by_loops():
    rng = np.random.default_rng(2)
    truth, boxes = random_truth(rng, 200), random_boxes(rng, 200)
    metric = KnownLocalization(delta=0.4)
    metric.update(boxes, truth)
    best = [max((naive_iou(boxes[n], b, 0) for b in truth.of(n)), default=0) for n in range(200)]
    assert metric.summary().accuracy == np.mean(np.array(best) >= 0.4)
    assert metric.summary().mean_iou == pytest.approx(np.mean(best), abs=1e-9)


@pytest.mark.parametrize("ragged", [False, True])
def test_max_box_acc_by_loops(ragged):
    """One box for each threshold, or any number of them, none among others."""
    rng = np.random.default_rng(3)
    truth, levels = random_truth(rng, 60), [0.1, 0.4, 0.8]
    counts = rng.integers(0, 3, 180) if ragged else np.ones(180, int)
    offsets = np.cumsum([0, *counts])
    boxes = random_boxes(rng, offsets[-1])
    metric = MaxBoxAccV2(levels)
    tallies = metric.update(boxes if ragged else boxes.reshape(60, 3, 4), truth, offsets=offsets if ragged else None)
    right = np.zeros((3, 3, 60))
    for n, t in itertools.product(range(60), range(3)):
        own = boxes[offsets[n * 3 + t] : offsets[n * 3 + t + 1]]
        best = max((naive_iou(b, other, 0) for b in own for other in truth.of(n)), default=0)
        for d, delta in enumerate((0.3, 0.5, 0.7)):
            right[d, t, n] = best >= delta
    found, curves = metric.summary(), right.mean(axis=2)
    np.testing.assert_array_equal(found.curves, curves)
    assert found.best == tuple(curves.max(axis=1))
    assert found.best_threshold == tuple(levels[t] for t in curves.argmax(axis=1))
    assert found.accuracy == pytest.approx(curves.max(axis=1).mean())
    np.testing.assert_array_equal(tallies.reshape(60, 3, 3), right.transpose(2, 0, 1))
