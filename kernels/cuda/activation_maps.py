"""Weighted channel sum."""

import numpy as np

from fastcam.kernels.cuda import driver, launch


def activation_maps(feature_maps, form, zero_point, scale, weights, class_index, first, stop, parts, out):
    """As the CPU's twin, but that the order of a sum is another. Maps of classes that aren't there are NaN.

    parts (S, N, M, h, w): workspace for sums over parts of the channels, by blocks of their own; none if S is 0.
    """
    _, m, h, w = out.shape
    target = parts if len(parts) else out[None]
    sum_channels(feature_maps, form, zero_point, scale, weights, class_index, first, stop, target)
    if not len(parts):
        return
    kernel = driver.current.kernel("activation_maps", "add_parts", launch.constants(launch.FLOAT32, 1))
    size, item = out.size, m * h * w
    blocks = -(-(stop - first) * item // launch.THREADS)
    numbers = (np.int64(size), np.int64(first * item), np.int64(stop * item))
    kernel((blocks,), (launch.THREADS,), (parts, np.int32(len(parts)), *numbers, out))


def sum_channels(feature_maps, form, zero_point, scale, weights, class_index, first, stop, parts):
    """parts[s] = the sums over the s-th part of the channels, of images [first, stop)."""
    count, images, m, h, w = parts.shape
    classes, channels = weights.shape
    vector = launch.vector(feature_maps, form, channels)
    step = -(-channels // (vector * count)) * vector
    kernel = driver.current.kernel("activation_maps", "sum_channels", launch.constants(form, vector))
    sizes = (classes, channels, h * w, images, first, step)
    items, numbers = launch.typed(feature_maps, form), (np.float32(zero_point), np.float32(scale))
    kernel(
        (count, m, stop - first),
        (launch.THREADS,),
        (items, *numbers, weights, class_index, *map(np.int32, sizes), parts),
    )
