"""Feature maps to boxes in one call."""

from fastcam.kernels.contract import Cells, ClassBoxes, ClassIndex, Features, Grid, Rule, Sums, Tables, Weights
from fastcam.kernels.cpu.components import write_largest
from fastcam.kernels.cpu.jit import kernel
from fastcam.kernels.cpu.runs import components_of
from fastcam.kernels.cpu.weighted_sum import weighted_sums


@kernel
def localize(
    features: Features,
    weights: Weights,
    class_index: ClassIndex,
    first: int,
    stop: int,
    grid: Grid,
    rule: Rule,
    workspace: Sums,
    cells: Cells,
    tables: Tables,
    boxes: ClassBoxes,
) -> int:
    """boxes[n, m] = the box of class class_index[n, m] in image n, for images [first, stop).

    The maps are those of `activation_maps`, their boxes those of `find_boxes`. Returns the first image with a map that
    isn't finite, or stop.
    """
    positions = (grid.rows.shape[0] - 2) * (grid.columns.shape[0] - 2)
    sound = stop
    data, form, zero_point, scale = features
    xyxy, area, peak = boxes
    sums, components = workspace.sums, tables.components
    for n in range(first, stop):
        values = data[n].reshape(data[n].size)
        weighted_sums(values, form, zero_point, scale, positions, weights, class_index[n], workspace)
        for m in range(xyxy.shape[1]):
            _, count, high = components_of(sums[m, :positions], grid, rule, cells, tables)
            area[n, m] = write_largest(components, count, xyxy[n, m])
            peak[n, m] = high
            if high != high:
                sound = min(sound, n)
    return sound
