"""The tester of kernels: right ones give what they should in every order of threads, and wrong ones are found."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from skimage.measure import label

from tests.cuda.host import build, executor
from tests.cuda.host.executor import SCHEDULES, HostKernel, HostModule, Schedule
from tests.cuda.nvrtc import compile_cubin
from tests.cuda.specimens import OPTIONS, TILE, kernel, needs_compiler, text

pytestmark = needs_compiler

LINE_OF_INDEX = f"kernels.cu:{text('faults').split('cells[place]')[0].count(chr(10)) + 1}"

schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.order)


def labels_by_definition(mask):
    """The place of the first pixel of the component of each pixel, tile by tile; -1 outside."""
    expected = np.full(mask.shape, -1, np.int32)
    places = np.arange(mask.size).reshape(mask.shape)
    for y in range(0, mask.shape[0], TILE):
        for x in range(0, mask.shape[1], TILE):
            tile = np.s_[y : y + TILE, x : x + TILE]
            components = np.asarray(label(mask[tile], connectivity=1))
            for number in range(1, components.max() + 1):
                expected[tile][components == number] = places[tile][components == number].min()
    return expected


def labels_by_kernel(labels_of: HostKernel, mask):
    labels = np.empty(mask.shape, np.int32)
    height, width = mask.shape
    grid = (-(-width // TILE), -(-height // TILE))
    labels_of(grid, (TILE, TILE), (mask, np.int32(height), np.int32(width), labels))
    return labels


def masks():
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (TILE, TILE), (3, 17), (21, 30)]
    return [rng.random(shape) < density for shape in shapes for density in (0, 0.3, 0.5, 0.6, 0.8, 1)]


@pytest.mark.parametrize("file", ["labelling", "sums", "faults", "intrinsics"])
def test_specimens_are_cuda(file):
    assert compile_cubin(text(file), 80, OPTIONS)


@schedules
@pytest.mark.parametrize("race", [False, True])
def test_labels(schedule, race):
    for mask in masks():
        labels = labels_by_kernel(kernel("labelling", "label_tiles", schedule=schedule, race=race), mask)
        np.testing.assert_array_equal(labels, labels_by_definition(mask))


@schedules
@pytest.mark.parametrize("race", [False, True])
@pytest.mark.parametrize(("threads", "count"), [(32, 1), (64, 300), (1024, 1500)])
def test_sums(schedule, race, threads, count):
    values = np.random.default_rng(count).integers(-99, 99, count).astype(np.float32)
    sums = np.empty(-(-count // threads), np.float32)
    sum_blocks = kernel("sums", "sum_blocks", schedule=schedule, race=race)
    sum_blocks((sums.size,), (threads,), (values, np.int32(count), sums), shared_mem=threads // 32 * 4)
    np.testing.assert_array_equal(sums, [values[i : i + threads].sum() for i in range(0, count, threads)])
    total = np.zeros(1, np.int32)
    sum_all = kernel("sums", "sum_all", schedule=schedule, race=race)
    sum_all((sums.size,), (threads,), (values.astype(np.int32), np.int32(count), total))
    assert total[0] == values.sum()


def test_schedules_are_repeatable_and_differ():
    order = 'extern "C" __global__ void note(int *next, int *when) { when[threadIdx.x] = atomicAdd(next, 1); }'

    def run(schedule: Schedule) -> list[int]:
        when = np.empty(50, np.int32)
        HostModule(order, schedule=schedule).get_function("note")((1,), (50,), (np.zeros(1, np.int32), when))
        return when.tolist()

    assert run(Schedule("forward")) == list(range(50))
    assert run(Schedule("reverse")) == list(range(49, -1, -1))
    random = [Schedule("random"), Schedule("random", seed=1), Schedule("preempting")]
    assert [run(schedule) for schedule in random] == [run(schedule) for schedule in random]
    assert len({tuple(run(schedule)) for schedule in random}) == 3


def test_schedule_is_known():
    with pytest.raises(ValueError, match=r"expected a schedule of \('forward', .*, got 'backward'"):
        Schedule("backward")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("barrier", ["first", "second"])
def test_missing_barrier_shows_in_some_schedule(barrier):
    faulty = text("labelling").replace(f"__syncthreads();  // {barrier}", "")
    wrong = 0
    for schedule in SCHEDULES:
        label_tiles = HostModule(faulty, OPTIONS, schedule=schedule).get_function("label_tiles")
        wrong += any((labels_by_kernel(label_tiles, mask) != labels_by_definition(mask)).any() for mask in masks())
    assert wrong


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("early_return", (), r"__syncthreads not reached by all threads of the block: 1 of 32 have exited$"),
        ("lane_exits", (), r"__shfl_sync with mask ffffffff, but lane 5 has exited$"),
        ("not_in_its_mask", (), r"__ballot_sync with mask 0000ffff, in which this lane, 16, is missing$"),
        ("different_masks", (), r"_sync with mask 80000001, but lane 0 is in __ballot_sync with mask ffffffff$"),
        ("different_collectives", (), r"__shfl_sync with mask ffffffff, but lane 0 is in __ballot_sync with mask"),
        ("different_barriers", (), r"__syncthreads_or, but another thread is in __syncthreads$"),
        ("deadlock", (), r"mask ffffffff; of 32 threads 1 wait at a barrier of the block, 0 have exited$"),
        ("deadlock", (), "deadlock: waits at __syncwarp with mask"),
        ("waits_for_a_block", (), "livelock: atomics without end; blocks run one after another"),
        ("index_shared", (np.int32(8),), rf"{LINE_OF_INDEX}: index 8 of an array of type 'int \[8\]'$"),
        ("index_shared", (np.int32(-1),), r"index -1 of an array"),
        ("divide", (np.int32(0),), r"kernels.cu:\d+: division of integers by zero$"),
        ("shift", (np.int32(32),), r"kernels.cu:\d+: shift of a 'int' by 32$"),
        ("convert", (np.float32(3e9),), r"kernels.cu:\d+: conversion of a 'float' that no 'int' can hold; __float2int"),
        ("convert", (np.float32(np.nan),), r"conversion of a 'float'"),
    ],
)  # fmt: skip
def test_fault_is_named(name, arguments, message):
    with pytest.raises(RuntimeError, match=rf"^{name}: block \(\d,0,0\), thread \(\d+,0,0\): .*{message}"):
        kernel("faults", name)((2,), (32,), (np.zeros(64, np.int32), *arguments))


@schedules
@pytest.mark.parametrize("name", ["early_return", "lane_exits", "deadlock"])
def test_fault_is_found_in_any_order(name, schedule):
    with pytest.raises(RuntimeError, match="exited"):
        kernel("faults", name, schedule=schedule)((1,), (32,), (np.zeros(64, np.int32),))


@pytest.mark.parametrize("race", [False, True])
def test_loop_without_end(race, monkeypatch):
    monkeypatch.setattr(executor, "PATIENCE", 0.05)
    circle = np.array([0, 2, 3, 1], np.int32)
    with pytest.raises(
        RuntimeError, match=r"thread \(1,0,0\): a loop without end\? In 0.05 seconds, no thread has met"
    ):
        kernel("faults", "runs_in_circles", race=race)((1,), (4,), (circle,))


def test_misaligned_vector():
    values, out = np.zeros(64, np.float32), np.zeros(1, np.float32)
    start = -values.ctypes.data // 4 % 4  # NumPy aligns by 16 bytes, mostly
    load = kernel("faults", "load_misaligned")
    load((1,), (1,), (values, np.int32(start), out))
    with pytest.raises(RuntimeError, match="access to a 'const struct float4' at an address that is no multiple of 16"):
        load((1,), (1,), (values, np.int32(start + 1), out))


def test_dynamic_shared_memory_has_an_end():
    write, out = kernel("faults", "write_dynamic"), np.zeros(1, np.int32)
    write((1,), (1,), (out, np.int32(3)), shared_mem=16)
    with pytest.raises(RuntimeError, match="write to dynamic shared memory at byte 16, of which it has 16"):
        write((1,), (1,), (out, np.int32(4)), shared_mem=16)


def test_launch_after_a_failed_one():
    with pytest.raises(RuntimeError, match="exited"):
        kernel("faults", "early_return")((1,), (32,), (np.zeros(32, np.int32),))
    out = np.zeros(3, np.int32)
    kernel("faults", "early_return")((1,), (3,), (out,))
    assert out.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ('\n\nextern "C" __global__ void f(int *a) { *a = undefined; }', "kernels.cu:3:"),
        ('#line 70 "part.cuh"\n\nextern "C" __global__ void f(int *a) { *a = undefined; }', "part.cuh:71:"),
        ('\nextern "C" __global__ void f(int *a) {\nextern __shared__ int\nm[];\n*a = undefined; }', "kernels.cu:5:"),
        ('#error "of mine"', "kernels.cu:1:"),
    ],
)  # fmt: skip
def test_compiler_error_has_the_line_of_the_text(code, place):
    with pytest.raises(RuntimeError, match=f"g\\+\\+ refuses the kernels:(?s:.*){place}"):
        HostModule(code)


def test_large_frames_are_refused():
    loop = "for (int i = 0; i < 20000; i++) t[i] = a[i]; *a = t[*a];"
    code = f'extern "C" __global__ void f(int *a) {{ int t[20000]; {loop} }}'
    with pytest.raises(RuntimeError, match="frame size"):
        HostModule(code)


def test_unknown_kernel():
    with pytest.raises(
        ValueError, match=r'expected an `extern "C" __global__ void total\(\.\.\.\)` in the text, got \[.*\'sum_all\''
    ):
        HostModule(text("sums")).get_function("total")


def test_options_define_macros():
    code = '#if WIDE\nextern "C" __global__ void f(int *a) { *a = WIDTH; }\n#endif'
    out = np.zeros(1, np.int32)
    HostModule(code, ("--std=c++17", "-DWIDE=1", "-DWIDTH=5", "--fmad=false")).get_function("f")((1,), (1,), (out,))
    assert out[0] == 5


def test_built_once(monkeypatch):
    code = f'extern "C" __global__ void f(int *a) {{ *a = {np.random.default_rng().integers(2**31)}; }}'
    with ThreadPoolExecutor() as pool:
        paths = list(pool.map(lambda _: build.build(code, (), race=False), range(4)))
    assert len(set(paths)) == 1
    monkeypatch.setattr(build, "_run", None)
    assert build.build(code, (), race=False) == paths[0]


def test_no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"expected g\+\+, which runs CUDA kernels on the CPU; install it"):
        HostModule(text("sums"))
