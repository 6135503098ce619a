"""Proof of a head: weights measured on the tail, and the identity checked on the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import HeadNotFoundError, ModelError, NotFiniteError, NotLinearError
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.quantization import is_quantized
from fastcam.model.head.head import Head
from fastcam.model.head.layouts import Layout, place_means
from fastcam.model.head.scene import Scene
from fastcam.model.head.search import Find
from fastcam.model.head.tail_run import TOLERANCE, Doubles, TailRun, amplitudes, resolution
from fastcam.model.head.weights import too_many, weights_of_channels, weights_of_means, weights_of_positions
from fastcam.model.run.runtime import ORT_ERRORS, reason_of

# How far a model's own logits may be from its tail in float32. Measured: float16 5e-4; int8 up to 0.21 (clipping).
GAPS = {"quantised": 0.3, "narrow": 0.05}


@dataclass(frozen=True, eq=False)
class Observation:
    """Feature maps (N, ...) and logits (N, K) of the model for one probe image."""

    maps: NDArray[Any]
    logits: NDArray[Any]

    @property
    def is_finite(self) -> bool:
        """True if neither the feature maps nor the logits overflowed."""
        return bool(np.isfinite(self.maps).all() and np.isfinite(self.logits).all())


@dataclass(frozen=True, eq=False)
class LinearHead:
    """The prediction of an exact head, mean(M_c) + b_c. Weights (K, C), or (K, C, *places) for each position."""

    weights: Doubles
    bias: Doubles
    layout: Layout

    @classmethod
    def of(cls, head: Head, shape: tuple[int, ...]) -> LinearHead:
        """Return the prediction of a head, for feature maps of that shape."""
        weights, bias = head.linear()
        return cls(weights.astype(np.float64), bias.astype(np.float64), head.arranged(shape))

    def __call__(self, maps: NDArray[Any]) -> Doubles:
        """Compute logits (N, K) of maps (N, ...); the mean of the weighted sum is the weighted sum of the means."""
        ordered = self.layout.channels_first(maps.astype(np.float32))
        if self.weights.ndim == 2:
            return place_means(ordered) @ self.weights.T + self.bias
        flat = ordered.reshape(len(ordered), -1).astype(np.float64)
        return flat @ self.weights.reshape(len(self.bias), -1).T / self.layout.count + self.bias

    def deviation(self, maps: NDArray[Any], logits: NDArray[Any]) -> float:
        """Return the relative deviation of logits from the head's prediction (`relative_deviation`)."""
        return relative_deviation(self(maps), logits, self.bias, self.resolution(maps))

    def resolution(self, maps: NDArray[Any]) -> float:
        """Return the size of logits that float32 can't tell from the bias, for these maps."""
        ordered = np.abs(place_means(self.layout.channels_first(maps.astype(np.float32))))
        channels = ordered.shape[1]
        weights = np.abs(self.weights).reshape(len(self.bias), channels, -1).mean(axis=2)
        return float(resolution(self.bias, channels, ordered @ weights.T).max())


