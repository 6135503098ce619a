"""Metrics of pixels, points and energy: against loops, scikit-learn, and the values of wsolevaluation's own tests."""

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.evaluate import (
    EnergyInBox,
    MeanIoU,
    PointingGame,
    PxAP,
    bootstrap,
    center_gaussian,
    center_point,
    peak_points,
    photo_map,
    truth_of,
)
from tests.evaluate.boxes import random_truth


def test_average_precision_as_scikit_learn_has_it():
    """Average precision of scikit-learn, where every value has a threshold of its own and ignored pixels are left out."""
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(4)
    maps, masks = rng.integers(0, 11, (5, 9, 8)) / 10, rng.choice([0, 1, 255], (5, 9, 8))
    metric = PxAP([k / 10 for k in range(10)])
    metric.update(maps, masks)
    counted = masks != 255
    expected = average_precision_score(masks[counted], maps[counted])
    assert metric.summary().average_precision == pytest.approx(expected, rel=1e-12)
    assert metric.summary().object_pixels == (masks == 1).sum()
    for t, level in enumerate(metric.settings["thresholds"]):
        above = (maps >= level) & counted
        assert metric.summary().precision[t] == (masks[above] == 1).mean()
        assert metric.summary().recall[t] == (above & (masks == 1)).sum() / (masks == 1).sum()


def mask_of(objects, background):
    """224×224 with so many pixels of the object and of the background, the others ignored."""
    return np.repeat([1, 0, 255], [objects, background, 224 * 224 - objects - background]).reshape(224, 224)


@pytest.mark.parametrize(("objects", "background"), [(43031, 7145), (833, 49342), (347, 13909)])
def test_values_of_wsolevaluation_for_masks(objects, background):
    """The counts of the masks in its evaluation_test.py (MIT), and what it expects of constant and of perfect maps."""
    mask = mask_of(objects, background)
    for value in (0.0, 0.5, 1.0):
        metric = PxAP(np.arange(0, 1, 0.01))
        metric.update([np.full((224, 224), value)], [mask])
        assert metric.summary().average_precision == pytest.approx(objects / (objects + background), abs=1e-12)
    for ignored in (0.0, 1.0):
        metric = PxAP(np.arange(0, 1, 0.01))
        metric.update([np.where(mask == 255, ignored, mask)], [mask])
        assert metric.summary().average_precision == 1


def test_pixels_of_nothing_or_of_nobody():
    metric = PxAP([0.0, 0.5])
    metric.update([np.zeros((2, 2))], [np.zeros((2, 2), bool)])
    assert np.isnan(metric.summary().average_precision)
    assert np.isnan(bootstrap(metric, metric.sums[None])["average_precision"].low)
    metric.update([np.ones((2, 2))], [np.full((2, 2), 255)])
    assert (metric.summary().images, metric.summary().background_pixels) == (2, 4)


@pytest.mark.parametrize(
    ("one", "mask", "message"),
    [
        ([[1.5]], [[1]], r"maps: expected values in \[0, 1\]; got others in map 0"),
        ([[np.nan]], [[1]], r"maps: expected values in \[0, 1\]"),
        ([[0.5]], [[2]], "masks: expected 0, 1 and 255; got other values in mask 0"),
        ([[0.5]], [[1, 0]], "masks: expected the size of map 0"),
    ],
)
def test_pixels_that_can_not_be_counted(one, mask, message):
    metric = PxAP([0.0])
    with pytest.raises(InputError, match=message):
        metric.update([[[0.5]], one][1:], [mask])
    assert metric.images == 0
    with pytest.raises(InputError, match="masks: expected 1, one for each map; got 0"):
        metric.update([one], [])


def test_mean_iou_by_the_confusion_matrix_of_scikit_learn():
    from sklearn.metrics import confusion_matrix, jaccard_score

    rng = np.random.default_rng(5)
    truth, predicted = rng.choice([0, 1, 3, 255], (4, 12, 7)), rng.choice([0, 1, 3], (4, 12, 7))
    metric = MeanIoU(4)
    metric.update(predicted, truth)
    known = truth != 255
    expected = confusion_matrix(truth[known], predicted[known], labels=range(4))
    np.testing.assert_array_equal(metric.sums.reshape(4, 4), expected)
    scores = jaccard_score(truth[known], predicted[known], labels=[0, 1, 3], average=None)  # pyright: ignore
    found = metric.summary()
    np.testing.assert_allclose(np.delete(found.iou, 2), scores)
    assert np.isnan(found.iou[2])
    assert found.mean_iou == pytest.approx(np.mean(scores))
    with pytest.raises(InputError, match="predicted: expected classes 0 to 3; got others in image 0"):
        metric.update([[[4]]], [[[0]]])
    with pytest.raises(InputError, match=r"predicted: expected \(H, W\) as in truth 0"):
        metric.update([[[0, 0]]], [[[0]]])
    with pytest.raises(InputError, match="class_count: expected 2 to 255"):
        MeanIoU(1)


