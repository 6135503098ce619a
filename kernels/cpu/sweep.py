"""The components of all thresholds from one union-find: pixels join from the deepest to the least deep one.

After the pixels of a depth, the components are those of the pixels above a threshold (Najman and Couprie 2006,
"Building the component tree in quasi-linear time").
"""

import numpy as np
from numba import int32, int64, uint32

from fastcam.kernels.cpu.components import AREA, BOTTOM, LEFT, PARENT, RIGHT, TOP, root_of, unite
from fastcam.kernels.cpu.jit import helper, kernel, readable, writable

# built on 47921c00d9828012

# Further columns of the table of components, which is true at roots only: the first pixel in raster order, and twice
# the area of the polygon through the centres of the outermost pixels.
FIRST, POLYGON = 6, 7
NONE = -1  # the label of a pixel that hasn't joined yet


@helper
def _sort(framed, thresholds, background, ends, order):
    """Put the pixels, y * 2**16 + x, in order, the deepest first, else as they are met.

    Those of depth d end at ends[d], and begin where those of the next depth end; those of depth 0 aren't listed.
    """
    height, width = framed.shape[0] - 2, framed.shape[1] - 2
    ends[:] = 0
    for y in range(height):
        for x in range(width):
            depth = framed[1 + y, 1 + x]
            ends[thresholds - depth if background else depth] += 1
    place = 0
    for depth in range(thresholds, -1, -1):
        place, ends[depth] = place + ends[depth], place
    for y in range(height):
        for x in range(width):
            depth = framed[1 + y, 1 + x]
            depth = thresholds - depth if background else depth
            if depth:
                order[ends[depth]] = np.uint32(y << 16 | x)
                ends[depth] += 1


@helper
def _join(labels, components, pixel, component):
    """The component that a pixel is of, united with another one, if both are any."""
    if labels[pixel] == NONE:
        return component
    other = root_of(components, labels[pixel])
    if component == NONE or component == other:  # noqa: SIM109
        return other
    first = min(components[component, FIRST], components[other, FIRST])
    polygon = components[component, POLYGON] + components[other, POLYGON]
    component = unite(components, component, other)
    components[component, FIRST], components[component, POLYGON] = first, polygon
    return component


@helper
def _join_neighbours(labels, components, pixel, stride, connectivity):
    """The component of all neighbours of a pixel, or `NONE`."""
    up, down, left, right = pixel - stride, pixel + stride, pixel - 1, pixel + 1
    component = _join(labels, components, up, NONE)
    component = _join(labels, components, left, component)
    component = _join(labels, components, right, component)
    component = _join(labels, components, down, component)
    if connectivity == 8:  # a neighbour at a corner is in the component of one at a side next to it, if that is in any
        for side, step in ((up, -stride), (down, stride)):
            if labels[side] == NONE and labels[left] == NONE:
                component = _join(labels, components, left + step, component)
            if labels[side] == NONE and labels[right] == NONE:
                component = _join(labels, components, right + step, component)
    return component


@helper
def _triangles(labels, pixel, stride):
    """How many half squares of pixels' centres, of three corners that are in, a pixel completes."""
    count = 0
    for row in (-stride, stride):
        for column in (-1, 1):
            others = 0
            for neighbour in (row, column, row + column):
                others += labels[pixel + neighbour] != NONE
            count += others >= 2
    return count


@helper
def _add(y, x, width, connectivity, labels, components, roots, count, alive):
    """Let a pixel join; return its component, how many there have been, and how many lines of roots there are."""
    stride = width + 2
    pixel = (y + 1) * stride + x + 1
    component = _join_neighbours(labels, components, pixel, stride, connectivity)
    if component == NONE:
        component = count
        roots[alive] = component
        components[component, PARENT], components[component, AREA] = component, 0
        components[component, LEFT], components[component, TOP] = x, y
        components[component, RIGHT], components[component, BOTTOM] = x + 1, y + 1
        components[component, FIRST], components[component, POLYGON] = y * width + x, 0
        count, alive = count + 1, alive + 1
    components[component, AREA] += 1
    components[component, LEFT] = min(components[component, LEFT], x)
    components[component, TOP] = min(components[component, TOP], y)
    components[component, RIGHT] = max(components[component, RIGHT], x + 1)
    components[component, BOTTOM] = max(components[component, BOTTOM], y + 1)
    components[component, FIRST] = min(components[component, FIRST], y * width + x)
    labels[pixel] = component
    return component, count, alive