def relative_deviation(
    predicted: Doubles, expected: NDArray[np.floating], bias: NDArray[np.floating], least: float = 0.0
) -> float:
    """Return max |predicted - expected| over images and classes, relative to max |expected - bias|; 0 / 0 = 0.

    Parameters
    ----------
    least
        Relative to this at least: where a bias dwarfs what the feature maps add, float32 has no more digits.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # infinity - infinity: a deviation without end
        expected = expected.astype(np.float64)
        scale = max(float(np.abs(expected - bias).max()), least)
        ratio = float(np.abs(predicted - expected).max()) / (scale or 1.0)
    return ratio if np.isfinite(ratio) else float("inf")


def measure(scene: Scene, find: Find, cuts: Sequence[str]) -> LinearHead | None:
    """Measure class weights and bias of an exact head; check them on its tail with noise of three scales.

    None where they can't be had: other kinds, and more weights for each position than can be measured.

    Raises
    ------
    NotLinearError
        They aren't finite, or the tail isn't what they say.
    ModelError
        The tail can't be run.
    """
    classes = scene.values[find.logits][0].size
    if find.kind not in ("cam", "cam-spatial") or (find.kind == "cam-spatial" and too_many(find.tail_run, classes)):
        return None
    try:
        linear = LinearHead(*_weights(scene, find, cuts), find.layout)
        error = _error_on_noise(find.tail_run, linear, scene.spread(find.feature_maps))
    except ModelError:
        raise
    except ORT_ERRORS as error:
        scene.watch.check()
        raise ModelError(f"the tail of the model failed: {reason_of(error)}") from error
    if not error <= TOLERANCE:
        raise NotLinearError(
            f"the logits aren't linear in the feature maps: off by {error:.2g} relative on noise, "
            f"expected {TOLERANCE:g}"
        )
    return linear


def prove(graph: Graph, find: Find, linear: LinearHead, observed: Sequence[Observation]) -> tuple[float, float | None]:
    """Return (identity error, quantisation gap) of a head on the model's values for other images.

    Raises
    ------
    NotLinearError
        The identity fails on these feature maps.
    NotFiniteError
        Nothing is finite on these images.
    HeadNotFoundError
        It can't be shown, or the model computes something else than its tail; says where and by how much.
    """
    try:
        usable = [one for one in observed if one.is_finite]
        if not usable:
            raise NotFiniteError("NaN or infinity in the feature maps or logits of every probe image")
        expected = [find.tail_run(one.maps.astype(np.float32))[0] for one in usable]
        return _error_on_maps(linear, usable, expected), _gap(graph, find.tail_run, linear, usable, expected)
    except NotLinearError:
        raise
    except NotFiniteError as error:
        raise no_head(find, error, NotFiniteError) from error
    except (ModelError, *ORT_ERRORS) as error:
        raise no_head(find, error) from error


def no_head(find: Find, error: Exception, kind: type[HeadNotFoundError] = HeadNotFoundError) -> HeadNotFoundError:
    """Return the error that refuses feature maps and logits, with the reason."""
    return kind(
        f"feature maps {find.feature_maps!r} and logits {find.logits!r} are no head for class activation maps: {error}",
        candidates=[find.feature_maps],
    )


def check_identity(head: Head, maps: NDArray[Any], logits: NDArray[Any]) -> float:
    """Return the deviation of `mean(M_c) + b_c` from the model's own logits, relative to the largest |S - b|.

    Parameters
    ----------
    maps, logits
        As the model has them: in the head's layout, and (N, K).

    Raises
    ------
    HeadNotFoundError
        It is larger than the tolerance (or, of a quantised model, than twice the gap that the head is known to have),
        or the shapes don't fit the head.
    """
    error = identity_deviation(head, maps, logits)
    check_deviation(head, error)
    return error


def identity_deviation(head: Head, maps: NDArray[Any], logits: NDArray[Any]) -> float:
    """Return the deviation of `check_identity`, with the shapes checked alone."""
    check_shapes(head, maps, logits)
    linear = LinearHead.of(head, maps.shape)
    return linear.deviation(maps, logits)


def identity_holds(head: Head, maps: NDArray[Any], logits: NDArray[Any]) -> bool:
    """Return whether `check_identity` passes; of a head that isn't exact, False.

    Raises
    ------
    HeadNotFoundError
        The shapes don't fit the head.
    """
    return head.is_exact and identity_deviation(head, maps, logits) <= _tolerance(head)


def check_shapes(head: Head, maps: NDArray[Any], logits: NDArray[Any]) -> None:
    """Check that feature maps and logits, as the model has them, have the head's channels and classes.

    Raises
    ------
    HeadNotFoundError
        They haven't.
    """
    fits = maps.ndim == len(head.layout) and maps.shape[head.layout.index("C")] == head.channels
    if fits and head.kind == "cam-spatial" and head.is_exact:
        layout = head.arranged(maps.shape)
        fits = layout.places == head.class_weights.shape[2:]
    if not fits or logits.shape[1] != head.classes:
        raise HeadNotFoundError(
            f"head: expected {head.channels} channels in {head.feature_maps!r} ({head.layout}) and {head.classes} "
            f"classes in {head.logits!r}, for weights {head.class_weights.shape}; got shapes {maps.shape} and "
            f"{logits.shape}"
        )


def check_deviation(head: Head, error: float) -> None:
    """Check that a deviation is within the tolerance of `check_identity`."""
    tolerance = _tolerance(head)
    if not error <= tolerance:
        raise HeadNotFoundError(
            f"head: mean(M_c) + b_c should be {head.logits!r} to {tolerance:g}; off by {error:.2g} relative. "
            "Are the class weights, the bias and the layout those of this model?"
        )


def _tolerance(head: Head) -> float:
    return max(TOLERANCE, min(2 * (head.quantization_gap or 0), GAPS["quantised"]))


def check_same(given: Head, proven: Head) -> None:
    """Check that layout, class weights and bias of a caller are the model's own, within the precision of float16.

    Raises
    ------
    HeadNotFoundError
        They aren't.
    """
    if given.layout != proven.layout:
        raise HeadNotFoundError(f"head: expected layout {proven.layout} for {given.feature_maps!r}; got {given.layout}")
    for ours, theirs in zip(given.linear(), proven.linear(), strict=True):
        slack = 1e-3 * float(np.abs(theirs).max())
        if ours.shape != theirs.shape or not np.abs(ours - theirs).max() <= slack:
            raise HeadNotFoundError(
                f"head: expected the class weights and bias of {proven.describe()}; got others: {given.describe()}"
            )


def _weights(scene: Scene, find: Find, cuts: Sequence[str]) -> tuple[Doubles, Doubles]:
    if find.kind == "cam-spatial":
        return weights_of_positions(find.tail_run, find.layout)
    pooled = _pooled(scene, find, cuts)
    if pooled is None:
        return weights_of_channels(find.tail_run, find.layout)
    return weights_of_means(scene.tail_run(pooled, [find.logits], find.tail_run.tail.clipped), find.layout.channels)


def _pooled(scene: Scene, find: Find, cuts: Sequence[str]) -> str | None:
    """Return a tensor between feature maps and logits that is the mean of each channel, where a probe is C numbers."""
    maps = scene.values[find.feature_maps]
    between = cuts[cuts.index(find.feature_maps) + 1 : cuts.index(find.logits)]
    size = find.layout.channels * len(maps)
    likely = [name for name in between if name in scene.values and scene.values[name].size == size]
    if not likely:
        return None
    run = scene.tail_run(find.feature_maps, likely)
    noise = np.random.default_rng(4).standard_normal(run.shape).astype(np.float32)
    mean = place_means(find.layout.channels_first(noise[None]))[0]
    for name, value in zip(likely, run.run_one(noise), strict=True):
        if value.shape == mean.shape and np.allclose(value, mean, rtol=1e-4, atol=1e-5):
            return name
    return None


def _error_on_noise(run: TailRun, linear: LinearHead, spread: float) -> float:
    """Return the identity error of the tail on noise: linear, and in the mean alone."""
    rng = np.random.default_rng(0)
    error = 0.0
    for amplitude in amplitudes(spread):
        maps = (amplitude * rng.standard_normal((1, *run.shape))).astype(np.float32)
        error = max(error, linear.deviation(maps, run(maps)[0]))
    return error


def _error_on_maps(linear: LinearHead, observed: Sequence[Observation], expected: Sequence[Doubles]) -> float:
    """Return the identity error on the feature maps of the probe images, compared with the tail's logits."""
    error, heard = 0.0, False
    for one, logits in zip(observed, expected, strict=True):
        if one.logits.shape != logits.shape:
            raise ModelError(f"expected logits of shape (N, K) = {logits.shape}; got {one.logits.shape}")
        heard = heard or bool(np.abs(logits - linear.bias).max() > 0)
        error = max(error, linear.deviation(one.maps, logits))
    if not heard:
        raise ModelError("the logits are the same for every probe image, so the identity can't be shown")
    if not error <= TOLERANCE:
        raise NotLinearError(f"mean(M_c) + b_c should be the logits to {TOLERANCE:g} relative; off by {error:.2g}")
    return error


def _gap(
    graph: Graph, run: TailRun, linear: LinearHead, observed: Sequence[Observation], expected: Sequence[Doubles]
) -> float | None:
    """Return the deviation of the model's logits from its tail's in float32; None where the model is float32 itself.

    On the probe image that suits a quantised model best: one outside the range that it was calibrated on saturates it.
    """
    gaps = [
        relative_deviation(logits, one.logits, linear.bias, linear.resolution(one.maps))
        for one, logits in zip(observed, expected, strict=True)
    ]
    dtypes = {values.dtype for one in observed for values in (one.maps, one.logits)}
    narrow = run.tail.is_widened or dtypes != {np.dtype(np.float32)}
    gap = min(gaps) if narrow else max(gaps)
    allowed = TOLERANCE if not narrow else GAPS["quantised" if is_quantized(graph) else "narrow"]
    if not gap <= allowed:
        raise ModelError(f"the model's logits should be those of its tail in float32 to {allowed:g}; off by {gap:.2g}")
    return gap if narrow else None
