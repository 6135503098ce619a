"""Compiled kernels: kept between processes where that is possible, and no trouble where it isn't."""

import os
import subprocess
import sys

import fastcam.kernels.cpu

CODE = """
import sys, fastcam, fastcam.kernels.cpu as cpu
print(fastcam.find_boxes([[0.0, 4.0, 0.0]], (6, 12)).xyxy.tolist())
print(sum(sum(cpu.load(name).stats.cache_misses.values()) for name in cpu.KERNELS))
print(sum(sum(cpu.load(name).stats.cache_hits.values()) for name in cpu.KERNELS))
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


def test_a_second_process_compiles_nothing(tmp_path):
    kernels = len(fastcam.kernels.cpu.KERNELS)
    assert run(CODE, NUMBA_CACHE_DIR=str(tmp_path)) == ("[3, 0, 9, 6]", kernels, 0)
    assert run(CODE, NUMBA_CACHE_DIR=str(tmp_path)) == ("[3, 0, 9, 6]", 0, kernels)


def test_without_any_place_for_a_cache_kernels_compile_in_the_process():
    """As in a container with read-only site-packages and no home; Numba's decorator raises there."""
    assert run(NO_PLACE + CODE)[0::2] == ("[3, 0, 9, 6]", 0)


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
    kernels = len(fastcam.kernels.cpu.KERNELS)
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
    assert "set NUMBA_CACHE_DIR" in done.stderr
