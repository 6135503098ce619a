"""Metrics of evaluation: against plain loops, others' implementations, and the values of wsolevaluation's own tests."""

import itertools
import json
import pickle
from dataclasses import asdict
from functools import reduce

import numpy as np
import pytest

from fastcam import InputError
from fastcam.evaluate import (
    EnergyInBox,
    KnownLocalisation,
    MaxBoxAcc,
    MaxBoxAccV2,
    MeanIoU,
    PointingGame,
    PxAP,
    TopLocalisation,
    bootstrap,
    by_class,
    centre_gaussian,
    centre_point,
    heuristics,
    iou,
    peak_points,
    photo_map,
    restored,
    truth_of,
    wsol_truth,
)

THRESHOLDS = np.arange(0, 1, 0.1)


def random_boxes(rng, *shape):
    corners = np.sort(rng.integers(0, 30, (*shape, 2, 2)), axis=-1)
    return np.concatenate([corners[..., 0], corners[..., 1] + 1], axis=-1)


def random_truth(rng, images, most=4):
    counts = rng.integers(0, most, images)
    return truth_of([random_boxes(rng, k) for k in counts], [rng.integers(0, 3, k) for k in counts])


def naive_iou(one, other, more):
    width = min(one[2], other[2]) - max(one[0], other[0]) + more
    height = min(one[3], other[3]) - max(one[1], other[1]) + more
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0] + more) * (box[3] - box[1] + more) for box in (one, other)]
    return common / (sum(areas) - common)


# ---- overlap ---------------------------------------------------------------------------------------------------------


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
    """From its evaluation_test.py (MIT)."""
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
    with pytest.raises(InputError, match="class_index: expected one class a box, of 1 images"):
        truth_of([[[0, 0, 1, 1]]], [[1, 2]])
    for boxes in ([[0, 0, 1]], [[0, 0, 1, 1], [0, 1]], [0, 0, 1, 1]):
        with pytest.raises(InputError, match=r"boxes: expected .*4\) .*numbers"):
            truth_of([boxes])
    assert len(truth_of([[], [[0, 0, 1, 1]]])) == 2


# ---- localisation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("corners", "more"), [("half-open", 0), ("inclusive", 1)])
def test_top_localisation_by_loops(corners, more):
    rng = np.random.default_rng(1)
    truth = random_truth(rng, 300)
    index, boxes = rng.integers(0, 3, (300, 3)), random_boxes(rng, 300, 3)
    metric = TopLocalisation(top=2, delta=0.3, corners=corners)
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
    assert (found.classification_error, found.localisation_error) == pytest.approx(expected[0])
    assert (found.top1_classification_error, found.top1_localisation_error) == pytest.approx(expected[1])
    assert 0 < found.classification_error < found.localisation_error < found.top1_localisation_error < 1


def test_any_of_five_and_several_true_boxes():
    truth = truth_of([[[0, 0, 10, 10], [20, 20, 30, 30]]], [7])
    fifth = np.array([[[0, 0, 2, 2]] * 4 + [[20, 20, 30, 25]]])  # its IoU is just 0.5
    metric = TopLocalisation()
    metric.update([[1, 2, 3, 4, 7]], fifth, truth)
    assert asdict(metric.summary()) | {"images": 1, "top": 5} == {
        "images": 1,
        "top": 5,
        "localisation_error": 0,
        "classification_error": 0,
        "top1_localisation_error": 1,
        "top1_classification_error": 1,
    }


def test_no_box_is_wrong_whatever_corners_mean():
    for corners in ("half-open", "inclusive"):
        truth = truth_of([[[0, 0, 0, 0]]])
        known, top = KnownLocalisation(corners=corners), TopLocalisation(top=1, corners=corners)
        known.update([[0, 0, 0, 0]], truth)
        top.update([[0]], [[[0, 0, 0, 0]]], truth)
        assert known.summary().accuracy == 0
        assert top.summary().localisation_error == 1


def test_heuristics_are_five_boxes_of_three_classes():
    tight, loose = np.arange(12).reshape(1, 3, 4) % 4, np.arange(12).reshape(1, 3, 4) % 4 + 10
    index, boxes = heuristics([[8, 6, 4]], tight, loose)
    assert index.tolist() == [[8, 8, 6, 6, 4]]
    np.testing.assert_array_equal(boxes[0], [loose[0, 0], tight[0, 0], loose[0, 1], tight[0, 1], loose[0, 2]])
    assert TopLocalisation().update(index, boxes, truth_of([[tight[0, 1]]], [6])).tolist() == [[1, 1, 0, 0]]
    with pytest.raises(InputError, match="M at least 3"):
        heuristics([[8, 6]], tight[:, :2], loose[:, :2])


