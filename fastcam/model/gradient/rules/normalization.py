"""Gradients of operators that normalise: by a sum, or by mean and variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto

from fastcam.errors import GradientError
from fastcam.model.gradient.rules.table import Table
from fastcam.model.gradient.tape import Tape, attribute

RULES = Table()


@RULES.unary("Softmax")
def softmax(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    axes = [tape.axis(node, "axis", -1, y)]
    return tape.add("Mul", y, tape.add("Sub", g, tape.sum(tape.add("Mul", g, y), axes)))


@RULES.unary("LogSoftmax")
def log_softmax(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    axes = [tape.axis(node, "axis", -1, y)]
    return tape.add("Sub", g, tape.add("Mul", tape.add("Exp", y), tape.sum(g, axes)))


@RULES.unary("BatchNormalization")
def batch_normalization(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Gradient with the statistics of training, which are constants."""
    scale, variance = tape.values(node, 1), tape.values(node, 4)
    if attribute(node, "training_mode", 0):
        raise GradientError("statistics of the batch itself have no rule")
    if scale is None or variance is None:
        raise GradientError("a scale or variance that is computed has no rule")
    factor = scale / np.sqrt(variance.astype(np.float64) + attribute(node, "epsilon", 1e-5))
    return tape.add("Mul", g, factor.reshape(-1, *[1] * (tape.rank(x) - 2)))


@RULES.unary("LayerNormalization", "RMSNormalization")
def layer_normalization(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    axes = range(tape.axis(node, "axis", -1, x), tape.rank(x))
    scaled = tape.add("Mul", g, node.input[1])
    centred = node.op_type == "LayerNormalization"
    return _normalize(tape, scaled, x, axes, attribute(node, "epsilon", 1e-5), centred=centred)


@RULES.unary("InstanceNormalization")
def instance_normalization(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    scale = tape.add("Reshape", node.input[1], [1, -1, *[1] * (tape.rank(x) - 2)])
    axes = range(2, tape.rank(x))
    return _normalize(tape, tape.add("Mul", g, scale), x, axes, attribute(node, "epsilon", 1e-5), centred=True)


@RULES.unary("GroupNormalization")
def group_normalization(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Each group of channels as one row of values; the scale is for each group, or each channel since opset 21."""
    groups, (_, channels, *sides) = attribute(node, "num_groups"), tape.shape(x)
    scale = tape.values(node, 1)
    if scale is None:
        raise GradientError("a scale that is computed has no rule")
    each = np.repeat(scale, channels // groups) if scale.size == groups else scale
    scaled = tape.add("Mul", g, each.reshape(1, -1, *[1] * len(sides)))
    rows = [0, groups, channels // groups * int(np.prod(sides))]
    count = rows[2]
    values, back = tape.add("Reshape", x, rows), tape.add("Reshape", scaled, rows)
    return tape.like(_rows(tape, back, values, [2], count, attribute(node, "epsilon", 1e-5), centred=True), x)


def _normalize(tape: Tape, g: str, x: str, axes: Sequence[int], epsilon: float, *, centred: bool) -> str:
    count = int(np.prod([tape.shape(x)[axis] for axis in axes]))
    return _rows(tape, g, x, list(axes), count, epsilon, centred=centred)


def _rows(tape: Tape, g: str, x: str, axes: Sequence[int], count: int, epsilon: float, *, centred: bool) -> str:
    """Gradient (g - mean(g) - h * mean(g * h)) / sigma of h = (x - mean) / sigma; of x / sigma without mean(g)."""

    def mean(value: str) -> str:
        return tape.add("Mul", tape.sum(value, axes), 1 / count)

    centre = tape.add("Sub", x, mean(x)) if centred else x
    variance = tape.add("Add", mean(tape.add("Mul", centre, centre)), epsilon)
    inverse = tape.add("Reciprocal", tape.add("Sqrt", variance))
    h = tape.add("Mul", centre, inverse)
    taken = tape.add("Mul", h, mean(tape.add("Mul", g, h)))
    taken = tape.add("Add", taken, mean(g)) if centred else taken
    return tape.add("Mul", inverse, tape.add("Sub", g, taken))


@RULES.unary("LRN")
def local_response_normalization(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """y = x * s ** -beta, s = bias + alpha / size * a sum of squares over neighbouring channels, here as a 1×1 Conv."""
    size, channels = attribute(node, "size"), tape.shape(x)[1]
    alpha, beta, bias = (
        attribute(node, name, value) for name, value in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    away = np.arange(channels) - np.arange(channels)[:, None]
    band = ((away >= -((size - 1) // 2)) & (away <= size // 2)).astype(np.float32)[:, :, None, None]
    s = tape.add("Add", tape.add("Mul", tape.add("Conv", tape.add("Mul", x, x), band), alpha / size), bias)
    others = tape.add("Mul", tape.add("Mul", g, x), tape.add("Pow", s, -beta - 1))
    others = tape.add("Conv", others, band.transpose(1, 0, 2, 3))
    others = tape.add("Mul", tape.add("Mul", x, 2 * alpha * beta / size), others)
    return tape.add("Sub", tape.add("Mul", g, tape.add("Pow", s, -beta)), others)


@RULES.unary("LpNormalization")
def lp_normalization(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """(g - y * sum(g * y)) / |x| for p = 2; (g - sign(x) * sum(g * y)) / |x| for p = 1."""
    axes, p = [tape.axis(node, "axis", -1, x)], attribute(node, "p", 2)
    along = tape.sum(tape.add("Mul", g, y), axes)
    if p == 1:
        norm, towards = tape.sum(tape.add("Abs", x), axes), tape.add("Sign", x)
    else:
        norm, towards = tape.add("Sqrt", tape.sum(tape.add("Mul", x, x), axes)), y
    return tape.add("Div", tape.add("Sub", g, tape.add("Mul", towards, along)), norm)
