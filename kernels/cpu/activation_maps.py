"""Weighted channel sum."""

from numba import float32

from fastcam.kernels.cpu.jit import kernel, readable, writable


@kernel(readable(float32, 3), readable(float32, 3), writable(float32, 3))
def activation_maps(feature_maps, channel_weights, out):
    """out[n, m, p] = sum over c of channel_weights[n, m, c] * feature_maps[n, c, p], in channel order.

    feature_maps (N, C, h*w), channel_weights (N, M, C), out (N, M, h*w), float32. The order of the sum is part of the
    rule, so that every engine gives the same bits; the inner loop runs over positions and vectorises all the same.
    """
    for n in range(feature_maps.shape[0]):
        for m in range(channel_weights.shape[1]):
            row = out[n, m]
            row[:] = 0
            for c in range(feature_maps.shape[1]):
                weight = channel_weights[n, m, c]
                feature_map = feature_maps[n, c]
                for p in range(row.shape[0]):
                    row[p] += weight * feature_map[p]
