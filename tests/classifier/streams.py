"""Frames for streams, and how small a stream can be."""

import numpy as np

SMALL = {"every": 1, "workers": 2, "queue": 2, "drop": None}


def frames(count):
    """(40 + k, 60, 3) uint8 each."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + k, 60, 3)).astype(np.uint8) for k in range(count)]
