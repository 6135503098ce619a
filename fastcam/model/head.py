"""The head of a classifier: where its feature maps are, and the class weights behind their mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError

Layout = Literal["NCHW", "NHWC"]
Activation = Literal["softmax", "sigmoid", "none"]


@dataclass(frozen=True, eq=False)
class Head:
    """Feature maps f, class weights W and bias b with `mean_xy sum_k W[c, k] f_k(x, y) + b[c] = S_c`, the logit.

    Attributes
    ----------
    feature_maps, logits
        Names of tensors in the model.
    class_weights
        (K, C) float32.
    bias
        (K,) float32.
    layout
        Axes of the feature maps in the model: "NCHW" or "NHWC".
    activation
        What the model makes of the logits before it returns them; "none": it returns logits.
    pooling
        The node that takes the mean, in words.
    identity_error
        Largest deviation from the identity that was seen when the head was proven, relative to the largest |S - b|;
        against the tail computed in float32 when the model is quantised or float16. NaN: not proven yet.
    quantisation_gap
        How far the model's own logits are from those of its tail in float32, likewise; None for a float32 tail.
    feature_shape
        (C, h, w) as seen when the head was proven.

    Raises
    ------
    ModelError
        Class weights and bias don't fit each other, or the layout isn't known.

    Examples
    --------
    >>> Head("features", "logits", np.ones((10, 64), np.float32), np.zeros(10, np.float32)).describe()
    "cam head: feature maps 'features' (N, 64, h, w) NCHW → mean → class weights (10, 64) + bias → logits 'logits'"
    """

    feature_maps: str
    logits: str
    class_weights: NDArray[np.float32] = field(repr=False)
    bias: NDArray[np.float32] = field(repr=False)
    layout: Layout = "NCHW"
    activation: Activation = "none"
    pooling: str = "mean"
    identity_error: float = float("nan")
    quantisation_gap: float | None = None
    feature_shape: tuple[int, int, int] | None = None
    kind: Literal["cam"] = "cam"

    def __post_init__(self) -> None:
        # Copies that can't be written to: what was proven stays what it is.
        try:
            weights, bias = np.array(self.class_weights, np.float32, order="C"), np.array(self.bias, np.float32)
        except (TypeError, ValueError) as error:
            raise ModelError(f"head: expected class_weights and bias of numbers ({error})") from error
        names = (self.feature_maps, self.logits, self.pooling)
        if not all(isinstance(name, str) for name in names):
            raise ModelError(f"head: expected names of tensors; got {names}")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all() and 0 <= (self.quantisation_gap or 0) < 1):
            raise ModelError("head: expected finite class_weights and bias, and a quantisation_gap below 1")
        weights.flags.writeable = bias.flags.writeable = False
        if weights.ndim != 2 or bias.shape != weights.shape[:1]:
            raise ModelError(f"head: expected class_weights (K, C) and bias (K,); got {weights.shape} and {bias.shape}")
        if self.layout not in ("NCHW", "NHWC") or self.activation not in ("softmax", "sigmoid", "none"):
            raise ModelError(
                "head: expected layout NCHW or NHWC, and activation softmax, sigmoid or none; "
                f"got {self.layout!r} and {self.activation!r}"
            )
        object.__setattr__(self, "class_weights", weights)
        object.__setattr__(self, "bias", bias)

    @property
    def classes(self) -> int:
        """K."""
        return len(self.bias)

    @property
    def channels(self) -> int:
        """C."""
        return self.class_weights.shape[1]

    @property
    def spatial_axes(self) -> tuple[int, int]:
        """The axes of the feature maps that are pooled."""
        return (2, 3) if self.layout == "NCHW" else (1, 2)

    def describe(self) -> str:
        """One line that a person can check in a graph viewer."""
        _, h, w = self.feature_shape or (0, "h", "w")
        shape = f"N, {self.channels}, {h}, {w}" if self.layout == "NCHW" else f"N, {h}, {w}, {self.channels}"
        weights = f"class weights {self.class_weights.shape} + bias"
        if self.is_identity:
            weights = f"no weights (the {self.classes} channels are the classes)"
        line = (
            f"{self.kind} head: feature maps {self.feature_maps!r} ({shape}) {self.layout} → {self.pooling} → "
            f"{weights} → logits {self.logits!r}"
        )
        if self.activation != "none":
            line += f" → {self.activation}"
        if not np.isnan(self.identity_error):
            line += f"; identity error {self.identity_error:.1e}"
        if self.quantisation_gap is not None:
            line += f" in float32, quantisation gap {self.quantisation_gap:.1e}"
        return line

    @property
    def is_identity(self) -> bool:
        """True where the feature maps are the class activation maps themselves: pooling comes last."""
        return (
            self.classes == self.channels
            and not self.bias.any()
            and np.array_equal(self.class_weights, np.eye(self.classes, dtype=np.float32))
        )
