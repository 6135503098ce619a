"""The code of published evaluations, with OpenCV as their engine: oracles of `fastcam.arrays.sweeps`."""

import cv2
import numpy as np

from fastcam.arrays.sweeps import sweep


def wsol_score_map(one, size):
    """Return (H, W) float64 in [0, 1] of an activation map, converted to float64 before it is resized."""
    cam = cv2.resize(np.asarray(one, np.float64), size[::-1], interpolation=cv2.INTER_CUBIC)
    low, high = cam.min(), cam.max()
    return np.zeros(size) if low == high else (cam - low) / (cam - low).max()


def wsol_boxes(scores, threshold, every):
    """Return [[x0, y0, x1, y1], ...] of the largest contour, or of every one."""
    height, width = scores.shape
    image = (scores * 255).astype(np.uint8)
    mask = cv2.threshold(image, int(threshold * float(image.max())), 255, cv2.THRESH_BINARY)[1]
    contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not contours:
        return [[0, 0, 0, 0]]
    chosen = contours if every else [max(contours, key=cv2.contourArea)]
    rectangles = [cv2.boundingRect(contour) for contour in chosen]
    return [[x, y, min(x + w, width - 1), min(y + h, height - 1)] for x, y, w, h in rectangles]


def distances(mask):
    """Return the distance from each pixel of a mask to the nearest one outside."""
    outside, squared = np.argwhere(~mask), np.zeros(mask.shape)
    for pixel in np.argwhere(mask):
        squared[tuple(pixel)] = ((outside - pixel) ** 2).sum(axis=1).min()
    return np.sqrt(squared)


def limit(value, low, high):
    return low if value < low else min(value, high)


def release_rectangles(heat, cuts):
    """Return [(x, y, width, height, index of the cut), ...] from a heatmap in bytes."""
    height, width = heat.shape
    found = []
    for index, cut in enumerate(cuts):
        mask = heat > cut
        if mask.any() and not mask.all():
            far = distances(mask)
            mask = np.clip((far * (255.0 / far.max()) + 0.5).astype(int), 0, 255) > 10
        contours = cv2.findContours(mask.astype(np.uint8) * 255, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0]
        for x, y, w, h in map(cv2.boundingRect, contours):
            corner = limit(x, 0, width - 5), limit(y, 0, height - 5)
            found.append((*corner, limit(w, 0, width - x - 5), limit(h, 0, height - y - 5), index))
    found.sort(key=lambda r: -r[2] * r[3])
    i = 0
    while i < len(found):
        j = i + 1
        while j < len(found):
            if much_the_same(found[i], found[j]):
                del found[j]  # and the next one takes its place, which is passed by
            j += 1
        i += 1
    return found


def much_the_same(a, b):
    across = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    down = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return across * down > int(max(a[2] * a[3], b[2] * b[3]) * 0.5)


def assert_same_as_published(one, size, thresholds):
    """Check that the boxes of a sweep are the published ones, largest and all."""
    scores = wsol_score_map(one, size)
    largest = sweep(one, size, thresholds, convention="wsol")
    every = sweep(one, size, thresholds, convention="wsol", components="all")
    for k, threshold in enumerate(thresholds):
        assert [largest.xyxy[k].tolist()] == wsol_boxes(scores, threshold, every=False)
        mine = every.xyxy[every.threshold_index == k].tolist()
        assert sorted(mine) == sorted(wsol_boxes(scores, threshold, every=True))
