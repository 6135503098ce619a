"""A case of the zoo, and the parts that most of its models share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from tests.model.models import make


@dataclass(frozen=True)
class Case:
    """A classifier and what is true of it. Its logits are the tensor `logits`, whatever comes after them.

    Attributes
    ----------
    model
        The serialised ONNX model.
    kind
        "cam": the logits are affine in the means of the feature maps, and depend on nothing else. "cam-spatial": affine
        in the maps, each position with its own weights. "gap-nonlinear": a nonlinear function of the means alone.
        "pool-nonlinear": the same however the positions are permuted, but no function of the means alone. "generic": any
        other function of one spatial tensor. "none": no spatial tensor is crossed by every path from the image.
        "not-exact": any of them but "cam".
    feature_maps
        Names of tensors that are right answers, all in the same layout and with equal values (integers: once they are
        scaled). Empty: not checked.
    weights, bias
        Of "cam" (classes, channels); of "cam-spatial" (classes, channels, height, width), such that a logit is the mean
        over the positions of the weighted maps, summed over the channels, plus the bias.
    layout
        Of the feature maps: "NCHW", "NHWC", "NLC" (tokens, then channels) or "NCL".
    prefix
        How many tokens stand before those of the patches.
    options
        For `fastcam.load`.
    tolerance
        Of the weights, relative to the largest.
    also
        Other right answers with the same values and weights: name → (layout, prefix).
    """

    model: bytes
    kind: str
    feature_maps: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    layout: str = "NCHW"
    prefix: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-5
    also: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# All sides of the maps differ: 7 channels, 6 rows, 9 columns, and 5 classes.
CHANNELS, HEIGHT, WIDTH, CLASSES = 7, 6, 9, 5
POSITIONS = HEIGHT * WIDTH
W, B = noise(3, CLASSES, CHANNELS), noise(4, CLASSES)
SHARED = {"k": noise(1, CHANNELS, 3, 5, 5) / 8, "c": noise(2, CHANNELS) / 4, "w": W, "b": B}

IMAGE = "float[N, 3, 24, 36] image"
LOGITS = "float[N, 5] logits"
CONV = "f = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k, c)"
MAPS = f"{CONV} maps = Relu(f)"
POOLED = f"{MAPS} p = GlobalAveragePool(maps) q = Flatten(p)"
GEMM = "logits = Gemm<transB = 1>(q, w, b)"


def proto(body, inputs=IMAGE, outputs=LOGITS, opset=17, stored=None) -> onnx.ModelProto:
    """The model of some nodes, with those of the stored and the shared arrays that they name and don't compute."""
    shared = {name: value for name, value in SHARED.items() if not re.search(rf"\b{name} = ", body)}
    arrays = {**shared, **(stored or {})}
    used = {name: value for name, value in arrays.items() if re.search(rf"\b{name}\b", body)}
    return make(body, inputs, outputs, opset, **used)


def case(body, kind="cam", *, inputs=IMAGE, outputs=LOGITS, opset=17, stored=None, change=None, **fields) -> Case:
    """The case of some nodes; `change` edits the protobuf. Unless told otherwise, the maps are "maps", of weights W, B."""
    model = proto(body, inputs, outputs, opset, stored)
    if change:
        change(model)
    if kind == "cam":
        fields = {"weights": W, "bias": B, **fields}
    return Case(model.SerializeToString(), kind, **{"feature_maps": ("maps",), **fields})
