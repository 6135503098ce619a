"""Class weights and bias of a linear head, measured on its tail: a unit in one place, and what comes out."""

from __future__ import annotations

import numpy as np

from fastcam.errors import NotLinearError
from fastcam.model.head.layouts import Layout
from fastcam.model.head.tail_run import UNIT, Doubles, Floats, TailRun, blocks

PROBE_BYTES = 16 << 20
MOST_PRODUCTS = 2e11  # multiplications that one weight for each position may cost: about 2 s


def weights_of_channels(run: TailRun, layout: Layout) -> tuple[Doubles, Doubles]:
    """Measure weights (K, C) and bias (K,): the tail's result for a unit in one channel, everywhere, and for zeros.

    Raises
    ------
    NotLinearError
        They aren't finite.
    """
    count = layout.prefix + layout.count

    def tensors(units: Floats) -> Floats:
        rows = np.zeros((len(units), count, layout.channels), np.float32)
        rows[:, layout.prefix :] = units[:, None]
        return layout.tensor(rows)

    return _measure(run, tensors, layout.channels, count * layout.channels)


def weights_of_means(run: TailRun, channels: int) -> tuple[Doubles, Doubles]:
    """Measure weights (K, C) and bias (K,) behind the pooling, where a channel is one number."""
    return _measure(run, lambda units: units.reshape(len(units), *run.shape), channels, channels)


def weights_of_positions(run: TailRun, layout: Layout) -> tuple[Doubles, Doubles]:
    """Measure weights (K, C, *places), times their number, and bias (K,): the mean of the map and the bias are logits.

    Raises
    ------
    NotLinearError
        They aren't finite.
    """
    size = int(np.prod(run.shape))
    weights, bias = _measure(run, lambda units: units.reshape(len(units), *run.shape), size, size)
    return layout.channels_first(weights.reshape(len(bias), *run.shape)) * layout.count, bias


def too_many(run: TailRun, classes: int) -> bool:
    """Return whether one weight for each position would take too long to measure."""
    return float(np.prod(run.shape)) ** 2 * classes > MOST_PRODUCTS


def _measure(run: TailRun, tensors, units: int, size: int) -> tuple[Doubles, Doubles]:
    """Measure (K, units) and (K,). `tensors` makes start tensors of rows with one unit each, of `size` values."""
    bias = run.run_one(np.zeros(run.shape, np.float32))[0]
    weights = np.empty((len(bias), units))
    for block in blocks(units, PROBE_BYTES // (4 * size)):
        rows = np.zeros((block.stop - block.start, units), np.float32)
        rows[np.arange(len(rows)), np.arange(block.start, block.stop)] = UNIT
        with np.errstate(invalid="ignore"):  # infinity - infinity, refused below
            weights[:, block] = ((run(tensors(rows))[0] - bias) / UNIT).T
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise NotLinearError("the logits aren't finite for every mean of the feature maps, so they aren't linear in it")
    return weights, bias
