"""The rules of fastcam, step by step, which every engine has to equal bit for bit. Meant to be read."""

from collections import deque

import numpy as np

F = np.float32


def activation_map(feature_maps, weights):
    """Return (h, w): the sum over channels, in order, every product and every sum rounded to float32."""
    total = np.zeros(feature_maps.shape[1:], F)
    for feature_map, weight in zip(feature_maps, weights, strict=True):
        total = total + F(weight) * feature_map
    return total


def axis(cells, pixels):
    """Return the cell before each pixel, the cell after it, and its position between them in float32."""
    position = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    cell = np.floor(position).astype(int)
    return cell, np.minimum(cell + 1, cells - 1), (position - cell).astype(F)


def upsample(one, size):
    """Return the upsampled map (H, W): first along y, then along x, every operation rounded to float32."""
    upper, lower, down = axis(one.shape[0], size[0])
    left, right, along = axis(one.shape[1], size[1])
    rows = one[upper] + down[:, None] * (one[lower] - one[upper])
    return rows[:, left] + along * (rows[:, right] - rows[:, left])


def mask(upsampled, convention, threshold):
    """Return the pixels above the threshold, (H, W) bool."""
    low, high = upsampled.min(), upsampled.max()
    if convention == "minmax":
        return (upsampled - low) / (high - low) > F(threshold) if high > low else np.zeros(upsampled.shape, bool)
    return upsampled > F(F(threshold) * high) if high > 0 else np.zeros(upsampled.shape, bool)


def largest_component(inside, connectivity):
    """Return (x0, y0, x1, y1) and area of the component with most pixels, the first of equals; zeros without one."""
    height, width = inside.shape
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    if connectivity == 8:
        steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    seen = np.zeros(inside.shape, bool)
    best = ((0, 0, 0, 0), 0)
    for start in zip(*np.nonzero(inside), strict=True):
        if seen[start]:
            continue
        seen[start] = True
        queue, pixels = deque([start]), []
        while queue:
            y, x = queue.popleft()
            pixels.append((int(y), int(x)))
            for dy, dx in steps:
                at = (y + dy, x + dx)
                if 0 <= at[0] < height and 0 <= at[1] < width and inside[at] and not seen[at]:
                    seen[at] = True
                    queue.append(at)
        if len(pixels) > best[1]:
            ys, xs = zip(*pixels, strict=True)
            best = ((min(xs), min(ys), max(xs) + 1, max(ys) + 1), len(pixels))
    return best


def find_box(one, size, convention, threshold, connectivity):
    """Return box and area from a map, in the steps of the paper."""
    if convention == "gradcam":
        one = np.maximum(one, F(0))
    return largest_component(mask(upsample(one, size), convention, threshold), connectivity)


def heatmap(one, size, full=1):
    """Return (H, W) in [0, full]: the map scaled by its extrema at that size, then upsampled."""
    upsampled = upsample(one, size)
    low, high = upsampled.min(), upsampled.max()
    if not high > low:
        return np.zeros(size, F)
    with np.errstate(over="ignore"):
        scaled = np.clip((one - low) / (high - low) * F(full), -F(2.0**126), F(2.0**126))
    return np.asarray(np.clip(upsample(scaled, size), F(0), F(full)), F)


def heatmap_uint8(one, size):
    """Return (H, W) in [0, 255], rounded half up."""
    return np.floor(heatmap(one, size, 255) + F(0.5)).astype(np.uint8)


def upsample_places(one, size):
    """Return the map of a signal, an image or a volume at that size: along one axis after the other, the first first."""
    for number, pixels in enumerate(size):
        before, after, weight = axis(one.shape[number], pixels)
        near, far = np.take(one, before, number), np.take(one, after, number)
        one = near + weight.reshape(-1, *[1] * (one.ndim - 1 - number)) * (far - near)
    return one


def components(inside, corners):
    """Return all components of a mask of any rank, most elements first, of equals the first in raster order.

    Of each: all first sides, then all last, of the last axis first; and the number of elements. `corners`: elements
    that touch at a corner or an edge are connected.
    """
    steps = [step for step in np.ndindex(*[3] * inside.ndim) if corners or sum(side != 1 for side in step) == 1]
    seen, found = np.zeros(inside.shape, bool), []
    for start in zip(*np.nonzero(inside), strict=True):
        if seen[start]:
            continue
        seen[start] = True
        queue, elements = deque([start]), []
        while queue:
            place = queue.popleft()
            elements.append(place)
            for step in steps:
                at = tuple(int(i) + s - 1 for i, s in zip(place, step, strict=True))
                if all(0 <= i < n for i, n in zip(at, inside.shape, strict=True)) and inside[at] and not seen[at]:
                    seen[at] = True
                    queue.append(at)
        sides = np.array(elements)[:, ::-1]
        found.append(([*sides.min(axis=0).tolist(), *(sides.max(axis=0) + 1).tolist()], len(elements)))
    return sorted(found, key=lambda one: -one[1])
