"""Activation maps of every kind that is difficult for an engine."""

import numpy as np

F = np.float32
KINDS = (
    *("normal", "smooth", "ties", "constant", "negative", "one-hot", "checkerboard", "diagonal", "spiral"),
    *("tiny", "huge", "steps", "ulp"),
)


def make_map(kind, shape, rng):
    h, w = shape
    values = rng.standard_normal((h, w))
    if kind == "ties":
        values = rng.integers(-1, 3, (h, w))
    elif kind == "constant":
        values = np.full((h, w), rng.choice([-1.5, 0.0, -0.0, 3.25]))
    elif kind == "negative":
        values = -np.abs(values) - 0.1
    elif kind == "one-hot":
        values = np.zeros((h, w))
        values[rng.integers(h), rng.integers(w)] = 1
    elif kind == "checkerboard":
        values = np.indices((h, w)).sum(axis=0) % 2 * 2 - 1
    elif kind == "smooth":  # as real maps are: few components, most cells all in or all out
        values = np.sum([np.roll(values, step, axis) for step in (-1, 0, 1) for axis in (0, 1)], axis=0)
    elif kind == "diagonal":  # pixels that touch at corners
        values = (np.subtract(*np.indices((h, w))) % 3 == 0) * 2 - 1
    elif kind == "spiral":
        y, x = np.indices((h, w)) - np.array([h, w]).reshape(2, 1, 1) / 2
        values = np.sin(np.hypot(y, x) * rng.uniform(0.5, 2) + np.arctan2(y, x) * rng.integers(1, 4))
    elif kind == "tiny":
        values = values * 1e-40  # denormal
    elif kind == "huge":
        values = values.clip(-2, 2) * 4e37
    elif kind == "steps":  # values of which many lie on the threshold exactly
        values = rng.choice([0.0, 0.2, 1.0], (h, w))
    elif kind == "ulp":  # one unit in the last place around the threshold
        cut = F(0.2)
        values = rng.choice([F(1), cut, np.nextafter(cut, F(0)), np.nextafter(cut, F(1))], (h, w))
    return values.astype(F)
