"""A tail as a function that can be asked: what it makes of feature maps, and which weights and bias that amounts to.

The only file of `fastcam.model` that runs anything (ONNX Runtime, on the CPU).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.model.graph import Graph
from fastcam.model.head import Layout
from fastcam.model.structure import Proposal
from fastcam.model.tail import Tail, cut_tail
from fastcam.runtime import ORT_ERRORS, open_session

TOLERANCE = 1e-4  # of the identity, relative; float32 models reach 1e-6
PROBE_BYTES = 16 << 20
# A power of two, so that scaling is exact, and large, so that a large bias costs no digits of the weights.
PROBE_SCALE = 1024.0

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class TailRun:
    """A tail as a function of its start tensor, whatever batch sizes it allows.

    `lead` is the batch size that the model itself runs at (a tail may insist on it), `shape` that of one start tensor.
    """

    def __init__(self, tail: Tail, folder: Path | None, lead: int, shape: tuple[int, ...]) -> None:
        self.lead, self.shape, self.floatised = lead, shape, tail.floatised
        self._session = open_session(tail.model.SerializeToString(), name="tail of the model", folder=folder, threads=1)
        self._start = tail.start
        self._batches = True

    def __call__(self, items: Floats) -> Doubles:
        """(n, values) of n start tensors (n, *shape)."""
        if self._batches and len(items) > 1:
            together = self._run_together(items)
            if together is not None:
                return together.reshape(len(items), -1)
            self._batches = False
        return np.stack([self.run_one(item).reshape(-1) for item in items])

    def _run_together(self, items: Floats) -> Doubles | None:
        """All at once, if the tail allows it and keeps them apart."""
        try:
            together = self.run(items)
        except ORT_ERRORS:  # a Reshape to a fixed batch
            return None
        slack = 1e-5 * np.abs(together).max()
        if len(together) != len(items) or not np.isfinite(slack):
            return None
        return together if np.allclose(together[-1], self.run_one(items[-1]), rtol=1e-5, atol=slack) else None

    def run_one(self, item: Floats) -> Doubles:
        """One start tensor (*shape), at the model's own batch size."""
        return self.run(np.repeat(np.asarray(item)[None], self.lead, axis=0))[0]

    def run(self, items: Floats) -> Doubles:
        """As ONNX Runtime gives it."""
        (values,) = self._session.run(None, {self._start: np.ascontiguousarray(items, np.float32)})
        array = np.asarray(values, np.float64)
        # A model of one image may leave the first axis out.
        return array if array.ndim and len(array) == len(items) else array[None]


def find_layout(run: TailRun, maps: Floats) -> Layout:
    """The layout in which the tail sees no more of the maps than their mean over the spatial axes."""
    probe = np.random.default_rng(0).standard_normal(maps.shape[1:]).astype(np.float32) * (maps.std() + 1)
    seen, layouts = run(np.stack([probe, np.zeros_like(probe)])), []
    candidates: tuple[tuple[Layout, tuple[int, int]], ...] = (("NCHW", (1, 2)), ("NHWC", (0, 1)))
    for layout, axes in candidates:
        mean = np.broadcast_to(probe.mean(axes, keepdims=True), probe.shape)
        if relative_deviation(run(mean[None]), seen[:1], seen[1]) <= TOLERANCE:
            layouts.append(layout)
    if len(layouts) != 1:
        raise ModelError("the logits depend on more than the mean of each channel over the spatial axes")
    return layouts[0]


def measure_weights(
    graph: Graph,
    proposal: Proposal,
    run: TailRun,
    layout: Layout,
    folder: Path | None,
    shapes: Mapping[str, NDArray[Any]],
) -> tuple[Doubles, Doubles]:
    """(K, C) and (K,): what the tail makes of a unit in one channel, and of zeros."""
    channels = run.shape[0 if layout == "NCHW" else 2]
    spatial = run.shape[1:] if layout == "NCHW" else run.shape[:2]
    if proposal.pooled is not None:  # cheaper behind the pooling: one number a channel
        pool = TailRun(cut_tail(graph, proposal.feature_maps, [proposal.pooled], shapes), folder, run.lead, run.shape)
        pooled = pool.run_one(np.zeros(run.shape, np.float32)).shape
        if np.prod(pooled) != channels:
            raise ModelError(f"{proposal.pooling} makes {pooled} of {run.shape}; expected one number a channel")
        run = TailRun(cut_tail(graph, proposal.pooled, [proposal.logits], shapes), folder, run.lead, pooled)
        spatial = (1, 1)
    bias = run(_arrange(np.zeros((1, channels), np.float32), run.shape, spatial, layout))[0]
    weights = np.empty((len(bias), channels))
    step = max(1, PROBE_BYTES // (4 * channels * spatial[0] * spatial[1]))
    for first in range(0, channels, step):
        units = np.zeros((min(step, channels - first), channels), np.float32)
        units[np.arange(len(units)), first + np.arange(len(units))] = PROBE_SCALE
        answer = run(_arrange(units, run.shape, spatial, layout))
        with np.errstate(invalid="ignore"):  # infinity - infinity, refused below
            weights[:, first : first + len(units)] = ((answer - bias) / PROBE_SCALE).T
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise ModelError("the logits aren't finite for every mean of the feature maps, so they aren't linear in it")
    return weights, bias


def _arrange(rows: Floats, shape: tuple[int, ...], spatial: tuple[int, ...], layout: Layout) -> Floats:
    """(n, C) numbers as start tensors (n, *shape), constant in space."""
    n, channels = rows.shape
    if layout == "NCHW":
        return np.broadcast_to(rows[:, :, None, None], (n, channels, *spatial)).reshape(n, *shape)
    return np.broadcast_to(rows[:, None, None, :], (n, *spatial, channels)).reshape(n, *shape)


def relative_deviation(predicted: Doubles, expected: NDArray[np.floating], bias: NDArray[np.floating]) -> float:
    """max |predicted - expected| over images and classes, relative to max |expected - bias|; 0 / 0 = 0.

    Where a bias dwarfs what the feature maps add, float32 has no more digits: then relative to |expected| / 1024.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # infinity - infinity: a deviation without end
        expected = expected.astype(np.float64)
        scale = max(float(np.abs(expected - bias).max()), float(np.abs(expected).max()) / 1024)
        ratio = float(np.abs(predicted - expected).max()) / (scale or 1.0)
    return ratio if np.isfinite(ratio) else float("inf")