@helper
def _largest(components, roots, alive, by_polygon):
    """The root with most pixels, of equals the one met first; or with the largest polygon, of equals the one met last.

    Roots that no longer are leave the list. Returns the root, or `NONE`, and how many there are.
    """
    best, kept = NONE, 0
    for i in range(alive):
        root = roots[i]
        if components[root, PARENT] != root:
            continue
        roots[kept] = root
        kept += 1
        if best == NONE:
            best = root
        elif by_polygon:
            gain = components[root, POLYGON] - components[best, POLYGON]
            if gain > 0 or (gain == 0 and components[root, FIRST] > components[best, FIRST]):
                best = root
        else:
            gain = components[root, AREA] - components[best, AREA]
            if gain > 0 or (gain == 0 and components[root, FIRST] < components[best, FIRST]):
                best = root
    return best, kept


@helper
def _list(components, roots, alive, threshold, smallest, found, listed):
    """Append a line for each root of no fewer pixels than that, as long as there is room; return how many there are."""
    for i in range(alive):
        root = roots[i]
        if components[root, AREA] < smallest:
            continue
        if listed < found.shape[0]:
            found[listed, 0] = threshold
            for column in range(AREA, FIRST + 1):
                found[listed, column] = components[root, column]
        listed += 1
    return listed


@kernel(
    *(int64, readable(int32, 2), int64, int64, int64, int64, int64),
    *(writable(int32, 1), writable(uint32, 1), writable(int32, 1), writable(int32, 2), writable(int32, 1)),
    *(writable(int32, 2), writable(int32, 1), writable(int32, 2)),
)
def sweep(
    framed, thresholds, connectivity, background, by_polygon, smallest,
    ends, order, labels, components, roots, xyxy, area, found,
):  # fmt: skip
    """xyxy[k], area[k] = box and pixels of the largest component of pixels deeper than k; zeros where there is none.

    framed (H + 2, W + 2): depths in [0, thresholds], in a frame; xyxy (T, 4), area (T,). With background, the pixels
    that are *not* deeper than k, and of those the components that don't reach out of the image: holes; k counts
    from the last. by_polygon: the largest is the one with the largest polygon through its outermost pixels. found
    (any number, 7): all components of `smallest` pixels or more, k, area, box and first pixel, as long as there is
    room. Workspace: ends (T + 1,), order (H * W,), labels ((H + 2) * (W + 2),), components (as many as there can be
    with gaps between them, and 1; 8), roots (likewise). Returns how many lines there would be in found.
    """
    width = framed.shape[1] - 2
    _sort(framed, thresholds, background, ends, order)
    labels[:] = NONE
    i = count = alive = listed = 0
    if background:  # the frame is in from the beginning, as the component 0, which is no hole
        stride, size = width + 2, labels.shape[0]
        labels[:stride] = 0
        labels[size - stride :] = 0
        for y in range(framed.shape[0]):
            labels[y * stride] = labels[y * stride + stride - 1] = 0
        components[0] = 0
        components[0, FIRST] = -1
        count = 1
    for k in range(thresholds - 1, -1, -1):
        while i < ends[k + 1]:
            y, x = int64(order[i]) >> 16, int64(order[i]) & 0xFFFF
            component, count, alive = _add(y, x, width, connectivity, labels, components, roots, count, alive)
            if by_polygon:
                components[component, POLYGON] += _triangles(labels, (y + 1) * (width + 2) + x + 1, width + 2)
            i += 1
        best, alive = _largest(components, roots, alive, by_polygon)
        xyxy[k] = 0
        area[k] = 0
        if best != NONE:
            area[k] = components[best, AREA]
            for side in range(4):
                xyxy[k, side] = components[best, LEFT + side]
        listed = _list(components, roots, alive, k, smallest, found, listed)
    return listed
