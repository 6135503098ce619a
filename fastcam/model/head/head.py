"""The head of a classifier: where its feature maps are, and what the logits make of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_number, is_whole
from fastcam.errors import HeadNotFoundError, InputError, ModelError
from fastcam.model.file.wire import Access
from fastcam.model.head import head_file
from fastcam.model.head.layouts import ORDERS, TOKENS, Layout, Order

Kind = Literal["cam", "cam-spatial", "gap-nonlinear", "pool-nonlinear", "generic"]
Activation = Literal["softmax", "sigmoid", "none", "other", "probabilities"]
ACTIVATIONS: tuple[Activation, ...] = ("softmax", "sigmoid", "none", "other", "probabilities")
OWN: frozenset[Activation] = frozenset({"other", "probabilities"})  # where scores are what the model returns
Floats = NDArray[np.float32]

# What each kind says about the logits, as a function of the feature maps.
KINDS: dict[Kind, str] = {
    "cam": "linear in the mean of each channel",
    "cam-spatial": "linear in the feature maps, with weights for each position",
    "gap-nonlinear": "a function of the mean of each channel, but not a linear one",
    "pool-nonlinear": "the same wherever things stand, but no function of the mean of each channel",
    "generic": "neither linear nor indifferent to where things stand",
}
LEARNED = "fastcam/classes"  # what the logits of `Classifier.with_classes` are called, which no file computes


@dataclass(frozen=True, eq=False)
class Head:
    """Feature maps f and logits S of a classifier, and for exact heads class weights W and bias b.

    `mean_xy M_c(x, y) + b[c] = S_c` with `M_c(x, y) = sum_k W[c, k] f_k(x, y)` for a head of kind "cam", and
    `sum_k W[c, k, x, y] f_k(x, y)` for "cam-spatial" (a fully connected layer on the flattened map).

    Attributes
    ----------
    feature_maps, logits
        Names of tensors in the model, or of outputs that `access` adds to it.
    class_weights
        (K, C) float32; (K, C, *places), as (K, C, h, w), for "cam-spatial"; empty for the other kinds, and where they
        are too many.
    bias
        (K,) float32; empty with them.
    layout
        Axes of the feature maps in the model: "NCHW", "NHWC", or tokens "NLC" or "NCL"; "NCW" or "NWC" of signals,
        "NCDHW" or "NDHWC" of volumes and clips.
    activation
        What the model makes of the logits before it returns them; "none": it returns logits; "probabilities" or
        "other": something else in which each class rises with its logit, in [0, 1] or not, in the tensor `output`.
    pooling
        The operators between feature maps and logits, in order.
    identity_error
        Largest deviation from the identity that was seen when the head was proven, relative to the largest |S - b|;
        against the tail computed in float32 when the model is quantised or float16. NaN: not proven yet.
    quantization_gap
        How far the model's own logits are from those of its tail in float32, likewise; None for a float32 tail.
    feature_shape
        (C, *places), as (C, h, w), as seen when the head was proven.
    kind
        One of `KINDS`.
    prefix
        Tokens before those of the grid.
    output
        The tensor of the model's own scores.
    reason
        Why the kind isn't "cam", or which finer feature maps were preferred; empty otherwise.
    access
        How its tensors are read from the model (`Access`).
    sha256
        Of the model that it was proven for, external data counted in; empty: not known.
    proven_with
        The version and the provider of ONNX Runtime that it was proven with.
    classes
        K; taken from the bias where there is one.

    Raises
    ------
    ModelError
        Class weights and bias don't fit each other or the kind, or the layout isn't known.

    Examples
    --------
    >>> Head("features", "logits", np.ones((10, 64), np.float32), np.zeros(10, np.float32)).describe()
    "cam head: feature maps 'features' (N, 64, h, w) NCHW → mean → class weights (10, 64) + bias → logits 'logits'"
    """

    feature_maps: str
    logits: str
    class_weights: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32), repr=False)
    bias: Floats = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)
    layout: Order = "NCHW"
    activation: Activation = "none"
    pooling: str = "mean"
    identity_error: float = float("nan")
    quantization_gap: float | None = None
    feature_shape: tuple[int, ...] | None = None
    kind: Kind = "cam"
    prefix: int = 0
    output: str = ""
    reason: str = ""
    access: Access = field(default_factory=Access, repr=False)
    sha256: str = ""
    proven_with: str = ""
    classes: int = 0

    def __post_init__(self) -> None:
        texts = (self.feature_maps, self.logits, self.pooling, self.output, self.reason, self.sha256, self.proven_with)
        if not all(isinstance(text, str) for text in texts):
            raise ModelError(f"head: expected names of tensors; got {texts}")
        if self.layout not in ORDERS or self.activation not in ACTIVATIONS or self.kind not in KINDS:
            raise ModelError(
                f"head: expected layout {', '.join(ORDERS)}, activation {', '.join(ACTIVATIONS)} and kind "
                f"{', '.join(KINDS)}; got {self.layout!r}, {self.activation!r} and {self.kind!r}"
            )
        self._check_numbers()
        if self.kind == "cam" and not np.size(self.class_weights):
            raise ModelError("head: expected class_weights and bias for kind 'cam'; got none")
        if self.kind == "cam" or (self.kind == "cam-spatial" and np.size(self.class_weights)):
            self._freeze()
        elif np.size(self.class_weights) or np.size(self.bias):
            raise ModelError(f"head: expected no class weights for kind {self.kind!r}")

    def _check_numbers(self) -> None:
        shape, gap, counts = self.feature_shape, self.quantization_gap, (self.prefix, self.classes)
        axes = (2, 3, 4) if self.layout in TOKENS else (len(self.layout) - 1,)
        if shape is not None and not (len(shape) in axes and all(is_whole(side) and side > 0 for side in shape)):
            raise ModelError(f"head: expected feature_shape as (C, *places) of {self.layout}, or None; got {shape!r}")
        is_real = isinstance(self.identity_error, float | np.floating)
        if not all(is_whole(count) and count >= 0 for count in counts) or not is_real:
            raise ModelError(
                "head: expected prefix and classes as whole numbers, and identity_error as a float; got "
                f"{self.prefix!r}, {self.classes!r} and {self.identity_error!r}"
            )
        if gap is not None and not (is_number(gap) and 0 <= gap < 1):
            raise ModelError(f"head: expected a quantization_gap below 1, or None; got {gap!r}")

    def _freeze(self) -> None:
        """Copy weights and bias, read-only: a proven head must not change."""
        try:
            weights, bias = np.array(self.class_weights, np.float32, order="C"), np.array(self.bias, np.float32)
        except (TypeError, ValueError) as error:
            raise ModelError(f"head: expected class_weights and bias of numbers ({error})") from error
        places = self.feature_shape[1:] if self.feature_shape else "hw" if self.layout in TOKENS else self.layout[2:]
        axes = 2 if self.kind == "cam" else 2 + len(places)
        if weights.ndim != axes or bias.shape != weights.shape[:1]:
            expected = "(K, C)" if axes == 2 else "(K, C, *places)"
            raise ModelError(
                f"head: expected class_weights {expected} and bias (K,); got {weights.shape} and {bias.shape}"
            )
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ModelError("head: expected finite class_weights and bias")
        weights.flags.writeable = bias.flags.writeable = False
        object.__setattr__(self, "class_weights", weights)
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "classes", len(bias))

    @property
    def is_exact(self) -> bool:
        """True if class activation maps add up to the logits, with known class weights."""
        return self.class_weights.size > 0

    def linear(self) -> tuple[Floats, Floats]:
        """Return class weights and bias.

        Raises
        ------
        HeadNotFoundError
            The head isn't exact; says why, and what to use instead.
        """
        if not self.is_exact:
            raise HeadNotFoundError(
                f"no class activation maps for a head of kind {self.kind!r}: its logits are {KINDS[self.kind]} "
                f"({self.reason}). Use a method that follows the gradient, such as method='gradcam', which takes the "
                f"feature maps {self.feature_maps!r}",
                candidates=[self.feature_maps],
            )
        return self.class_weights, self.bias

    @property
    def channels(self) -> int:
        """Number of channels, C."""
        return self.class_weights.shape[1] if self.is_exact else (self.feature_shape or (0,))[0]

    def arranged(self, shape: tuple[int, ...]) -> Layout:
        """Return the `Layout` of feature maps of that shape, (N, ...) in the model's own order.

        Raises
        ------
        ModelError
            Another number of axes or of tokens than the head knows.
        """
        grid = (self.feature_shape or (0, 0, 0))[1:]
        layout = _layout(self.layout, self.prefix, grid, shape)
        if layout is not None:
            return layout
        tokens = "·".join(map(str, grid))
        expected = f"{self.layout} with {self.prefix} + {tokens} tokens" if self.layout in TOKENS else self.layout
        raise ModelError(f"head: expected {self.feature_maps!r} as {expected}; got {shape}")

    def describe(self) -> str:
        """Return one line that a person can check in a graph viewer."""
        line = f"{self.kind} head: feature maps {self.feature_maps!r} {self._axes()} → {self.pooling} → "
        if self.is_identity:
            line += f"no weights (the {self.classes} channels are the classes) → "
        elif self.is_exact:
            line += f"class weights {self.class_weights.shape} + bias → "
        line += f"logits {self.logits!r}"
        if self.activation != "none":
            line += f" → {self.activation}"
        if not np.isnan(self.identity_error):
            line += f"; identity error {self.identity_error:.1e}"
        if self.quantization_gap is not None:
            line += f" in float32, quantisation gap {self.quantization_gap:.1e}"
        return line

    def _axes(self) -> str:
        if self.feature_shape is not None:
            return Layout(self.layout, self.feature_shape[0], self.feature_shape[1:], self.prefix).describe()
        sizes = [str(self.channels) if axis == "C" else axis.lower() for axis in self.layout[1:]]
        return f"(N, {', '.join(sizes)}) {self.layout}"

    @property
    def is_identity(self) -> bool:
        """True where the feature maps are the class activation maps themselves: pooling comes last."""
        return (
            self.is_exact
            and self.class_weights.shape == (self.classes, self.classes)
            and not self.bias.any()
            and np.array_equal(self.class_weights, np.eye(self.classes, dtype=np.float32))
        )

    @property
    def is_learned(self) -> bool:
        """True of classes that `Classifier.with_classes` put on a model's features: its file knows nothing of them."""
        return self.logits == LEARNED

    def check_found(self) -> None:
        """Check that the head is of a model's file, or raise `InputError`."""
        if self.is_learned:
            raise InputError(
                "head: expected one that was found in a model's file; got one of with_classes, which no file has. Keep "
                "its class_weights and bias, load the model without it, and give them to with_classes again"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the head into an .npz file, whole or not at all, so that the next start need not search for it.

        Raises
        ------
        InputError
            The file can't be written; or the head is one of `with_classes`, which no model can be loaded with.
        """
        self.check_found()
        head_file.write(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Head:
        """Read a head that was saved. `fastcam.load(model, head=...)` checks it on the model.

        Raises
        ------
        ModelError
            No such file, or not one that `save` wrote.
        """
        fields = head_file.read(path)
        try:
            return cls(**fields)
        except (ModelError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: expected a head that Head.save wrote ({error})") from error


@lru_cache(maxsize=256)  # the same few shapes come with each image
def _layout(order: Order, prefix: int, grid: tuple[int, ...], shape: tuple[int, ...]) -> Layout | None:
    """Return the layout of a tensor of that shape, of tokens with that grid; None if it has another."""
    channels, *rest = shape[1:] if order[1] == "C" else (shape[-1], *shape[1:-1])
    layout = Layout(order, channels, grid if order in TOKENS else tuple(rest), prefix)
    return layout if len(shape) == len(order) and layout.shape == shape[1:] else None
