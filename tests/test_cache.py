"""Compiled kernels: kept between processes where that is possible, and no trouble where it isn't."""

import os
import subprocess
import sys

import fastcam.kernels.cpu

CODE = """
import sys, fastcam, fastcam.kernels.cpu as cpu
print(fastcam.find_boxes([[0.0, 4.0, 0.0]], (6, 12)).xyxy.tolist())
print(sum(sum(cpu.load(name).stats.cache_misses.values()) for name in cpu.KERNELS + cpu.HOST_ONLY))
print(sum(sum(cpu.load(name).stats.cache_hits.values()) for name in cpu.KERNELS + cpu.HOST_ONLY))
"""

NO_PLACE = """
from numba.core import caching
vars(caching).get('CacheImpl', vars(caching).get('_CacheImpl'))._locator_classes = []
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    box, misses, hits = done.stdout.splitlines()
    return box, int(misses), int(hits)


def test_without_any_place_for_a_cache_kernels_compile_in_the_process():
    """As in a container with read-only site-packages and no home; Numba's decorator raises there."""
    code = NO_PLACE + "import fastcam; print(fastcam.find_boxes([[0.0, 4.0, 0.0]], (6, 12)).xyxy.tolist())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[3, 0, 9, 6]\n", "")


def test_kernels_are_safe_after_fork():
    code = (
        "import os, fastcam; fastcam.find_boxes([[1.0]], (4, 4)); pid = os.fork()\n"
        "assert fastcam.find_boxes([[1.0]], (4, 4)).area == 16\n"
        "pid and os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def warmup(**environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "fastcam", "warmup"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_warmup_compiles_all_kernels_for_later_processes(tmp_path):
    kernels = len(fastcam.kernels.cpu.KERNELS + fastcam.kernels.cpu.HOST_ONLY)
    first, second = warmup(NUMBA_CACHE_DIR=str(tmp_path)), warmup(NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stdout.startswith(f"{kernels} kernels: {kernels} compiled, 0 from the cache")
    assert second.stdout.startswith(f"{kernels} kernels: 0 compiled, {kernels} from the cache")
    assert f"cache: {tmp_path}" in second.stdout
    assert (first.returncode, second.returncode) == (0, 0)
    assert run(CODE, NUMBA_CACHE_DIR=str(tmp_path)) == ("[3, 0, 9, 6]", 0, kernels)


def test_warmup_says_when_there_is_no_place_for_a_cache():
    code = NO_PLACE + "from fastcam.cli import main; raise SystemExit(main(['warmup']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""  # at once: nothing is compiled that would be lost
    assert "set NUMBA_CACHE_DIR" in done.stderr


BOUNDS = """
import numpy as np, fastcam
from fastcam.frames import network_input
from fastcam.preprocess import Preprocess
from fastcam.session import ImageInput
rng = np.random.default_rng(0)
for turn in range(400):
    shape, size = rng.integers(1, 12, 2), tuple(rng.integers(1, 70, 2).tolist())
    n, c, m = rng.integers(1, 4), rng.integers(1, 140), rng.integers(1, 7)
    features = rng.standard_normal((n, c, *shape)).astype(rng.choice(["f4", "f2", "i1"]))
    layout = str(rng.choice(["NCHW", "NHWC"]))
    if layout == "NHWC":
        features = np.ascontiguousarray(features.transpose(0, 2, 3, 1))
    index = rng.integers(0, 5, (n, m))
    weights = rng.standard_normal((5, c)).astype(np.float32)
    fastcam.localize(features, weights, index, size, layout=layout, convention=str(rng.choice(["paper", "minmax"])))
    maps = fastcam.activation_maps(features, weights, index, layout=layout)
    fastcam.find_boxes(maps, size, components="all", connectivity=int(rng.choice([4, 8])))
    fastcam.heatmaps(maps, size, dtype=str(rng.choice(["f4", "u1"])))
    fastcam.overlay(np.zeros((*size, 3), np.uint8), maps[0, 0])
    frame = rng.integers(0, 256, (*rng.integers(1, 40, 2), 4)).astype(np.uint8)[..., :3]
    frame = frame[:: rng.choice([-1, 1]), :: rng.choice([-1, 1, 2]), :: rng.choice([-1, 1])]
    frame = [frame, frame.transpose(1, 0, 2), np.ascontiguousarray(frame)][turn % 3]
    x, y, across, down = rng.integers(-9, 9, 2).tolist() + rng.integers(1, 60, 2).tolist()
    region = (0, 0, frame.shape[1], frame.shape[0]) if turn % 4 else (x, y, x + across, y + down)
    model = ImageInput("x", str(rng.choice(["f8", "f4", "f2", "u1"])), layout, 1, 3, *rng.integers(1, 50, 2).tolist())
    how = Preprocess(scale=1.0, interpolation=["bilinear", "opencv-linear"][turn % 2])
    network_input(frame, region, how, model)
"""


def test_no_kernel_leaves_its_arrays(tmp_path):
    """Compiled with Numba's check of every index, which is off otherwise."""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", BOUNDS], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
