"""Proof of a head: weights measured on the tail, and the identity held against the model itself.

The only file of `fastcam.model` that runs anything (ONNX Runtime, on the CPU).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import HeadNotFoundError, ModelError
from fastcam.model.graph import Graph
from fastcam.model.head import Head, Layout
from fastcam.model.structure import Proposal, pooled_tensors
from fastcam.model.tail import Tail, cut_tail
from fastcam.runtime import ORT_ERRORS, open_session

TOLERANCE = 1e-4  # of the identity, relative; float32 models reach 1e-6
PROBE_BYTES = 16 << 20
# A power of two, so that scaling is exact, and large, so that a large bias costs no digits of the weights.
PROBE_SCALE = 1024.0

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Observation = tuple[NDArray[Any], NDArray[Any]]  # feature maps (4-D) and logits (N, K), as the model has them


def prove(graph: Graph, proposal: Proposal, observed: Sequence[Observation], folder: Path | None = None) -> Head:
    """The head that was proposed, with class weights and bias, if the identity holds for every class.

    Parameters
    ----------
    observed
        Feature maps and logits of the model on probe images.
    folder
        Where the model's external data lies.

    Raises
    ------
    HeadNotFoundError
        The identity fails or can't be shown; says where and by how much.
    """
    try:
        for maps, logits in observed:
            _check_observation(proposal, maps, logits)
        tail = cut_tail(graph, proposal.feature_maps, [proposal.logits])
        run = _TailRun(tail, folder, len(observed[0][0]), observed[0][0].shape[1:])
        layout = proposal.layout or _find_layout(run, observed[0][0])
        weights, bias = _measure_weights(graph, proposal, run, layout, folder)
        error, gap = _hold_identity(run, observed, weights, bias, layout)
    except (ModelError, *ORT_ERRORS) as error:
        raise HeadNotFoundError(
            f"feature maps {proposal.feature_maps!r} and logits {proposal.logits!r} of output {proposal.output!r} are "
            f"no head for class activation maps: {error}",
            candidates=pooled_tensors(graph),
        ) from error
    channel_first = observed[0][0] if layout == "NCHW" else observed[0][0].transpose(0, 3, 1, 2)
    return Head(
        feature_maps=proposal.feature_maps,
        logits=proposal.logits,
        class_weights=weights.astype(np.float32),
        bias=bias.astype(np.float32),
        layout=layout,
        activation=proposal.activation,
        pooling=proposal.pooling,
        identity_error=error,
        quantisation_gap=gap,
        feature_shape=channel_first.shape[1:],
    )


def check_identity(head: Head, observed: Sequence[Observation], tolerance: float = TOLERANCE) -> float:
    """Largest deviation of `mean(M_c) + b_c` from the model's own logits, relative to the largest |S - b|.

    Raises
    ------
    HeadNotFoundError
        It is larger than the tolerance, or the shapes don't fit the head.
    """
    error = 0.0
    for maps, logits in observed:
        axis = 1 if head.layout == "NCHW" else 3
        if maps.ndim != 4 or maps.shape[axis] != head.channels or logits.shape[1] != head.classes:
            raise HeadNotFoundError(
                f"head: expected {head.channels} channels in {head.feature_maps!r} ({head.layout}) and {head.classes} "
                f"classes in {head.logits!r}; got shapes {maps.shape} and {logits.shape}"
            )
        predicted = _linear(maps, head.class_weights, head.bias, head.layout)
        error = max(error, _deviation(predicted, logits, head.bias))
    if not error <= tolerance:
        raise HeadNotFoundError(
            f"head: mean(M_c) + b_c should be {head.logits!r} to {tolerance:g}; off by {error:.2g} relative. "
            "Are the class weights, the bias and the layout those of this model?"
        )
    return error


class _TailRun:
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
        if len(together) != len(items):
            return None
        return together if np.allclose(together[-1], self.run_one(items[-1]), rtol=1e-5, atol=slack) else None

    def run_one(self, item: Floats) -> Doubles:
        """One start tensor (*shape), at the model's own batch size."""
        return self.run(np.repeat(np.asarray(item)[None], self.lead, axis=0))[0]

    def run(self, items: Floats) -> Doubles:
        """As ONNX Runtime gives it."""
        values = self._session.run(None, {self._start: np.ascontiguousarray(items, np.float32)})[0]
        return np.asarray(values, np.float64)


def _check_observation(proposal: Proposal, maps: NDArray[Any], logits: NDArray[Any]) -> None:
    if maps.ndim != 4 or min(maps.shape) < 1:
        raise ModelError(
            f"{proposal.feature_maps!r}: expected four axes, (N, C, h, w) or (N, h, w, C); got {maps.shape}"
        )
    if maps.dtype.kind != "f" or logits.dtype.kind != "f":
        raise ModelError(f"expected feature maps and logits of floats; got {maps.dtype} and {logits.dtype}")
    if not (np.isfinite(maps).all() and np.isfinite(logits).all()):
        raise ModelError("NaN or infinity in the feature maps or logits of a probe image")


