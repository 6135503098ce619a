"""The pool of threads: batches and large images, threads of the caller, forks, and memory in a long stream."""

import os
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastcam
from fastcam.arrays import pool

F = np.float32


@pytest.mark.parametrize("threads", [1, 2, 3, 7, None])
def test_threads_change_no_bit(threads, monkeypatch):
    monkeypatch.setattr(pool, "WORTH", 0.001)  # share out even the smallest work
    rng = np.random.default_rng(0)
    features, weights = rng.standard_normal((8, 20, 5, 6)).astype(F), rng.standard_normal((4, 20)).astype(F)
    maps = fastcam.activation_maps(features, weights, [1, 2], threads=threads)
    np.testing.assert_array_equal(maps, fastcam.activation_maps(features, weights, [1, 2], threads=1))
    alone = fastcam.find_boxes(maps, (40, 50), threads=1)
    for made in (
        fastcam.localize(features, weights, [1, 2], (40, 50), threads=threads),
        fastcam.find_boxes(maps, (40, 50), threads=threads),
    ):
        for field in ("xyxy", "area", "peak"):
            np.testing.assert_array_equal(getattr(made, field), getattr(alone, field))
    for dtype in ("f4", "u1"):
        for some in (maps, maps[0, 0]):
            heat = fastcam.heatmaps(some, (40, 50), dtype=dtype, threads=threads)
            np.testing.assert_array_equal(heat, fastcam.heatmaps(some, (40, 50), dtype=dtype, threads=1))
    frame = rng.integers(0, 256, (41, 53, 3)).astype(np.uint8)
    drawn = fastcam.overlay(frame, maps[0, 0], threads=threads)
    np.testing.assert_array_equal(drawn, fastcam.overlay(frame, maps[0, 0], threads=1))


def test_many_threads_of_the_caller_at_once():
    rng = np.random.default_rng(0)
    features, weights = rng.standard_normal((4, 64, 7, 7)).astype(F), rng.standard_normal((9, 64)).astype(F)
    sizes = [(50, 60), (224, 224), (31, 97), (480, 640)]
    expected = [fastcam.localize(features, weights, [1, 5], size).xyxy for size in sizes]
    wrong = []

    def stream(start):
        for turn in range(60):
            size = sizes[(start + turn) % 4]
            found = fastcam.localize(features, weights, [1, 5], size, threads=None if turn % 2 else 1)
            if not np.array_equal(found.xyxy, expected[(start + turn) % 4]):
                wrong.append((start, turn))

    threads = [threading.Thread(target=stream, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_after_fork_the_child_has_a_pool_of_its_own():
    code = (
        "import os, numpy as np, fastcam, fastcam.arrays.pool as pool\n"
        "pool.WORTH = 0.001\n"
        "one = np.random.default_rng(0).standard_normal((6, 7, 7))\n"
        "before = fastcam.find_boxes(one, (64, 64), threads=4).xyxy\n"
        "assert pool._pool is not None\n"
        "pid = os.fork()\n"
        "assert pid or pool._pool is None\n"
        "assert (fastcam.find_boxes(one, (64, 64), threads=4).xyxy == before).all()\n"
        "pid and os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"}  # of 3.12: fork beside threads
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, check=False)
    assert done.returncode == 0


def test_an_error_in_one_thread_comes_out_and_the_others_are_waited_for(monkeypatch):
    monkeypatch.setattr(pool, "WORTH", 0.001)
    done = []

    def work(first, stop):
        if first:
            done.append(first)
            return stop
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pool.spread(work, 8, 1, threads=4)
    assert sorted(done) == [2, 4, 6]


def test_what_no_thread_takes_the_caller_does_itself(monkeypatch):
    """The case of no more threads to start, and of an interpreter that shuts down."""

    class Full:
        def __init__(self):
            self.left, self.inner = 2, ThreadPoolExecutor(1)

        def submit(self, *work):
            if not self.left:
                raise RuntimeError("can't start new thread")
            self.left -= 1
            return self.inner.submit(*work)

    monkeypatch.setattr(pool, "WORTH", 0.001)
    monkeypatch.setattr(pool, "_pool", Full())
    assert pool.spread(lambda first, stop: (first, stop), 10, 1, threads=5) == [(i, i + 2) for i in range(0, 10, 2)]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_grids_of_extreme_shapes_in_turn_take_the_memory_of_each_alone():
    code = (
        "import re, numpy as np, fastcam\n"
        "for shape in [(1, 30000), (30000, 1), (1, 1), (7, 7), (1, 30000)] * 2:\n"
        "    one = np.zeros(shape); one[0, -1] = 1\n"
        "    assert fastcam.find_boxes(one, (9, 9)).xyxy.tolist() is not None\n"
        "assert int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) < 600_000"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_users_numba_settings_stay_as_they_are():
    code = (
        "import numba; numba.set_num_threads(1); before = numba.get_num_threads()\n"
        "import numpy as np, fastcam\n"
        "fastcam.find_boxes(np.ones((6, 7, 7)), (640, 640), threads=2)\n"
        "assert numba.get_num_threads() == before == 1\n"
        "assert 'numba.np.ufunc.workqueue' not in __import__('sys').modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def calls():
    """Call every function that a stream calls for a frame."""
    rng = np.random.default_rng(0)
    features, weights = rng.standard_normal((1, 256, 7, 7)).astype(F), rng.standard_normal((10, 256)).astype(F)
    maps, frame = fastcam.activation_maps(features, weights, 1), np.zeros((120, 160, 3), np.uint8)
    heat = np.empty((1, 1, 120, 160), F)

    def frame_by_frame():
        fastcam.localize(features, weights, 1, (120, 160))
        fastcam.find_boxes(maps, (120, 160))
        fastcam.heatmaps(maps, (120, 160), out=heat)
        fastcam.overlay(frame, maps[0, 0], out=frame)

    return frame_by_frame


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_a_stream_of_20000_frames_keeps_no_memory():
    one = calls()
    for _ in range(500):
        one()
    tracemalloc.start()
    try:
        for _ in range(500):
            one()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(500):
            one()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2000
    assert peak - before < 20_000  # the results of a frame: no workspace, no heatmap (76,800 bytes)
    start = resident()
    for _ in range(20_000):
        one()
    assert resident() - start < 1_000_000
