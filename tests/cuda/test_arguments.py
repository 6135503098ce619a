"""Errors of the executor: for arguments that don't fit, and for kernels that go beyond theirs."""

import numpy as np
import pytest

from tests.cuda.host.executor import HostModule
from tests.cuda.specimens import OPTIONS, TILE, kernel, needs_compiler, text

pytestmark = needs_compiler

KINDS = """
extern "C" __global__ void kinds(bool flag, signed char a, unsigned short b, long long c, double d, float4 *vectors,
                                 const unsigned char *mask, void *any, const int *const fixed, bool *flags)
{
    vectors[0].w = flag + a + b + c + d;
    flags[0] = mask[0] && any && fixed[0];
}
struct Size { int width, height; };
extern "C" __global__ void area(Size size, int *out) { *out = size.width * size.height; }
extern "C" __global__ void add(const int *a, const int *b, int *sum)
{
    sum[threadIdx.x] = a[threadIdx.x] + b[threadIdx.x];
}
extern "C" __global__ void addresses(const char *a, unsigned long long *out) { *out = (unsigned long long)a % 64; }
extern "C" __global__ void __launch_bounds__(2 * (WIDTH + 1), 3) bounded(int *out) { out[threadIdx.x] = 1; }
extern "C" __global__ void large(int *out) { __shared__ int cells[10000]; cells[*out] = 1; *out = cells[out[1]]; }
extern "C" __global__ void nothing() {}
"""

EIGHT = np.zeros(8, np.int32)


def get(name):
    return HostModule(KINDS, ("-DWIDTH=7",)).get_function(name)


def kinds(**changed):
    """Run the kernel of all kinds of parameters, but for these as it likes."""
    vectors, flags = np.zeros((2, 4), np.float32), np.zeros(1, bool)
    scalars = {"flag": np.True_, "a": np.int8(-3), "b": np.uint16(9), "c": np.int64(-1), "d": np.float64(0.5)}
    arrays = {"vectors": vectors, "mask": np.ones(2, np.uint8), "any": np.zeros(1, np.int16)}
    given = {**scalars, **arrays, "fixed": np.ones(1, np.int32), "flags": flags, **changed}
    get("kinds")((1,), (1,), tuple(given.values()))
    return vectors, flags


def test_all_kinds():
    vectors, flags = kinds()
    assert vectors.ravel().tolist() == [0, 0, 0, 6.5, 0, 0, 0, 0]
    assert flags[0]
    kinds(mask=np.ones(2, bool))


def test_structure_by_value():
    out = np.zeros(1, np.int32)
    size = np.array((6, 7), np.dtype([("width", np.int32), ("height", np.int32)]))[()]
    get("area")((1,), (1,), (size, out))
    assert out[0] == 42


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"c": 3}, r"argument 4, c: expected a scalar of int64, got 3 of Python; say its type, as in np.int32\(3\)"),
        ({"d": 0.5}, "argument 5, d: expected a scalar of float64, got 0.5 of Python"),
        ({"flag": True}, "argument 1, flag: expected a scalar of bool, got True of Python"),
        ({"c": np.int32(3)}, "argument 4, c: expected a scalar of int64, got a scalar of int32"),
        ({"c": np.uint64(3)}, "expected a scalar of int64, got a scalar of uint64"),
        ({"d": np.zeros(1)}, "argument 5, d: expected a scalar of float64, got an array"),
        ({"fixed": np.int32(3)}, "argument 9, fixed: expected an array of int32, got a scalar of int32"),
        ({"fixed": np.zeros(1, np.float32)}, "argument 9, fixed: expected an array of int32, got an array of float32"),
        ({"fixed": np.zeros(1, np.int64)}, "expected an array of int32, got an array of int64"),
        ({"fixed": np.zeros(1, np.uint32)}, "expected an array of int32, got an array of uint32"),
        ({"fixed": np.zeros((3, 3), np.int32)[:, 0]}, "argument 9, fixed: expected a C-contiguous array"),
        ({"fixed": None}, "expected an array of int32, got NoneType"),
        ({"flags": np.zeros(1, np.uint8)}, "argument 10, flags: expected an array of bool, got an array of uint8"),
        ({"vectors": np.zeros(8)}, "6, vectors: expected an array of float32 in groups of 4, got an array of float64"),
        ({"vectors": np.zeros(7, np.float32)}, "expected an array of float32 in groups of 4, got 7 numbers"),
    ],
)  # fmt: skip
def test_refused(changed, message):
    with pytest.raises(TypeError, match=f"kinds: .*{message}"):
        kinds(**changed)


