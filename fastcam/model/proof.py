"""Proof of a head: weights measured on the tail, and the identity held against the model itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import HeadNotFoundError, ModelError
from fastcam.model.graph import Graph
from fastcam.model.head import Head, Layout
from fastcam.model.probing import TOLERANCE, Doubles, TailRun, find_layout, measure_weights, relative_deviation
from fastcam.model.structure import Proposal, pooled_tensors
from fastcam.model.tail import cut_tail, upstream_shapes
from fastcam.runtime import ORT_ERRORS
from fastcam.scores import probabilities

# How far a model's own logits may be from its tail in float32. Measured: float16 5e-4; int8 up to 0.21 (clipping).
GAPS = {"quantised": 0.3, "narrow": 0.05}


@dataclass(frozen=True, eq=False)
class Observation:
    """What the model gives for one probe image: feature maps (4-D), logits and output (N, K), and sizes of tensors."""

    maps: NDArray[Any]
    logits: NDArray[Any]
    output: NDArray[Any]
    shapes: Mapping[str, NDArray[Any]]

    @property
    def is_finite(self) -> bool:
        """Neither the feature maps nor the logits overflowed."""
        return bool(np.isfinite(self.maps).all() and np.isfinite(self.logits).all())


def needed_shapes(graph: Graph, proposal: Proposal) -> list[str]:
    """Tensors that a proof wants to know besides the feature maps and logits."""
    starts = [proposal.feature_maps, *([proposal.pooled] if proposal.pooled else [])]
    try:
        return sorted({name for start in starts for name in upstream_shapes(graph, start, [proposal.logits])})
    except ModelError:
        return []  # no tail can be cut there, as `prove` is going to say


def prove(graph: Graph, proposal: Proposal, observed: Sequence[Observation], folder: Path | None = None) -> Head:
    """The head that was proposed, with class weights and bias, if the identity holds for every class.

    Parameters
    ----------
    observed
        What the model gives on probe images.
    folder
        Where the model's external data lies.

    Raises
    ------
    HeadNotFoundError
        The identity fails or can't be shown; says where and by how much.
    """
    try:
        observed = _usable(proposal, observed)
        first = observed[0]
        tail = cut_tail(graph, proposal.feature_maps, [proposal.logits], first.shapes)
        run = TailRun(tail, folder, len(first.maps), first.maps.shape[1:])
        layout = proposal.layout or find_layout(run, first.maps)
        weights, bias = measure_weights(graph, proposal, run, layout, folder, first.shapes)
        linear = _Linear(weights, bias, layout)
        expected = [run(one.maps.astype(np.float32)) for one in observed]
        error = max(_error_on_noise(run, linear, observed), _error_on_maps(linear, observed, expected))
        gap = _gap(graph, run, linear, observed, expected)
        _check_activation(proposal, observed)
    except (ModelError, *ORT_ERRORS) as error:
        raise HeadNotFoundError(
            f"feature maps {proposal.feature_maps!r} and logits {proposal.logits!r} of output {proposal.output!r} are "
            f"no head for class activation maps: {error}",
            candidates=pooled_tensors(graph),
        ) from error
    channel_first = first.maps if layout == "NCHW" else first.maps.transpose(0, 3, 1, 2)
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


def check_identity(head: Head, maps: NDArray[Any], logits: NDArray[Any]) -> float:
    """Deviation of `mean(M_c) + b_c` from the model's own logits, relative to the largest |S - b|.

    Parameters
    ----------
    maps, logits
        As the model has them: 4-D in the head's layout, and (N, K).

    Raises
    ------
    HeadNotFoundError
        It is larger than the tolerance (or, of a quantised model, than twice the gap that the head is known to have),
        or the shapes don't fit the head.
    """
    axis = 1 if head.layout == "NCHW" else 3
    if maps.ndim != 4 or maps.shape[axis] != head.channels or logits.shape[1] != head.classes:
        raise HeadNotFoundError(
            f"head: expected {head.channels} channels in {head.feature_maps!r} ({head.layout}) and {head.classes} "
            f"classes in {head.logits!r}; got shapes {maps.shape} and {logits.shape}"
        )
    tolerance = max(TOLERANCE, min(2 * (head.quantisation_gap or 0), GAPS["quantised"]))
    linear = _Linear(head.class_weights.astype(np.float64), head.bias.astype(np.float64), head.layout)
    error = linear.deviation(linear(maps), logits)
    if not error <= tolerance:
        raise HeadNotFoundError(
            f"head: mean(M_c) + b_c should be {head.logits!r} to {tolerance:g}; off by {error:.2g} relative. "
            "Are the class weights, the bias and the layout those of this model?"
        )
    return error


def check_same(given: Head, proven: Head) -> None:
    """The class weights and bias that a caller gave are the model's own, as far as float16 could tell.

    Raises
    ------
    HeadNotFoundError
        They aren't.
    """
    pairs = ((given.class_weights, proven.class_weights), (given.bias, proven.bias))
    for ours, theirs in pairs:
        slack = 1e-3 * float(np.abs(theirs).max())
        if ours.shape != theirs.shape or not np.abs(ours - theirs).max() <= slack:
            raise HeadNotFoundError(
                f"head: expected the class weights and bias of {proven.describe()}; got others: {given.describe()}"
            )


class _Linear:
    """What a head predicts: mean(M_c) + b_c."""

    def __init__(self, weights: Doubles, bias: Doubles, layout: Layout) -> None:
        self.weights, self.bias = weights, bias
        self._axes = (2, 3) if layout == "NCHW" else (1, 2)

    def __call__(self, maps: NDArray[Any]) -> Doubles:
        """(N, K); the mean of the weighted sum is the weighted sum of the means."""
        return maps.mean(axis=self._axes, dtype=np.float64) @ self.weights.T + self.bias

    def deviation(self, predicted: Doubles, expected: NDArray[Any]) -> float:
        """As `relative_deviation`, from this head's bias."""
        return relative_deviation(predicted, expected, self.bias)


