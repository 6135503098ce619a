"""Compiled kernels: kept between processes where that is possible, and no trouble where it isn't."""

import os
import subprocess
import sys

import fastcam.kernels.cpu

CODE = """
import sys, fastcam, fastcam.kernels.cpu as cpu
print(fastcam.find_boxes([[0.0, 4.0, 0.0]], (6, 12)).xyxy.tolist())
print(sum(sum(getattr(cpu, name).stats.cache_misses.values()) for name in cpu.__all__))
print(sum(sum(getattr(cpu, name).stats.cache_hits.values()) for name in cpu.__all__))
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
    kernels = len(fastcam.kernels.cpu.__all__)
    assert run(CODE, NUMBA_CACHE_DIR=str(tmp_path)) == ("[3, 0, 9, 6]", kernels, 0)
    assert run(CODE, NUMBA_CACHE_DIR=str(tmp_path)) == ("[3, 0, 9, 6]", 0, kernels)


def test_without_any_place_for_a_cache_kernels_compile_in_the_process():
    """As in a container with read-only site-packages and no home; Numba's decorator raises there."""
    no_place = (
        "from numba.core import caching\n"
        "vars(caching).get('CacheImpl', vars(caching).get('_CacheImpl'))._locator_classes = []\n"
    )
    assert run(no_place + CODE)[0::2] == ("[3, 0, 9, 6]", 0)


def test_kernels_are_safe_after_fork():
    code = (
        "import os, fastcam; fastcam.find_boxes([[1.0]], (4, 4)); pid = os.fork()\n"
        "assert fastcam.find_boxes([[1.0]], (4, 4)).area == 16\n"
        "pid and os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