def _find_layout(run: _TailRun, maps: Floats) -> Layout:
    """The layout in which the tail sees no more of the maps than their mean over the spatial axes."""
    probe = np.random.default_rng(0).standard_normal(maps.shape[1:]).astype(np.float32) * (maps.std() + 1)
    seen, layouts = run(np.stack([probe, np.zeros_like(probe)])), []
    candidates: tuple[tuple[Layout, tuple[int, int]], ...] = (("NCHW", (1, 2)), ("NHWC", (0, 1)))
    for layout, axes in candidates:
        mean = np.broadcast_to(probe.mean(axes, keepdims=True), probe.shape)
        if _deviation(run(mean[None]), seen[:1], seen[1]) <= TOLERANCE:
            layouts.append(layout)
    if len(layouts) != 1:
        raise ModelError("the logits depend on more than the mean of each channel over the spatial axes")
    return layouts[0]


def _measure_weights(
    graph: Graph, proposal: Proposal, run: _TailRun, layout: Layout, folder: Path | None
) -> tuple[Doubles, Doubles]:
    """(K, C) and (K,): what the tail makes of a unit in one channel, and of zeros."""
    channels = run.shape[0 if layout == "NCHW" else 2]
    spatial = run.shape[1:] if layout == "NCHW" else run.shape[:2]
    if proposal.pooled is not None:  # cheaper behind the pooling: one number a channel
        pool = _TailRun(cut_tail(graph, proposal.feature_maps, [proposal.pooled]), folder, run.lead, run.shape)
        pooled = pool.run_one(np.zeros(run.shape, np.float32)).shape
        if np.prod(pooled) != channels:
            raise ModelError(f"{proposal.pooling} makes {pooled} of {run.shape}; expected one number a channel")
        run = _TailRun(cut_tail(graph, proposal.pooled, [proposal.logits]), folder, run.lead, pooled)
        spatial = (1, 1)
    bias = run(_arrange(np.zeros((1, channels), np.float32), run.shape, spatial, layout))[0]
    weights = np.empty((len(bias), channels))
    step = max(1, PROBE_BYTES // (4 * channels * spatial[0] * spatial[1]))
    for first in range(0, channels, step):
        units = np.zeros((min(step, channels - first), channels), np.float32)
        units[np.arange(len(units)), first + np.arange(len(units))] = PROBE_SCALE
        answer = run(_arrange(units, run.shape, spatial, layout))
        weights[:, first : first + len(units)] = ((answer - bias) / PROBE_SCALE).T
    return weights, bias


def _arrange(rows: Floats, shape: tuple[int, ...], spatial: tuple[int, ...], layout: Layout) -> Floats:
    """(n, C) numbers as start tensors (n, *shape), constant in space."""
    n, channels = rows.shape
    if layout == "NCHW":
        return np.broadcast_to(rows[:, :, None, None], (n, channels, *spatial)).reshape(n, *shape)
    return np.broadcast_to(rows[:, None, None, :], (n, *spatial, channels)).reshape(n, *shape)


def _hold_identity(
    run: _TailRun, observed: Sequence[Observation], weights: Doubles, bias: Doubles, layout: Layout
) -> tuple[float, float | None]:
    """Identity error on observed maps and on noise of mixed signs at three scales; quantisation gap, if any."""
    rng = np.random.default_rng(0)
    spread = max(float(np.abs(maps).mean()) for maps, _ in observed) or 1.0
    noise = [spread * scale * rng.standard_normal((1, *run.shape)).astype(np.float32) for scale in (1, 30, 1000)]
    error, gap, heard = 0.0, 0.0, False
    narrow = run.floatised or any(values.dtype != np.float32 for pair in observed for values in pair)
    for maps in noise:
        error = max(error, _deviation(_linear(maps, weights, bias, layout), run(maps), bias))
    if not error <= TOLERANCE:
        raise ModelError(
            f"the logits aren't linear in the mean of each channel: off by {error:.2g} relative on noise, "
            f"expected {TOLERANCE:g}"
        )
    for maps, logits in observed:
        expected = run(maps)
        if logits.shape != expected.shape:
            raise ModelError(f"expected logits of shape (N, K) = {expected.shape}; got {logits.shape}")
        heard = heard or bool(np.abs(expected - bias).max() > 0)
        error = max(error, _deviation(_linear(maps, weights, bias, layout), expected, bias))
        gap = max(gap, _deviation(expected, logits, bias))
    if not heard:
        raise ModelError("the logits are the same for every probe image, so the identity can't be shown")
    if not error <= TOLERANCE or (not narrow and not gap <= TOLERANCE):
        raise ModelError(
            f"mean(M_c) + b_c should be the logits to {TOLERANCE:g} relative; off by {max(error, gap):.2g}"
        )
    return (error, gap) if narrow else (max(error, gap), None)


def _linear(maps: Floats, weights: NDArray[np.floating], bias: NDArray[np.floating], layout: Layout) -> Doubles:
    """mean(M_c) + b_c of every class, (N, K); the mean of the weighted sum is the weighted sum of the means."""
    means = maps.mean(axis=(2, 3) if layout == "NCHW" else (1, 2), dtype=np.float64)
    return means @ weights.T.astype(np.float64) + bias


def _deviation(predicted: Doubles, expected: NDArray[np.floating], bias: NDArray[np.floating]) -> float:
    """max |predicted - expected| over images and classes, relative to max |expected - bias|; 0 / 0 = 0.

    Where a bias dwarfs what the feature maps add, float32 has no more digits: then relative to |expected| / 1024.
    """
    expected = expected.astype(np.float64)
    scale = max(float(np.abs(expected - bias).max()), float(np.abs(expected).max()) / 1024)
    return float(np.abs(predicted - expected).max()) / (scale or 1.0)
