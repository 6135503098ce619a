"""The components of all thresholds from one union-find: pixels join from the deepest to the least deep one.

After the pixels of a depth, the components are those of the pixels above a threshold (Najman and Couprie 2006,
"Building the component tree in quasi-linear time").
"""

import numpy as np
from numba import int32, int64, uint32

from fastcam.kernels.cpu.components import AREA, BOTTOM, LEFT, PARENT, RIGHT, TOP, root_of, unite
from fastcam.kernels.cpu.jit import helper, kernel, readable, writable

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
def _join_all(labels, components, pixel, stride, connectivity):
    """The component of all neighbours of a pixel, united, or `NONE`."""
    component = NONE
    for side in (-stride, -1, 1, stride):
        component = _join(labels, components, pixel + side, component)
    if connectivity == 8:
        for row in (-stride, stride):
            component = _join(labels, components, pixel + row - 1, component)
            component = _join(labels, components, pixel + row + 1, component)
    return component


@helper
def _begin(y, x, width, components, count):
    """A new component, of no pixels yet."""
    components[count, PARENT], components[count, AREA] = count, 0
    components[count, LEFT], components[count, TOP] = x, y
    components[count, RIGHT], components[count, BOTTOM] = x, y
    components[count, FIRST], components[count, POLYGON] = y * width + x, 0


@helper
def _widen(y, x, width, components, root):
    components[root, LEFT] = min(components[root, LEFT], x)
    components[root, TOP] = min(components[root, TOP], y)
    components[root, RIGHT] = max(components[root, RIGHT], x + 1)
    components[root, BOTTOM] = max(components[root, BOTTOM], y + 1)
    components[root, FIRST] = min(components[root, FIRST], y * width + x)


@helper
def _add(order, first, stop, width, connectivity, by_polygon, labels, components, roots, count, alive):
    """Let the pixels [first, stop) of the order join; return how many components and lines of roots there are.

    Helpers are called for few pixels only: Numba counts references to the arrays that they are given, which takes
    longer than all else here. Indices are unsigned, as there are no tests for negative ones then.
    """
    one, stride = np.uintp(1), np.uintp(width + 2)
    for i in range(first, stop):
        y, x = int64(order[i]) >> 16, int64(order[i]) & 0xFFFF
        pixel = np.uintp((y + 1) * (width + 2) + x + 1)
        up, down = pixel - stride, pixel + stride
        a, b, c, d = labels[up], labels[pixel - one], labels[pixel + one], labels[down]
        e, f, g, h = labels[up - one], labels[up + one], labels[down - one], labels[down + one]
        if connectivity == 4:
            e, f, g, h = a, b, c, d
        # Nearly always all neighbours that have joined have one label; as unsigned numbers, `NONE` is the highest.
        root = max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))
        lowest = min(min(uint32(a), uint32(b)), min(uint32(c), uint32(d)))
        lowest = min(lowest, min(min(uint32(e), uint32(f)), min(uint32(g), uint32(h))))
        if int32(lowest) != root:
            root = _join_all(labels, components, int64(pixel), width + 2, connectivity)
        elif root == NONE:
            root = roots[alive] = count
            _begin(y, x, width, components, count)
            count, alive = count + 1, alive + 1
        while components[np.uintp(root), PARENT] != root:
            root = components[np.uintp(root), PARENT]
        at = np.uintp(root)
        labels[pixel] = root
        components[at, AREA] += 1
        outside = (x < components[at, LEFT]) | (x >= components[at, RIGHT])
        if outside | (y <= components[at, TOP]) | (y >= components[at, BOTTOM]):
            _widen(y, x, width, components, root)
        if by_polygon:  # how many triangles of three pixels in a square are complete with this one: half squares
            north, west, east, south = int64(a != NONE), int64(b != NONE), int64(c != NONE), int64(d != NONE)
            complete = int64(north + west + int64(e != NONE) > 1) + int64(north + east + int64(f != NONE) > 1)
            complete += int64(south + west + int64(g != NONE) > 1) + int64(south + east + int64(h != NONE) > 1)
            components[at, POLYGON] += complete
    return count, alive


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
        tables = (labels, components, roots)
        count, alive = _add(order, i, ends[k + 1], width, connectivity, by_polygon, *tables, count, alive)
        i = ends[k + 1]
        best, alive = _largest(components, roots, alive, by_polygon)
        xyxy[k] = 0
        area[k] = 0
        if best != NONE:
            area[k] = components[best, AREA]
            for side in range(4):
                xyxy[k, side] = components[best, LEFT + side]
        listed = _list(components, roots, alive, k, smallest, found, listed)
    return listed