@pytest.mark.parametrize("tolerance", [0, 3, 15])
def test_pointing_with_boxes_and_masks_by_loops(tolerance):
    """A hit is any pixel of the object in a disc around the point."""
    rng = np.random.default_rng(6)
    truth, points = random_truth(rng, 120, most=2), rng.integers(0, 40, (120, 2))
    rows, columns = np.mgrid[:40, :40]
    masks, hits = [], 0
    for n, (x, y) in enumerate(points):
        inside = np.zeros((40, 40), bool)
        for x0, y0, x1, y1 in truth.of(n).astype(int):
            inside[y0:y1, x0:x1] = True
        masks.append(inside)
        hits += inside[(rows - y) ** 2 + (columns - x) ** 2 <= tolerance**2].any()
    for regions in (truth, masks):
        game = PointingGame(tolerance=tolerance)
        game.update(points, regions)
        assert game.summary().hits == hits
    assert 0 < hits < 120


def test_energy_by_loops_with_boxes_between_pixels():
    rng = np.random.default_rng(7)
    maps = rng.standard_normal((3, 20, 24))
    maps[2] = -1
    truth = truth_of([[[1.2, 2.5, 9.4, 8.6], [5, 5, 12, 12]], [[-3, -2, 4, 4]], [[0, 0, 9, 9]]])
    metric = EnergyInBox()
    metric.update(maps, truth)
    parts = []
    for n in range(3):
        inside = total = 0.0
        for y, x in np.ndindex(20, 24):
            value = max(maps[n, y, x], 0)
            total += value
            inside += value * any(b[0] <= x + 0.5 < b[2] and b[1] <= y + 0.5 < b[3] for b in truth.of(n))
        parts.append(inside / total if total else 0)
    assert metric.summary().energy == pytest.approx(np.mean(parts), abs=1e-9)
    assert metric.summary().empty == 1
    by_mask = EnergyInBox()
    by_mask.update(np.ones((1, 2, 2)), [np.array([[True, False], [False, False]])])
    assert by_mask.summary().energy == 0.25


def test_points_and_maps_that_do_not_fit():
    with pytest.raises(InputError, match=r"points: expected \(1, 2\) whole numbers; got \(1, 2\) float64"):
        PointingGame().update([[0.5, 1]], truth_of([[]]))
    with pytest.raises(InputError, match=r"regions: expected a bool mask \(H, W\) around \(5, 1\); got \(2, 2\) bool"):
        PointingGame().update([[5, 1]], [np.ones((2, 2), bool)])
    with pytest.raises(InputError, match=r"maps: expected \(H, W\) of finite numbers"):
        EnergyInBox().update([[[np.inf]]], truth_of([[]]))
    with pytest.raises(InputError, match="regions: expected 1, one for each map; got 2"):
        EnergyInBox().update([[[1.0]]], truth_of([[], []]))
    with pytest.raises(InputError, match=r"regions: expected bool masks, mask 0 \(1, 1\)"):
        EnergyInBox().update([[[1.0]]], [np.ones((2, 1), bool)])
    with pytest.raises(InputError, match="maps: expected .* without NaN"):
        peak_points([[[np.nan]]])


def test_baselines():
    for size in ((5, 7), (4, 6), (1, 1)):
        gaussian = center_gaussian(size)
        np.testing.assert_allclose(gaussian, gaussian[::-1, ::-1], rtol=1e-6)
        assert peak_points([center_point(size)]).tolist() == [[size[1] // 2, size[0] // 2]]
        assert gaussian.max() == gaussian[size[0] // 2, size[1] // 2]
    with pytest.raises(InputError, match=r"size: expected \(height, width\)"):
        center_point((0, 3))
    with pytest.raises(InputError, match="sigma: expected a positive number"):
        center_gaussian((2, 2), sigma=0)


def test_maps_at_the_size_of_photos(load_real, photos):
    """Pixels that a centre crop left out have the given value."""
    model = load_real("cifar10_resnet20")
    cropped = fastcam.load(model.path, preprocess="imagenet,fit=center-crop")
    found = cropped.explain(photos[0], class_index=3)
    height, width = found.image_sizes[0].tolist()
    x0, y0, x1, y1 = found.regions[0].tolist()
    seen = photo_map(found, 0, unseen=-99)
    expected = fastcam.heatmaps(found.activation_maps[0, 0], (y1 - y0, x1 - x0), normalize=False)
    np.testing.assert_array_equal(seen[y0:y1, x0:x1], expected)
    assert seen.shape == (height, width)
    assert (seen == -99).sum() == height * width - expected.size > 0