def test_number_of_arguments():
    with pytest.raises(TypeError, match="add: expected 3 arguments, got 2: a, b, sum"):
        get("add")((1,), (1,), (EIGHT, EIGHT))
    get("nothing")((1,), (1,), ())


@pytest.mark.parametrize("race", [False, True])
@pytest.mark.parametrize(("place", "message"), [(64, "0 bytes past the end"), (-1, "4 bytes before the first byte")])
def test_write_out_of_range(place, message, race):
    out = np.arange(64, dtype=np.int32)
    if race:
        message = {64: "writes 4 bytes at byte 256 of argument out, which has 256"}.get(place, message)
    with pytest.raises(RuntimeError, match=f"write_at: .*{message}"):
        kernel("faults", "write_at", race=race)((1,), (1,), (out, np.int32(place)))
    np.testing.assert_array_equal(out, np.arange(64))


def test_write_to_read_only_array():
    fixed = np.zeros(4, np.int32)
    fixed.flags.writeable = False
    with pytest.raises(RuntimeError, match="write_at: write to argument out, which is read-only"):
        kernel("faults", "write_at")((1,), (1,), (fixed, np.int32(2)))
    with pytest.raises(RuntimeError, match="write_to_constant: write to argument values, which is read-only"):
        kernel("faults", "write_to_constant")((1,), (1,), (np.zeros(4, np.int32),))
    assert not fixed.any()


def test_arrays_that_overlap():
    memory = np.arange(10, dtype=np.int32)
    for race in (False, True):
        add = HostModule(KINDS, ("-DWIDTH=7",), race=race).get_function("add")
        memory[:] = range(10)
        add((1,), (4,), (memory[:4], memory[:4], memory[4:8]))
        assert memory.tolist() == [0, 1, 2, 3, 0, 2, 4, 6, 8, 9]
    add((1,), (1,), (memory[:4], memory[2:6], memory[1:9]))
    assert memory.tolist() == [0, 2, 2, 3, 0, 2, 4, 6, 8, 9]


def test_empty_array():
    get("addresses")((1,), (1,), (np.zeros(0, np.int8), np.zeros(1, np.uint64)))


def test_alignment_is_kept():
    memory, out = np.zeros(200, np.int8), np.zeros(1, np.uint64)
    for start in range(0, 128, 3):
        get("addresses")((1,), (1,), (memory[start:], out))
        assert out[0] == (memory.ctypes.data + start) % 64


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((0,), (32,), r"expected a grid of \(1, 1, 1\) to \(2147483647, 65535, 65535\), got \(0,\)"),
        ((1, 65536), (32,), r"expected a grid of .*, got \(1, 65536\)"),
        ((1,), (0,), r"expected a block of \(1, 1, 1\) to \(1024, 1024, 64\), got \(0,\)"),
        ((1,), (1, 1, 65), r"expected a block of .*, got \(1, 1, 65\)"),
        ((1,), (32, 33), r"expected a block of at most 1024 threads, got \(32, 33, 1\): 1056"),
        ((1,), (1, 1, 1, 1), r"expected a block of .*, got \(1, 1, 1, 1\)"),
    ],
)
def test_launch_sizes(grid, block, message):
    with pytest.raises(RuntimeError, match=f"add: {message}"):
        get("add")(grid, block, (EIGHT, EIGHT, EIGHT))


def test_launch_bounds():
    get("bounded")((1,), (8,), (EIGHT.copy(),))
    with pytest.raises(RuntimeError, match=r"bounded: expected a block of at most 16 threads, got \(17, 1, 1\): 17"):
        get("bounded")((1,), (17,), (np.zeros(17, np.int32),))
    label_tiles = HostModule(text("labelling"), OPTIONS).get_function("label_tiles")
    with pytest.raises(RuntimeError, match=f"at most {TILE * TILE} threads"):
        label_tiles((1,), (TILE, TILE + 1), (EIGHT.view(np.uint8), np.int32(1), np.int32(1), EIGHT))


def test_too_much_shared_memory():
    large, arguments = get("large"), (np.zeros(2, np.int32),)
    assert large.shared_size_bytes == 40000
    assert get("add").shared_size_bytes == 0
    large((1,), (1,), arguments, shared_mem=9152)
    message = "expected at most 49152 bytes of dynamic shared memory and 49152 of all, got 9153 and 49153; max_dynamic"
    with pytest.raises(RuntimeError, match=f"large: {message}_shared_size_bytes raises the limit"):
        large((1,), (1,), arguments, shared_mem=9153)
    large.max_dynamic_shared_size_bytes = 100000
    large((1,), (1,), arguments, shared_mem=100000)
    with pytest.raises(RuntimeError, match="expected at most 100000 bytes of dynamic shared memory"):
        large((1,), (1,), arguments, shared_mem=100001)
