"""Weighted channel sums."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import ClassIndex, Features, Floats, Out, Weights, Work
from fastcam.kernels.cuda import driver, launch


def activation_maps(
    features: Features,
    weights: Weights,
    class_index: ClassIndex,
    first: int,
    stop: int,
    parts: Annotated[Floats, Work("S, N, M, h, w")],
    out: Annotated[Floats, Out("N, M, h, w")],
) -> int:
    """Compute what the CPU's twin does, with another order of the sum; NaN for classes that the model doesn't have.

    parts: sums over S parts of the channels, each by its own blocks; if S is 0, blocks sum all channels. Returns stop.
    """
    _, m, h, w = out.shape
    target = parts if len(parts) else out[None]
    sum_channels(features, weights, class_index, first, stop, target)
    if not len(parts):
        return stop
    kernel = driver.current.kernel("activation_maps", "add_parts", launch.constants(launch.FLOAT32, 1))
    size, item = out.size, m * h * w
    blocks = -(-(stop - first) * item // launch.THREADS)
    numbers = (np.int64(size), np.int64(first * item), np.int64(stop * item))
    kernel((blocks,), (launch.THREADS,), (parts, np.int32(len(parts)), *numbers, out))
    return stop


def sum_channels(
    features: Features, weights: Floats, class_index: ClassIndex, first: int, stop: int, parts: Floats
) -> None:
    """parts[s] = the sums over the s-th part of the channels, of images [first, stop)."""
    count, images, m, h, w = parts.shape
    classes, channels = weights.shape
    vector = launch.vector(features, channels)
    step = -(-channels // (vector * count)) * vector
    kernel = driver.current.kernel("activation_maps", "sum_channels", launch.constants(features.form, vector))
    sizes = (classes, channels, h * w, images, first, step)
    kernel(
        (count, m, stop - first),
        (launch.THREADS,),
        (*launch.feature_arguments(features), weights, class_index, *map(np.int32, sizes), parts),
    )