def _usable(proposal: Proposal, observed: Sequence[Observation]) -> list[Observation]:
    """Observations without overflow; a probe image may lie outside the range that a model is made for."""
    for one in observed:
        if one.maps.ndim != 4 or min(one.maps.shape) < 1:
            raise ModelError(
                f"{proposal.feature_maps!r}: expected four axes, (N, C, h, w) or (N, h, w, C); got {one.maps.shape}"
            )
        if one.maps.dtype.kind != "f" or one.logits.dtype.kind != "f":
            raise ModelError(f"expected feature maps and logits of floats; got {one.maps.dtype} and {one.logits.dtype}")
    usable = [one for one in observed if one.is_finite]
    if not usable:
        raise ModelError("NaN or infinity in the feature maps or logits of every probe image")
    return usable


def _error_on_noise(run: TailRun, linear: _Linear, observed: Sequence[Observation]) -> float:
    """Identity error of the tail on noise of mixed signs at three scales: linear, and in the mean alone."""
    rng = np.random.default_rng(0)
    spread = max(float(np.abs(one.maps).mean(dtype=np.float64)) for one in observed) or 1.0
    error = 0.0
    for scale in (1, 30, 1000):
        maps = (spread * scale * rng.standard_normal((1, *run.shape))).astype(np.float32)
        error = max(error, linear.deviation(linear(maps), run(maps)))
    if not error <= TOLERANCE:
        raise ModelError(
            f"the logits aren't linear in the mean of each channel: off by {error:.2g} relative on noise, "
            f"expected {TOLERANCE:g}"
        )
    return error


def _error_on_maps(linear: _Linear, observed: Sequence[Observation], expected: Sequence[Doubles]) -> float:
    """Identity error on the feature maps of the probe images, against what the tail makes of them."""
    error, heard = 0.0, False
    for one, logits in zip(observed, expected, strict=True):
        if one.logits.shape != logits.shape:
            raise ModelError(f"expected logits of shape (N, K) = {logits.shape}; got {one.logits.shape}")
        heard = heard or bool(np.abs(logits - linear.bias).max() > 0)
        error = max(error, linear.deviation(linear(one.maps), logits))
    if not heard:
        raise ModelError("the logits are the same for every probe image, so the identity can't be shown")
    if not error <= TOLERANCE:
        raise ModelError(f"mean(M_c) + b_c should be the logits to {TOLERANCE:g} relative; off by {error:.2g}")
    return error


def _gap(
    graph: Graph, run: TailRun, linear: _Linear, observed: Sequence[Observation], expected: Sequence[Doubles]
) -> float | None:
    """How far the model's own logits are from those of its tail in float32; None where the tail is float32 itself.

    On the probe image that suits a quantised model best: one outside the range that it was calibrated on saturates it.
    """
    gaps = [linear.deviation(logits, one.logits) for one, logits in zip(observed, expected, strict=True)]
    dtypes = {values.dtype for one in observed for values in (one.maps, one.logits)}
    narrow = run.floatised or dtypes != {np.dtype(np.float32)}
    gap = min(gaps) if narrow else max(gaps)
    allowed = TOLERANCE if not narrow else GAPS["quantised" if graph.is_quantised else "narrow"]
    if not gap <= allowed:
        raise ModelError(f"the model's logits should be those of its tail in float32 to {allowed:g}; off by {gap:.2g}")
    return gap if narrow else None


def _check_activation(proposal: Proposal, observed: Sequence[Observation]) -> None:
    """The model's own output is that activation of the logits, over the classes, and not over other axes or groups."""
    if proposal.activation == "none":
        return
    for one in observed:
        output, slack = one.output.astype(np.float64), 5e-3
        expected = probabilities(one.logits.astype(np.float32), proposal.activation).astype(np.float64)
        if one.output.dtype.kind in "iu":  # quantised, of unknown scale: compare the proportions
            output, expected, slack = output / max(output.max(), 1), expected / expected.max(), 0.05
        elif output.min() < 0:  # LogSoftmax
            output = np.exp(output)
        if output.shape != expected.shape or not np.abs(output - expected).max() <= slack:
            raise ModelError(f"the output isn't the {proposal.activation} of the logits over all classes")
