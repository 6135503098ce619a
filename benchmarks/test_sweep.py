"""Boxes for a hundred thresholds: a sweep beside what one threshold costs, and many maps with flat memory.

`FASTCAM_MAPS=50000 python -m pytest benchmarks/test_sweep.py -k many --benchmark-enable` for as many maps as the
validation set of ILSVRC has images.
"""

import os
import tracemalloc

import numpy as np
import pytest

import fastcam
from fastcam.arrays.sweeps import sweep

SIZE = (224, 224)
THRESHOLDS = np.arange(1, 100) / 100
MAPS = int(os.environ.get("FASTCAM_MAPS", 50))
BATCH = 1000


def maps_of(count, cells) -> np.ndarray:
    """Return noise around an object, with more components than maps of networks have."""
    rng = np.random.default_rng(0)
    distance = ((np.indices((cells, cells)) - (cells - 1) / 2) ** 2).sum(axis=0)
    object_ = 3 * np.exp(-distance / (0.1 * cells**2))
    return (rng.standard_normal((count, cells, cells)) + object_).astype(np.float32)


def opencv(one):
    """The dense way, one threshold: upsample, compare, label."""
    cv2 = pytest.importorskip("cv2")

    def run():
        up = cv2.resize(one, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
        inside = (up > np.float32(0.2) * up.max()).astype(np.uint8)
        *_, table, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
        return table[1 + table[1:, cv2.CC_STAT_AREA].argmax()]

    return run


def scikit_image(one):
    """The dense way, one threshold, by the reference engine."""
    return lambda: fastcam.find_boxes(one, SIZE, engine="reference")


def one_by_one(one):
    """A hundred times one threshold, without a heatmap."""
    return lambda: [fastcam.find_boxes(one, SIZE, threshold=float(t), threads=1) for t in THRESHOLDS]


CONTENDERS = {
    "fastcam": lambda one: lambda: sweep(one, SIZE, THRESHOLDS, threads=1),
    "fastcam, minmax": lambda one: lambda: sweep(one, SIZE, THRESHOLDS, convention="minmax", threads=1),
    "fastcam, wsol": lambda one: lambda: sweep(one, SIZE, THRESHOLDS, convention="wsol", threads=1),
    "fastcam, all components": lambda one: lambda: sweep(one, SIZE, THRESHOLDS, components="all", threads=1),
    "fastcam, one threshold": lambda one: lambda: sweep(one, SIZE, [0.2], threads=1),
    "fastcam, wsol, one threshold": lambda one: lambda: sweep(one, SIZE, [0.2], convention="wsol", threads=1),
    "find_boxes, a hundred times": one_by_one,
    "OpenCV, one threshold": opencv,
    "scikit-image, one threshold": scikit_image,
}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("cells", [7, 14])
def test_a_hundred_thresholds(benchmark, cells, contender):
    benchmark.group = f"sweep, {cells}×{cells} → 224×224, threads: 1"
    benchmark(CONTENDERS[contender](maps_of(1, cells)[0]))


@pytest.mark.parametrize("contender", ["paper", "wsol"])
def test_many_maps(benchmark, contender, threads):
    """Sweep all maps once, batch by batch; the last batch needs no more memory than the first."""
    benchmark.group = f"sweep, {MAPS:,} maps 14×14 → 224×224, threads: {threads}"
    batch = maps_of(min(BATCH, MAPS), 14)

    def run():
        for first in range(0, MAPS, BATCH):
            sweep(batch[: MAPS - first], SIZE, THRESHOLDS, convention=contender, threads=threads)

    benchmark.pedantic(run, rounds=1)
    tracemalloc.start()
    sweep(batch, SIZE, THRESHOLDS, convention=contender, threads=threads)
    benchmark.extra_info["peak MB of a batch"] = round(tracemalloc.get_traced_memory()[1] / 1e6, 1)
    tracemalloc.stop()