def test_known_localisation_by_loops():
    rng = np.random.default_rng(2)
    truth, boxes = random_truth(rng, 200), random_boxes(rng, 200)
    metric = KnownLocalisation(delta=0.4)
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


# ---- pixels ----------------------------------------------------------------------------------------------------------


def test_average_precision_as_scikit_learn_has_it():
    """Where every value has a threshold of its own, and ignored pixels are left out."""
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
    with pytest.raises(InputError, match="classes: expected 2 to 255"):
        MeanIoU(1)


# ---- points and energy -----------------------------------------------------------------------------------------------


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
        gaussian = centre_gaussian(size)
        np.testing.assert_allclose(gaussian, gaussian[::-1, ::-1], rtol=1e-6)
        assert peak_points([centre_point(size)]).tolist() == [[size[1] // 2, size[0] // 2]]
        assert gaussian.max() == gaussian[size[0] // 2, size[1] // 2]
    with pytest.raises(InputError, match=r"size: expected \(height, width\)"):
        centre_point((0, 3))
    with pytest.raises(InputError, match="sigma: expected a positive number"):
        centre_gaussian((2, 2), sigma=0)


def test_maps_at_the_size_of_photos(load_real, photos):
    """What a centre crop didn't see has the value that is asked for."""
    import fastcam

    model = load_real("cifar10_resnet20")
    cropped = fastcam.load(model.path, preprocess="imagenet,fit=center-crop")
    found = cropped.explain(photos[0], class_index=3)
    height, width = found.image_sizes[0].tolist()
    x0, y0, x1, y1 = found.regions[0].tolist()
    seen = photo_map(found, 0, unseen=-99)
    expected = fastcam.heatmaps(found.activation_maps[0, 0], (y1 - y0, x1 - x0), normalise=False)
    np.testing.assert_array_equal(seen[y0:y1, x0:x1], expected)
    assert seen.shape == (height, width)
    assert (seen == -99).sum() == height * width - expected.size > 0


# ---- what all metrics have in common ---------------------------------------------------------------------------------


def updates():
    """Each metric with a batch of 24 images, as arguments that can be cut."""
    rng = np.random.default_rng(8)
    truths = [random_boxes(rng, k) for k in rng.integers(1, 3, 24)]
    maps, masks = rng.random((24, 6, 5)), rng.choice([0, 1, 255], (24, 6, 5))
    index, boxes = rng.integers(0, 2, (24, 5)), random_boxes(rng, 24, 5)

    def truth(part):
        return truth_of(truths[part])

    return [
        (TopLocalisation(), lambda p: (index[p], boxes[p], truth(p))),
        (KnownLocalisation(corners="inclusive"), lambda p: (boxes[p, 0], truth(p))),
        (MaxBoxAcc([0, 0.1, 0.2, 0.5, 0.7], deltas=[0.2]), lambda p: (boxes[p], truth(p))),
        (MaxBoxAccV2([0, 0.1, 0.2, 0.5, 0.7]), lambda p: (boxes[p], truth(p))),
        (PxAP(THRESHOLDS), lambda p: (maps[p], masks[p])),
        (PointingGame(tolerance=2), lambda p: (peak_points(maps[p]), truth(p))),
        (EnergyInBox(), lambda p: (maps[p] - 0.3, truth(p))),
        (MeanIoU(2), lambda p: ((maps > 0.5)[p], masks[p])),
    ]


@pytest.mark.parametrize(("metric", "arguments"), updates(), ids=lambda v: type(v).__name__)
def test_shards_in_any_order_and_grouping_are_the_whole(metric, arguments):
    parts = [slice(0, 7), slice(7, 8), slice(8, 24)]
    whole = restored(metric.state())
    whole.update(*arguments(slice(0, 24)))  # pyright: ignore
    shards = []
    for part in parts:
        shard = restored(json.loads(json.dumps(metric.state())))
        tallies = shard.update(*arguments(part))  # pyright: ignore
        assert len(tallies) == len(range(24)[part])
        shards.append(pickle.loads(pickle.dumps(shard)))
    orders = [reduce(lambda a, b: a.merge(b), order) for order in itertools.permutations(shards)]
    orders.append(shards[0].merge(shards[1].merge(shards[2])))
    for one in [*orders, restored(json.loads(json.dumps(whole.state())))]:
        assert repr(one.summary()) == repr(whole.summary())
        assert one.state() == whole.state()
    assert whole.images == 24
    assert shards[1].images == 1
    intervals = bootstrap(whole, whole.sums[None], resamples=2)
    assert intervals
    for name, (low, high) in intervals.items():
        assert low <= high == pytest.approx(high), name


def test_what_can_not_be_merged_or_restored():
    game = PointingGame()
    for other in (PointingGame(tolerance=1), EnergyInBox()):
        with pytest.raises(InputError, match="merge: expected the kind and settings of <PointingGame of 0 images"):
            game.merge(other)  # pyright: ignore
    with pytest.raises(InputError, match="PointingGame: expected at least one image before its summary; got none"):
        game.summary()
    good = game.state()
    for wrong in (
        {},
        good | {"metric": "Pointing"},
        good | {"settings": {"radius": 3}},
        {name: good[name] for name in ("metric", "settings", "images")},
        good | {"sums": [1, 2]},
        good | {"sums": [-1]},
        good | {"sums": 3},
        good | {"images": 1.5},
        [],
    ):
        with pytest.raises(InputError, match="state: expected"):
            restored(wrong)  # pyright: ignore


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TopLocalisation(top=0), "top: expected a number of predictions, 1 or more; got 0"),
        (lambda: KnownLocalisation(delta=0), r"delta: expected an intersection over union in \(0, 1\]; got 0"),
        (lambda: MaxBoxAcc([]), "thresholds: expected at least one, ascending"),
        (lambda: MaxBoxAcc([0.5, 0.2]), "thresholds: expected at least one, ascending"),
        (lambda: MaxBoxAcc([0.5], deltas=[]), "deltas: expected at least one"),
        (lambda: PxAP([0.1, 0.2]), "thresholds: expected the first to be 0"),
        (lambda: PxAP(["a"]), "thresholds: expected numbers"),  # pyright: ignore
        (lambda: PointingGame(tolerance=-1), "tolerance: expected whole pixels, 0 or more; got -1"),
        (lambda: TopLocalisation().update([[1]], [[[0, 0, 1, 1]]], truth_of([[]])), "M at least 5"),
        (lambda: KnownLocalisation().update([[0, 0, 1, 1]], truth_of([[], []])), r"boxes: expected \(2, 4\)"),
        (lambda: MaxBoxAcc([0.1]).update([[0, 0, 1, 1]], truth_of([[]])), r"boxes: expected \(1, 1, 4\)"),
        (
            lambda: MaxBoxAcc([0.1]).update([[0, 0, 1, 1]], truth_of([[]]), offsets=[0, 2]),
            "offsets: expected 0 to 1, ascending",
        ),
        (lambda: MaxBoxAcc([0.1]).update([[0, 0, 1, 1]], truth_of([[]]), offsets=[0]), r"offsets: expected \(2,\)"),
        (lambda: bootstrap(PointingGame(), np.zeros((3, 2), int)), r"tallies: expected \(N, 1\) whole numbers"),
        (lambda: bootstrap(PointingGame(), np.zeros((0, 1), int)), "bootstrap: expected images"),
        (lambda: bootstrap(PointingGame(), np.zeros((1, 1), int), confidence=1), "confidence: expected"),
        (lambda: bootstrap(PointingGame(), np.zeros((1, 1), int), confidence="a"), "confidence: expected"),  # pyright: ignore
        (lambda: bootstrap(PointingGame(), np.zeros((1, 1), int), seed=-1), "seed: expected"),
        (lambda: by_class(PointingGame(), np.zeros((3, 1), int), [1]), r"class_index: expected \(3,\)"),
    ],
)
def test_options_and_arrays_that_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_bootstrap_covers_as_often_as_it_says():
    """Of samples of a known fraction, 90 % intervals hold it in about 90 of 100 cases; and a seed gives the same."""
    rng, game, held = np.random.default_rng(9), PointingGame(), 0
    for trial in range(100):
        tallies = (rng.random((150, 1)) < 0.3).astype(np.int64)
        low, high = bootstrap(game, tallies, resamples=200, confidence=0.9, seed=trial)["accuracy"]
        held += low <= 0.3 <= high
    assert 80 <= held <= 98
    tallies = rng.integers(0, 1 << 32, (50, 2))
    first, again, other = (bootstrap(KnownLocalisation(), tallies, resamples=20, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_classes_by_themselves_add_up():
    rng = np.random.default_rng(10)
    game, index = PointingGame(), rng.integers(0, 3, 50)
    tallies = game.update(rng.integers(0, 30, (50, 2)), random_truth(rng, 50))
    found = by_class(game, tallies, index)
    assert {one: figures.images for one, figures in found.items()} == {k: (index == k).sum() for k in range(3)}
    assert sum(figures.hits for figures in found.values()) == game.summary().hits
