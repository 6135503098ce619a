"""Feature maps to boxes in one go."""

from numba import float32, float64, int32, int64, uint8

from fastcam.kernels.cpu.components import write_largest
from fastcam.kernels.cpu.jit import GRID, RULE, TABLES, kernel, readable, writable
from fastcam.kernels.cpu.runs import components_of
from fastcam.kernels.cpu.weighted_sum import weighted_sums


@kernel(
    *(int64, readable(uint8, 4), int64, float64, float64, readable(float32, 2), readable(int64, 2)),
    *(int64, int64, *GRID, *RULE),
    *(writable(float32, 2), writable(float32, 2), *TABLES),
    *(writable(int32, 3), writable(int32, 2), writable(float32, 2)),
)
def localize(
    feature_maps, form, zero_point, scale, weights, class_index, first, stop,
    rows, row_weight, columns, column_weight, threshold, rectify, minmax, connectivity,
    workspace, sums, padded, corners, spans, runs, components, xyxy, area, peak,
):  # fmt: skip
    """xyxy[n, m], area[n, m], peak[n, m] = the box of class class_index[n, m] in image n.

    For images [first, stop). The first six parameters, workspace and sums as in `activation_maps`, the others as in
    `find_boxes`; xyxy (N, M, 4), area and peak (N, M). Returns the first image with a map that isn't finite, or stop.
    """
    positions = (rows.shape[0] - 2) * (columns.shape[0] - 2)
    sound = stop
    for n in range(first, stop):
        data = feature_maps[n].reshape(feature_maps[n].size)
        weighted_sums(data, form, zero_point, scale, positions, weights, class_index[n], workspace, sums)
        for m in range(xyxy.shape[1]):
            _, count, high = components_of(
                sums[m, :positions], rows, row_weight, columns, column_weight,
                threshold, rectify, minmax, connectivity, padded, corners, spans, runs, components,
            )  # fmt: skip
            area[n, m] = write_largest(components, count, xyxy[n, m])
            peak[n, m] = high
            if high != high:
                sound = min(sound, n)
    return sound
