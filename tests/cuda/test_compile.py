"""Every kernel compiles for every device by the compiler that CuPy uses, warnings being errors."""

import re
import subprocess
from shutil import which

import pytest

from fastcam.kernels import twins
from fastcam.kernels.cuda import launch
from fastcam.kernels.cuda.source import OPTIONS, source
from tests.cuda.nvrtc import architectures, compile_cubin

DEVICES = (75, 80, 86, 87, 89, 90, 100, 103, 110, 120)
ALL_FORMS = (75, 90, 120)  # the others get the same code, compiled in one form: no source asks for the architecture
WIDEST = (4, 8, 8, 8)  # values of a load, by dtype
READING = ("activation_maps", "localize")


def constants(name, every):
    """Return the options that a kernel is compiled with: each form with its widest load, or with every load."""
    if name not in READING:
        return [[("THREADS", launch.THREADS)]]
    loads = {form: [2**k for k in range(4) if 2**k <= WIDEST[form % 4]] for form in range(8)}
    return [launch.constants(form, load) for form in loads for load in (loads[form] if every else loads[form][-1:])]


@pytest.mark.parametrize("name", twins())
@pytest.mark.parametrize("arch", DEVICES)
def test_compiles(name, arch):
    if arch not in architectures():
        pytest.skip(f"this NVRTC doesn't know sm_{arch}")
    forms = constants(name, every=arch == 90)
    for options in forms if arch in ALL_FORMS else forms[:1]:
        defined = [f"-D{constant}={value}" for constant, value in options]
        assert compile_cubin(source(name), arch, [*OPTIONS, *defined])


def test_no_source_asks_for_the_architecture():
    assert not [name for name in twins() if "__CUDA_ARCH" in source(name)]


@pytest.mark.skipif(which("nvcc") is None, reason="nvcc, which tells of spilled registers, isn't installed")
@pytest.mark.parametrize("name", twins())
@pytest.mark.parametrize("arch", [75, 90])
def test_no_register_is_spilled(name, arch, tmp_path):
    (tmp_path / "kernels.cu").write_text(source(name), encoding="utf-8")
    every = [*constants(name, every=False)[:4], *constants(name, every=True)[:7]]  # channels first; floats by any load
    for options in [one for k, one in enumerate(every) if one not in every[:k]]:
        defined = [f"-D{constant}={value}" for constant, value in options]
        command = ["nvcc", "-cubin", f"-arch=sm_{arch}", *OPTIONS, *defined, "-Xptxas", "-v", "kernels.cu"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        spilled = re.findall(r"(\d+) bytes spill", done.stderr)
        assert spilled, done.stderr
        assert set(spilled) == {"0"}, done.stderr


def test_errors_name_the_file_and_line():
    broken = source("localize").replace("return root_of", "return rot_of").replace("while (parent[i] != i)", "whale")
    with pytest.raises(RuntimeError, match=r"boxes\.cuh\(\d+\): error"):
        compile_cubin(broken, 80, [*OPTIONS, "-DTHREADS=64", "-DFORM=0", "-DVECTOR=1"])
