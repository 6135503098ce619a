"""The kernels have no race; and faults planted in them don't pass, which is what makes the other tests worth something."""

import numpy as np
import pytest

import fastcam
from fastcam.arrays.engines import cuda
from tests.cuda.device import HostDriver, on_host
from tests.cuda.host.executor import SCHEDULES, available

F = np.float32
pytestmark = pytest.mark.skipif(not available(), reason="needs g++, to run CUDA kernels on the host")


def comb():
    """Teeth that join below: components of many runs, which several threads tie together."""
    maps = np.zeros((2, 6, 9), F)
    maps[:, :4, ::2], maps[:, 4] = 1, 1
    maps[1] = maps[1, ::-1]
    return maps


def boxes():
    fastcam.find_boxes(comb(), (70, 45), connectivity=4, engine="cuda")
    noise = np.random.default_rng(0).standard_normal((2, 40, 12)).astype(F)
    fastcam.find_boxes(noise, (120, 36), threshold=0.1, engine="cuda")


def fused():
    features, weights = np.random.default_rng(0).standard_normal((2, 8, 4, 5)).astype(F), np.ones((2, 8), F)
    fastcam.localize(features, weights, [0, 1], (70, 20), engine="cuda")


def heat():
    fastcam.heatmaps(comb(), (9, 8), engine="cuda")
    fastcam.heatmaps(comb(), (9, 7), dtype="uint8", engine="cuda")


def drawn():
    fastcam.overlay(np.zeros((9, 8, 3), np.uint8), comb()[0], engine="cuda")
    fastcam.arrays.label_images(comb(), (9, 8), engine="cuda")


@pytest.mark.parametrize("work", [boxes, fused, heat, drawn])
@pytest.mark.parametrize("schedule", [SCHEDULES[0], SCHEDULES[3]], ids=["forward", "preempting"])
def test_there_is_no_race(work, schedule):
    with on_host(HostDriver(schedule, race=True)):
        work()


def test_there_is_no_race_in_channels_last_and_in_parts(monkeypatch):
    monkeypatch.setattr(cuda, "MUCH", 1)
    monkeypatch.setattr(cuda, "SHARE", 64)
    features = np.random.default_rng(0).standard_normal((1, 4, 5, 64)).astype(F)
    with on_host(HostDriver(SCHEDULES[2], race=True, processors=8)) as host:
        fastcam.localize(features, np.ones((2, 64), F), 1, (20, 20), layout="NHWC", engine="cuda")
        fastcam.activation_maps(features, np.ones((2, 64), F), 1, layout="NHWC", engine="cuda")
    assert "add_parts" in host.launched


# What is put in the place of what, once; and the work that has to fail.
FAULTS = {
    "no barrier before runs are tied": (
        "        find_runs(map, grid, cut, y, tables);\n    __syncthreads();",
        "        find_runs(map, grid, cut, y, tables);",
        boxes,
    ),
    "no barrier in a reduction": (
        "        scratch[threadIdx.x / 32] = value;\n    __syncthreads();",
        "        scratch[threadIdx.x / 32] = value;",
        boxes,
    ),
    "trees are united without an atomic": (
        "const int before = atomicMin(&parent[second], first);",
        "const int before = parent[second];\n        parent[second] = min(before, first);",
        boxes,
    ),
    "areas are added without an atomic": (
        "atomicAdd(&tables.area[chosen], area);",
        "tables.area[chosen] += area;",
        boxes,
    ),
    "a thread returns before a barrier": (
        "    const bool fine = __syncthreads_and(sound);\n    unsigned long long best",
        "    if (threadIdx.x == 3)\n        return;\n    const bool fine = __syncthreads_and(sound);\n"
        "    unsigned long long best",
        boxes,
    ),
    "sums are read before they are there": (
        "                partial[(group * width + place) * VECTOR + j] = sums[j];\n        __syncthreads();",
        "                partial[(group * width + place) * VECTOR + j] = sums[j];",
        fused,
    ),
    "a lane has left its warp": (
        "    __syncwarp();  // the row before has been read",
        "    if (y == 8 && threadIdx.x % 32 == 5)\n        return;\n    __syncwarp();",
        heat,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_caught(fault):
    before, after, work = FAULTS[fault]
    found = []

    def edit(text):
        found.append(text.count(before))
        return text.replace(before, after)

    with on_host(HostDriver(SCHEDULES[3], race=True, edit=edit)), pytest.raises(RuntimeError):
        work()
    assert max(found) == 1


def test_a_store_behind_an_array_is_caught():
    def edit(text):
        return text.replace("x < width; x += 32", "x <= width; x += 32")

    with on_host(HostDriver(edit=edit)), pytest.raises(RuntimeError, match="past the end of argument out"):
        fastcam.heatmaps(comb()[:1], (9, 7), dtype="uint8", engine="cuda")
