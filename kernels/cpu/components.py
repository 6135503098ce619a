"""Connected components of runs of pixels: union-find that carries area and extent along."""

from fastcam.kernels.contract import Ints
from fastcam.kernels.cpu.jit import helper

# Columns of the table of runs, each the same pixels [START, STOP) in rows [Y0, Y1), and of the table of components,
# which is valid at their roots only.
START, STOP, Y0, Y1, COMPONENT = range(5)
PARENT, AREA, LEFT, TOP, RIGHT, BOTTOM = range(6)


@helper
def root_of(components: Ints, i: int) -> int:
    while components[i, PARENT] != i:
        components[i, PARENT] = components[components[i, PARENT], PARENT]
        i = components[i, PARENT]
    return i


@helper
def unite(components: Ints, i: int, j: int) -> int:
    """Merge two roots; the one met first in raster order stays, which settles ties of area."""
    if i == j:
        return i
    i, j = min(i, j), max(i, j)
    components[j, PARENT] = i
    components[i, AREA] += components[j, AREA]
    components[i, LEFT] = min(components[i, LEFT], components[j, LEFT])
    components[i, TOP] = min(components[i, TOP], components[j, TOP])
    components[i, RIGHT] = max(components[i, RIGHT], components[j, RIGHT])
    components[i, BOTTOM] = max(components[i, BOTTOM], components[j, BOTTOM])
    return i


@helper
def link_runs(
    runs: Ints, above: int, current: int, end: int, y0: int, y1: int, reach: int, components: Ints, count: int
) -> int:
    """Assign the runs [current, end), of rows [y0, y1), to components, by the runs [above, current) of the row before.

    runs (R, 5), components (R, 6). reach: 1 if runs that touch at a corner are connected, else 0. Returns the number of
    components, roots or not.
    """
    k = above
    for i in range(current, end):
        start, stop = runs[i, START], runs[i, STOP]
        while k < current and runs[k, STOP] + reach <= start:
            k += 1
        component, touched = -1, k
        while touched < current and runs[touched, START] < stop + reach:
            other = root_of(components, runs[touched, COMPONENT])
            component = other if component < 0 else unite(components, component, other)
            touched += 1
        k = max(k, touched - 1)  # the last one may touch the next run as well
        if component < 0:
            component = count
            count += 1
            components[component, PARENT], components[component, AREA] = component, 0
            components[component, LEFT], components[component, TOP] = start, y0
            components[component, RIGHT] = stop
        components[component, AREA] += (stop - start) * (y1 - y0)
        components[component, LEFT] = min(components[component, LEFT], start)
        components[component, RIGHT] = max(components[component, RIGHT], stop)
        components[component, BOTTOM] = y1
        runs[i, Y0], runs[i, Y1], runs[i, COMPONENT] = y0, y1, component
    return count


@helper
def write_largest(components: Ints, count: int, xyxy: Ints) -> int:
    """Write the extent (4,) of the component with most pixels, of equals the one met first; return its area, or 0."""
    largest, area = -1, 0
    for i in range(count):
        if components[i, PARENT] == i and components[i, AREA] > area:
            largest, area = i, components[i, AREA]
    for side in range(4):
        xyxy[side] = components[largest, LEFT + side] if area else 0
    return area
