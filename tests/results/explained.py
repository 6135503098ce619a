"""Explanations by a tiny model, of images that are noise or one color."""

from dataclasses import replace

import numpy as np

import fastcam
from fastcam.arrays.values import Cuboids, Intervals
from tests.model.models import classifier

LABELS = ("tabby, tabby cat", "dog", "crème brûlée", "猫", "tank")
SIZES = ((30, 40), (24, 24), (50, 20))


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def model(labels=LABELS):
    return fastcam.load(classifier(), labels=labels, preprocess="unit,fit=stretch")


def photos():
    return [noise(*size, seed) for seed, size in enumerate(SIZES)]


def without_boxes(explanation, n, m):
    """Return the explanation as if map m of image n had no component."""
    area = explanation.boxes.area.copy()
    area[n, m] = 0
    return replace(explanation, boxes=replace(explanation.boxes, area=area))


def of_rank(explanation, rank):
    """Return what an explanation of signals (rank 1) or volumes (3) of the same number of images would be."""
    count, maps = explanation.class_index.shape
    boxes = {1: Intervals, 3: Cuboids}[rank]
    starts, ends = np.arange(rank), 10 * np.arange(1, rank + 1)
    corners = np.broadcast_to(np.concatenate([starts, ends]), (count, maps, 2 * rank)).astype(np.int32)
    size = np.array({1: (30,), 3: (60, 40, 20)}[rank])
    return replace(
        explanation,
        activation_maps=noise(count, maps * 4**rank).sum(2).astype(np.float32).reshape(count, maps, *[4] * rank),
        boxes=boxes(corners, explanation.boxes.area, explanation.boxes.peak),
        image_sizes=np.broadcast_to(size, (count, rank)),
        regions=np.broadcast_to(np.concatenate([0 * size, size[::-1]]), (count, 2 * rank)),
    )
