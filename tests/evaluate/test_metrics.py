"""Common behaviour of all metrics: shards, states, intervals, classes by themselves, and what is refused."""

import itertools
import json
import pickle
from functools import reduce

import numpy as np
import pytest

from fastcam import InputError
from fastcam.evaluate import (
    EnergyInBox,
    KnownLocalization,
    MaxBoxAcc,
    MaxBoxAccV2,
    MeanIoU,
    PointingGame,
    PxAP,
    TopLocalization,
    bootstrap,
    by_class,
    peak_points,
    restored,
    truth_of,
)
from tests.evaluate.boxes import random_boxes, random_truth


def updates():
    """Each metric with a batch of 24 images, as arguments that can be cut."""
    rng = np.random.default_rng(8)
    truths = [random_boxes(rng, k) for k in rng.integers(1, 3, 24)]
    maps, masks = rng.random((24, 6, 5)), rng.choice([0, 1, 255], (24, 6, 5))
    index, boxes = rng.integers(0, 2, (24, 5)), random_boxes(rng, 24, 5)

    def truth(part):
        return truth_of(truths[part])

    return [
        (TopLocalization(), lambda p: (index[p], boxes[p], truth(p))),
        (KnownLocalization(corners="inclusive"), lambda p: (boxes[p, 0], truth(p))),
        (MaxBoxAcc([0, 0.1, 0.2, 0.5, 0.7], deltas=[0.2]), lambda p: (boxes[p], truth(p))),
        (MaxBoxAccV2([0, 0.1, 0.2, 0.5, 0.7]), lambda p: (boxes[p], truth(p))),
        (PxAP(np.arange(0, 1, 0.1)), lambda p: (maps[p], masks[p])),
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
        (lambda: TopLocalization(top=0), "top: expected a number of predictions, 1 or more; got 0"),
        (lambda: KnownLocalization(delta=0), r"delta: expected an intersection over union in \(0, 1\]; got 0"),
        (lambda: MaxBoxAcc([]), "thresholds: expected at least one, ascending"),
        (lambda: MaxBoxAcc([0.5, 0.2]), "thresholds: expected at least one, ascending"),
        (lambda: MaxBoxAcc([0.5], deltas=[]), "deltas: expected at least one"),
        (lambda: PxAP([0.1, 0.2]), "thresholds: expected the first to be 0"),
        (lambda: PxAP(["a"]), "thresholds: expected numbers"),  # pyright: ignore
        (lambda: PointingGame(tolerance=-1), "tolerance: expected whole pixels, 0 or more; got -1"),
        (lambda: TopLocalization().update([[1]], [[[0, 0, 1, 1]]], truth_of([[]])), "M at least 5"),
        (lambda: KnownLocalization().update([[0, 0, 1, 1]], truth_of([[], []])), r"boxes: expected \(2, 4\)"),
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
    """90 % intervals of samples contain the known fraction in about 90 of 100 cases; a seed gives the same ones."""
    rng, game, held = np.random.default_rng(9), PointingGame(), 0
    for trial in range(100):
        tallies = (rng.random((150, 1)) < 0.3).astype(np.int64)
        low, high = bootstrap(game, tallies, resamples=200, confidence=0.9, seed=trial)["accuracy"]
        held += low <= 0.3 <= high
    assert 80 <= held <= 98
    tallies = rng.integers(0, 1 << 32, (50, 2))
    first, again, other = (bootstrap(KnownLocalization(), tallies, resamples=20, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_classes_by_themselves_add_up():
    rng = np.random.default_rng(10)
    game, index = PointingGame(), rng.integers(0, 3, 50)
    tallies = game.update(rng.integers(0, 30, (50, 2)), random_truth(rng, 50))
    found = by_class(game, tallies, index)
    assert {one: figures.images for one, figures in found.items()} == {k: (index == k).sum() for k in range(3)}
    assert sum(figures.hits for figures in found.values()) == game.summary().hits
