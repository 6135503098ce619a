"""Random boxes."""

import numpy as np

from fastcam.evaluate import truth_of


def random_boxes(rng, *shape):
    """Return (..., 4) whole numbers below 31."""
    corners = np.sort(rng.integers(0, 30, (*shape, 2, 2)), axis=-1)
    return np.concatenate([corners[..., 0], corners[..., 1] + 1], axis=-1)


def random_truth(rng, images, most=4):
    """Return fewer than `most` boxes of each image, of three classes."""
    counts = rng.integers(0, most, images)
    return truth_of([random_boxes(rng, k) for k in counts], [rng.integers(0, 3, k) for k in counts])
