"""Weighted channel sum."""

from numba import float32, float64, int64, uint8

from fastcam.kernels.cpu.extrema import LARGEST
from fastcam.kernels.cpu.jit import kernel, readable, writable
from fastcam.kernels.cpu.weighted_sum import weighted_sums


@kernel(
    *(int64, readable(uint8, 4), int64, float64, float64, readable(float32, 2), readable(int64, 2), int64, int64),
    *(writable(float32, 2), writable(float32, 2), writable(float32, 4)),
)
def activation_maps(feature_maps, form, zero_point, scale, weights, class_index, first, stop, workspace, sums, out):
    """out[n, m, y, x] = sum over c of weights[class_index[n, m], c] * f(n, c, y, x), in channel order.

    feature_maps: bytes of f (N, C, h, w) or (N, h, w, C), whose dtype and layout `form` tells (`weighted_sum.py`);
    int8 and uint8 stand for (q - zero_point) * scale. weights (K, C), class_index (N, M), out (N, M, h, w), of which
    images [first, stop) are written; workspace and sums as there. The order of the sum is part of the rule, so that
    every engine gives the same bits. Returns the first image with a map that isn't finite, or stop.
    """
    sound = stop
    h, w = out.shape[2], out.shape[3]
    for n in range(first, stop):
        data = feature_maps[n].reshape(feature_maps[n].size)
        weighted_sums(data, form, zero_point, scale, h * w, weights, class_index[n], workspace, sums)
        for m in range(out.shape[1]):
            for y in range(h):
                for x in range(w):
                    value = sums[m, y * w + x]
                    out[n, m, y, x] = value
                    if not abs(value) < LARGEST:
                        sound = min(sound, n)
    return sound
