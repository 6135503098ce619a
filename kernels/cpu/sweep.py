"""The components of all thresholds from one union-find: pixels join from the deepest to the least deep one.

Once the pixels of a depth have joined, the components are those of the pixels above a threshold (Najman and Couprie
2006, "Building the component tree in quasi-linear time").
"""

from typing import Annotated

import numpy as np
from numba import int32, int64, uint32

from fastcam.kernels.contract import In, Ints, Out, Words, Work
from fastcam.kernels.cpu.components import AREA, BOTTOM, LEFT, PARENT, RIGHT, TOP, root_of, unite
from fastcam.kernels.cpu.jit import helper, kernel

# Further columns of the table of components, valid at roots only: the first pixel in raster order, and twice the area
# of the polygon through the centres of the outermost pixels.
FIRST, POLYGON = 6, 7
NONE = -1  # the label of a pixel that hasn't joined yet


@helper
def _sort(framed: Ints, thresholds: int, background: bool, ends: Ints, order: Words) -> None:
    """Write the pixels, y * 2**16 + x, in order: the deepest first, and in raster order within a depth.

    Pixels of depth d end at ends[d], and begin where those of the next depth end; pixels of depth 0 aren't listed.
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
def _join(labels: Ints, components: Ints, pixel: int, component: int) -> int:
    """Return the component of a pixel, united with another one; either may be `NONE`."""
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
def _join_all(labels: Ints, components: Ints, pixel: int, stride: int, connectivity: int) -> int:
    """Return the component of all neighbours of a pixel, united, or `NONE`."""
    component = NONE
    for side in (-stride, -1, 1, stride):
        component = _join(labels, components, pixel + side, component)
    if connectivity == 8:
        for row in (-stride, stride):
            component = _join(labels, components, pixel + row - 1, component)
            component = _join(labels, components, pixel + row + 1, component)
    return component


@helper
def _begin(y: int, x: int, width: int, components: Ints, count: int) -> None:
    """Write a new component, without pixels yet."""
    components[count, PARENT], components[count, AREA] = count, 0
    components[count, LEFT], components[count, TOP] = x, y
    components[count, RIGHT], components[count, BOTTOM] = x, y
    components[count, FIRST], components[count, POLYGON] = y * width + x, 0


@helper
def _widen(y: int, x: int, width: int, components: Ints, root: int) -> None:
    components[root, LEFT] = min(components[root, LEFT], x)
    components[root, TOP] = min(components[root, TOP], y)
    components[root, RIGHT] = max(components[root, RIGHT], x + 1)
    components[root, BOTTOM] = max(components[root, BOTTOM], y + 1)
    components[root, FIRST] = min(components[root, FIRST], y * width + x)


@helper
def _add(
    order: Words,
    first: int,
    stop: int,
    width: int,
    connectivity: int,
    by_polygon: bool,
    labels: Ints,
    components: Ints,
    roots: Ints,
    count: int,
    alive: int,
) -> tuple[int, int]:
    """Let the pixels [first, stop) of the order join; return the numbers of components and of roots.

    Helpers are called for few pixels only: Numba counts references to their arrays, which takes longer than all else
    here. Indices are unsigned, which spares the test for negative ones.
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
def _largest(components: Ints, roots: Ints, alive: int, by_polygon: bool) -> tuple[int, int]:
    """Return the root with most pixels, of equals the one met first; or with the largest polygon, the one met last.

    Without any root, the first result is `NONE`. The second is the number of roots in the list, from which components
    that were united are removed.
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
def _list(components: Ints, roots: Ints, alive: int, threshold: int, smallest: int, found: Ints, listed: int) -> int:
    """Append a line for each root of `smallest` pixels or more, as long as there is room; return their number."""
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


@kernel
def sweep(
    framed: Annotated[Ints, In("H + 2, W + 2")],
    thresholds: int,
    connectivity: int,
    background: bool,
    by_polygon: bool,
    smallest: int,
    ends: Annotated[Ints, Work("T + 1")],
    order: Annotated[Words, Work("H * W")],
    labels: Annotated[Ints, Work("(H + 2) * (W + 2)")],
    components: Annotated[Ints, Work("1 + most components, 8")],
    roots: Annotated[Ints, Work("1 + most components")],
    xyxy: Annotated[Ints, Out("T, 4")],
    area: Annotated[Ints, Out("T")],
    found: Annotated[Ints, Out("any, 7")],
) -> int:
    """xyxy[k], area[k] = box and pixels of the largest component of pixels deeper than k; zeros where there is none.

    framed: depths in [0, T], in a frame; `thresholds` is T. With background: of the pixels that are *not* deeper than
    k, the components that don't reach out of the image, which are holes; k counts from the last. by_polygon: the
    largest is the one with the largest polygon through its outermost pixels. found: threshold k, area, box and first
    pixel of all components of `smallest` pixels or more, as long as there is room. The most components are those with
    gaps between them. Returns the number of lines that found would need.
    """
    width = framed.shape[1] - 2
    _sort(framed, thresholds, background, ends, order)
    labels[:] = NONE
    i = count = alive = listed = 0
    if background:  # the frame has joined from the beginning, as the component 0, which is no hole
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
