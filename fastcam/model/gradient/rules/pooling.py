"""Gradients of pooling and of reductions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto

from fastcam.errors import GradientError
from fastcam.model.gradient.rules.linear import Window, transposed, window
from fastcam.model.gradient.rules.table import Table
from fastcam.model.gradient.tape import Tape, attribute

RULES = Table()


@RULES.unary("MaxPool")
def max_pool(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Scatter the gradient to the place of each maximum; windows that overlap may share one."""
    if attribute(node, "storage_order", 0):
        raise GradientError("indices in the order of columns have no rule")
    if len(node.output) < 2 or not node.output[1]:
        del node.output[1:]
        node.output.append(f"{y}/indices")
    empty = tape.zeros(tape.add("Reshape", tape.add("Size", x), [1]))
    places, values = (tape.add("Reshape", name, [-1]) for name in (node.output[1], g))
    return tape.like(tape.add("ScatterElements", empty, places, values, axis=0, reduction="add"), x)


@RULES.unary("AveragePool")
def average_pool(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Spread each mean's share over its window: a transposed convolution with ones, channels as items of a batch."""
    sides, results = tape.shape(x)[2:], tape.shape(y)[2:]
    how = window(node, attribute(node, "kernel_shape"), sides, results)
    standing_out = attribute(node, "auto_pad", "NOTSET").startswith("SAME") and max(how.missing(sides, results)) > 0
    if set(how.dilations) != {1} or standing_out:
        raise GradientError("dilations, and auto_pad with strides beyond the kernel, have no rule")
    counts = np.ones(())
    for k, (side, count) in enumerate(zip(sides, results, strict=True)):
        counts = np.multiply.outer(counts, _covered(how, k, side, count, attribute(node, "count_include_pad", 0)))
    shares = tape.add("Reshape", tape.add("Mul", g, 1 / counts), [-1, 1, *results])
    ones = tape.constant(np.ones((1, 1, *how.kernel), np.float32))
    return tape.like(transposed(tape, shares, ones, how, how.missing(sides, results)), x)


def _covered(how: Window, k: int, side: int, count: int, with_pads: int) -> np.ndarray:
    """Count the values that each window takes the mean of, along one side."""
    rank = len(how.kernel)
    low, high = (-how.pads[k], side + how.pads[k + rank]) if with_pads else (0, side)
    first = np.arange(count) * how.strides[k] - how.pads[k]
    places = first[:, None] + np.arange(how.kernel[k]) * how.dilations[k]
    return ((places >= low) & (places < high)).sum(axis=1)


@RULES.unary("GlobalAveragePool")
def global_average_pool(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    share = tape.add("Mul", g, 1 / np.prod(tape.shape(x)[2:]))
    return tape.add("Expand", share, tape.add("Shape", x))


@RULES.unary("GlobalMaxPool")
def global_max_pool(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return _to_equals(tape, g, x, y, range(2, tape.rank(x)))


@RULES.unary("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare")
def reduction(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    axes = _axes(tape, node)
    if not axes:
        return g
    if not attribute(node, "keepdims", 1):
        g, y = (tape.add("Unsqueeze", name, axes) for name in (g, y))
    kind = node.op_type.removeprefix("Reduce")
    if kind in ("Max", "Min"):
        return _to_equals(tape, g, x, y, axes)
    if kind == "L1":
        return tape.add("Mul", tape.add("Sign", x), g)
    if kind == "L2":
        return tape.add("Mul", x, tape.add("Div", g, y))
    if kind == "SumSquare":
        return tape.add("Mul", tape.add("Mul", x, 2.0), g)
    count = np.prod([tape.shape(x)[axis] for axis in axes])
    share = tape.add("Mul", g, 1 / count) if kind == "Mean" else g
    return tape.add("Expand", share, tape.add("Shape", x))


@RULES.unary("ReduceLogSumExp")
def log_sum_exp(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    axes = _axes(tape, node)
    if not attribute(node, "keepdims", 1):
        g, y = (tape.add("Unsqueeze", name, axes) for name in (g, y))
    return tape.add("Mul", g, tape.add("Exp", tape.add("Sub", x, y)))


def _axes(tape: Tape, node: NodeProto) -> list[int]:
    """Return the axes of a reduction: an attribute, since opset 13 or 18 an input; none given: all, or none."""
    rank, axes = tape.rank(node.input[0]), attribute(node, "axes")
    if axes is None and len(node.input) > 1 and node.input[1]:
        stored = tape.values(node, 1)
        if stored is None:
            raise GradientError("axes that are computed have no rule")
        axes = stored.tolist()
    if not axes:
        return [] if attribute(node, "noop_with_empty_axes", 0) else list(range(rank))
    return sorted(axis % rank for axis in axes)


def _to_equals(tape: Tape, g: str, x: str, y: str, axes: Sequence[int]) -> str:
    """Share the gradient among the values that equal the extremum."""
    chosen = tape.add("Cast", tape.add("Equal", x, y), to=1)
    return tape.add("Mul", chosen, tape.add("Div", g, tape.sum(chosen, axes)))
