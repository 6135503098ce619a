"""Weighted channel sums."""

from typing import Annotated

from fastcam.kernels.contract import ClassIndex, Features, Floats, Out, Sums, Weights
from fastcam.kernels.cpu.extrema import LARGEST
from fastcam.kernels.cpu.jit import kernel
from fastcam.kernels.cpu.weighted_sum import weighted_sums


@kernel
def activation_maps(
    features: Features,
    weights: Weights,
    class_index: ClassIndex,
    first: int,
    stop: int,
    workspace: Sums,
    out: Annotated[Floats, Out("N, M, h, w")],
) -> int:
    """out[n, m, y, x] = sum over c of weights[class_index[n, m], c] * f(n, c, y, x), in channel order.

    Images [first, stop) are computed. The order of the sum is part of the rule, so that every engine gives the same
    bits. Returns the first image with a map that isn't finite, or stop.
    """
    sound = stop
    h, w = out.shape[2], out.shape[3]
    data, form, zero_point, scale = features
    sums = workspace.sums
    for n in range(first, stop):
        values = data[n].reshape(data[n].size)
        weighted_sums(values, form, zero_point, scale, h * w, weights, class_index[n], workspace)
        for m in range(out.shape[1]):
            for y in range(h):
                for x in range(w):
                    value = sums[m, y * w + x]
                    out[n, m, y, x] = value
                    if not abs(value) < LARGEST:
                        sound = min(sound, n)
    return sound
