"""The race detector: silent on right kernels (see test_executor.py, too), and not on wrong ones, in any order."""

import numpy as np
import pytest

from tests.cuda.host.executor import SCHEDULES, HostModule
from tests.cuda.specimens import OPTIONS, TILE, kernel, needs_compiler, text
from tests.cuda.test_executor import labels_by_kernel

pytestmark = needs_compiler

schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.order)


@schedules
@pytest.mark.parametrize(
    ("part", "instead"),
    [
        # Without the second barrier, plain reads meet atomics only: that shows in the results (test_executor.py).
        ("__syncthreads();  // first", ""),
        ("atomicMin(&parent[high], low);", "parent[high];\n parent[high] = min(before, low);"),
    ],
    ids=["no barrier", "merge without atomics"],
)
def test_faulty_labelling(part, instead, schedule):
    faulty = text("labelling").replace(part, instead)
    assert faulty != text("labelling")
    label_tiles = HostModule(faulty, OPTIONS, schedule=schedule, race=True).get_function("label_tiles")
    with pytest.raises(RuntimeError, match=r"data race: it .* shared variable parent \+ byte"):
        labels_by_kernel(label_tiles, np.ones((TILE, TILE), bool))


@schedules
@pytest.mark.parametrize(
    ("name", "blocks", "where"),
    [
        ("add_plainly", 1, "argument total"),
        ("blocks_write", 2, "argument cell"),
        ("write_against_atomic", 1, "argument cell"),
        ("ballot_is_no_barrier", 1, "shared variable cells"),
        ("halves_are_not_ordered", 1, "shared variable cells"),
    ],
)
def test_race(name, blocks, where, schedule):
    thread, act = r"thread \(\d+,0,0\)", r"\w+( atomically)?"
    race = (
        rf"^{name}: block \(\d,0,0\), {thread}: data race: it {act} {where} \+ byte \d+, "
        rf"which {thread} of block \(\d,0,0\) {act} with no barrier in between$"
    )
    with pytest.raises(RuntimeError, match=race):
        kernel("faults", name, schedule=schedule, race=True)((blocks,), (32,), (np.zeros(64, np.int32),))


@schedules
def test_race_of_reads_with_a_later_write(schedule):
    # The read of the thread that writes must not hide those of the others.
    read_then_write = kernel("faults", "read_then_write", schedule=schedule, race=True)
    with pytest.raises(RuntimeError, match=r"data race: .* shared variable first \+ byte 0"):
        read_then_write((1,), (64,), (np.zeros(1, np.int32), np.zeros(64, np.int32)))


def test_race_of_a_word_with_its_bytes():
    with pytest.raises(RuntimeError, match=r"data race: it writes argument word \+ byte 1, .* writes with no barrier"):
        kernel("faults", "bytes_of_a_word", race=True)((1,), (4,), (np.zeros(1, np.uint32),))


def test_race_names_both_threads_and_the_byte():
    with pytest.raises(RuntimeError) as caught:
        kernel("faults", "write_against_atomic", race=True)((1,), (2,), (np.zeros(1, np.int32),))
    assert str(caught.value) == (
        "write_against_atomic: block (0,0,0), thread (1,0,0): data race: it changes atomically argument cell + byte 0, "
        "which thread (0,0,0) of block (0,0,0) writes with no barrier in between"
    )


@schedules
def test_barriers_of_warps_order_memory(schedule):
    rotated, values = np.empty(64, np.int32), np.arange(64, dtype=np.int32)
    kernel("sums", "rotate", schedule=schedule, race=True)((1,), (64,), (values, rotated))
    assert rotated.tolist() == [*range(3, 32), 0, 1, 2, *range(35, 64), 32, 33, 34]
    kernel("sums", "rotate_halves", schedule=schedule, race=True)((1,), (32,), (values, rotated))
    assert rotated[:32].tolist() == [*range(1, 16), 0, *range(17, 32), 16]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (8, "reads 4 bytes at byte 32 of argument values, which has 32"),
        (9, "reads 4 bytes at byte 36 of argument values, which has 32"),
        (-2, "reads 4 bytes, 8 bytes before the first byte of argument values"),
        (2**30, "reads 4 bytes outside of all arguments and shared variables"),
    ],
)
def test_reads_out_of_range(place, message):
    arguments = np.zeros(8, np.int32), np.int32(place), np.zeros(1, np.int32)
    with pytest.raises(RuntimeError, match=message):
        kernel("faults", "read_at", race=True)((1,), (1,), arguments)


def test_dynamic_shared_memory_has_an_end():
    with pytest.raises(RuntimeError, match="writes 4 bytes at byte 16 of dynamic shared memory, which has 16"):
        kernel("faults", "write_dynamic", race=True)((1,), (1,), (np.zeros(1, np.int32), np.int32(4)), shared_mem=16)
