"""Kernels compiled with Numba's check of every index."""

import os
import subprocess
import sys

BOUNDS = """
import numpy as np, fastcam
from fastcam.images import ImageInput, Preprocess, network_input
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
    model = ImageInput("x", str(rng.choice(["f8", "f4", "f2", "u1"])), layout, 1, 3, tuple(rng.integers(1, 50, 2).tolist()))
    how = Preprocess(scale=1.0, interpolation=["bilinear", "opencv-linear"][turn % 2])
    network_input(frame, region, how, model)
"""


def test_no_kernel_leaves_its_arrays(tmp_path):
    # Without optimization they are compiled in two thirds of the time, and no check is optimized away.
    options = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_OPT": "0", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment = {**os.environ, **options}
    done = subprocess.run([sys.executable, "-c", BOUNDS], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
