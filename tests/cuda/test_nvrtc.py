"""The tester of `.cu` files for real devices: that it compiles them, and that it says where they are wrong."""

import re

import pytest

from tests.cuda import nvrtc
from tests.cuda.nvrtc import architectures, compile_cubin

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)

SUM = """
extern "C" __global__ void sum(const int *values, int *total, int count)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    int part = i < count ? values[i] : 0;
    for (int distance = 16; distance; distance /= 2)
        part += __shfl_xor_sync(0xffffffffu, part, distance);
    if (threadIdx.x % 32 == 0)
        atomicAdd(total, part);
}
"""


def test_knows_common_devices():
    # Version 13 begins with sm_75, the last 12 ended with sm_121.
    assert {75, 80, 86, 89, 90} <= set(architectures())


def test_compiles_for_common_devices():
    for arch in sorted({*ARCHITECTURES} & {*architectures()}):
        assert compile_cubin(SUM, arch).startswith(b"\x7fELF"), arch


def test_error_says_which_line():
    wrong = SUM.replace("values[i]", "numbers[i]")
    with pytest.raises(RuntimeError, match=r'(?s)sm_80.*kernels\.cu\(5\): error: identifier "numbers" is undefined'):
        compile_cubin(wrong, 80)


def test_line_directives_count():
    wrong = '#line 40 "part.cuh"\n' + SUM.lstrip().replace("values[i]", "numbers[i]")
    with pytest.raises(RuntimeError, match=re.escape("part.cuh(43): error")):
        compile_cubin(wrong, 80)


def test_warnings_are_errors():
    unused = SUM.replace("int part", "int unused; int part")
    with pytest.raises(RuntimeError, match='variable "unused" was declared but never referenced'):
        compile_cubin(unused, 80)


def test_options_are_passed_on():
    code = 'extern "C" __global__ void fill(int *out) { *out = WIDTH; }'
    assert compile_cubin(code, 80, ("-DWIDTH=3",))
    with pytest.raises(RuntimeError, match='identifier "WIDTH" is undefined'):
        compile_cubin(code, 80)


def test_too_much_shared_memory_is_refused():
    code = 'extern "C" __global__ void big(int *out) { __shared__ int a[20000]; a[*out] = 1; *out = a[out[1]]; }'
    with pytest.raises(RuntimeError, match="uses too much shared data"):
        compile_cubin(code, 80)


def test_absence_is_named(monkeypatch):
    monkeypatch.setattr(nvrtc, "_PLACES", ())
    with pytest.raises(
        RuntimeError, match="expected NVRTC, which compiles CUDA kernels; pip install nvidia-cuda-nvrtc"
    ):
        nvrtc._library.__wrapped__()
