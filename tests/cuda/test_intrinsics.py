"""The host executor's vocabulary means what CUDA's does."""

import math

import numpy as np
import pytest

from tests.cuda.host.executor import SCHEDULES
from tests.cuda.specimens import kernel, needs_compiler

pytestmark = [
    needs_compiler,
    pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.order),
    pytest.mark.parametrize("race", [False, True], ids=["", "race"]),
]


def run(name, threads, out, **how):
    kernel("intrinsics", name, **how)((1,), (threads,), (out,))
    return out


def test_shuffles(schedule, race):
    for lane, row in enumerate(run("shuffles", 32, np.empty((32, 8), np.int32), schedule=schedule, race=race)):
        group = lane // 8 * 8
        sources = [
            5,
            group + 1,
            max(lane - 3, 0) if lane >= 3 else lane,
            lane - 3 if lane - 3 >= group else lane,
            lane + 3 if lane + 3 < 32 else lane,
            lane + 3 if lane + 3 < group + 8 else lane,
            lane ^ 12,
        ]
        assert row.tolist() == [*(100 + source for source in sources), int(1.5 * (100 + (lane ^ 1)))], lane


def test_shuffle_from_a_lane_that_is_not_there(schedule, race):
    rows = run("shuffles", 20, np.empty((20, 8), np.int32), schedule=schedule, race=race)
    assert rows[16, 4] == 119
    assert rows[17, 4] == np.uint32(0xCDCDCDCD).astype(np.int32)


def test_votes(schedule, race):
    rows = run("votes", 64, np.empty((64, 10), np.uint32), schedule=schedule, race=race)
    thirds, tens = sum(1 << lane for lane in range(0, 32, 3)), (1 << 10) - 1
    for thread, row in enumerate(rows):
        ten = tens << thread % 32 // 10 * 10 & 0xFFFFFFFF
        lanes = [thirds, 1, 0, ten, 31 * 16, 2**32 - 5, 2**32 - 1]
        assert row.tolist() == [*lanes, 60, 1, 0], thread


def test_halves_of_a_warp_meet_by_themselves(schedule, race):
    out = run("half_warps", 32, np.empty(32, np.uint32), schedule=schedule, race=race)
    assert out.tolist() == [3 * 120 + 0xFFFF] * 16 + [376 + 0xFFFF] * 16


def test_atomics(schedule, race):
    ints, words = np.zeros(4, np.int32), np.array([1000, 0, 0, 0xFFFFFFFF, 0], np.uint32)
    longs, floats, old = np.zeros(3, np.uint64), np.zeros(2, np.float32), np.empty(64, np.int32)
    kernel("intrinsics", "atomics", schedule=schedule, race=race)((1,), (64,), (ints, words, longs, floats, old))
    assert ints.tolist() == [128, -64, -63, 63]
    assert words[:4].tolist() == [100, 163, 0xFFFFFFFF, 0]
    assert longs.tolist() == [64 << 32, 1 << 63, 7]
    assert floats.tolist() == [32, 2.5]
    assert sorted(old.tolist()) == list(range(0, 128, 2))
    if schedule.order == "forward":
        assert words[4] == 64


def test_integers(schedule, race):
    minus_big = 2**64 - 5000000000
    expected = [
        *(-1, 2, 2**32 - 1, 3, min(9, minus_big)),
        *(8, 8, 4, 0, 31, 32, 2**31),
        *(2, -(2**31), -2, 0, 2**31 - 1),
        *(-(2**31), 0x3F800000, 1),
        *(16 + 8 + 4 + 8 + 16 + 4, 4 + 6 + 7, 32),
    ]
    assert run("integers", 1, np.empty(len(expected), np.int64), schedule=schedule, race=race).tolist() == expected


def test_floats(schedule, race):
    tenth = np.float32(0.1)
    values, out = np.array([0.0, -0.0, np.nan, tenth], np.float32), np.empty(16, np.float32)
    kernel("intrinsics", "floats", schedule=schedule, race=race)((1,), (1,), (values, out))
    assert [math.copysign(1, value) for value in out[:4]] == [-1, -1, 1, 1]
    fused = np.float64(tenth) * np.float64(tenth) - np.float64(tenth * tenth)
    expected = [0, 0, 0, 0, 1, 2, np.nan, tenth, fused, np.float64(tenth) * 10 - 1, 0]
    expected += [tenth + np.float32(0.2), tenth / np.float32(3), 1, 4.5, tenth]
    np.testing.assert_array_equal(out, np.array(expected, np.float32))


def test_constants(schedule, race):
    out = run("constants", 8, np.empty(8, np.int32), schedule=schedule, race=race)
    assert out.tolist() == [2, 3, 5, 7, 4, 6, 10, 14]


def test_places(schedule, race):
    out = np.empty((24, 24), np.uint32)
    kernel("intrinsics", "places", schedule=schedule, race=race)((2, 3, 4), (4, 3, 2), (out,))
    np.testing.assert_array_equal(out, np.arange(24)[:, None] * 1000 + np.arange(24))


def test_shared_memory_begins_as_garbage(schedule, race):
    out = np.empty(4, np.uint32)
    for _ in range(2):
        kernel("intrinsics", "garbage", schedule=schedule, race=race)((1,), (1,), (out,), shared_mem=16)
        assert out.tolist() == [0xCDCDCDCD] * 3 + [0]
