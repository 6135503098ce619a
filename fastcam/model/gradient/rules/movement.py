"""Gradients of operators that move values, and compute none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto, TensorProto

from fastcam.errors import GradientError
from fastcam.model.gradient.rules.table import Table
from fastcam.model.gradient.tape import Tape, attribute

RULES = Table()

MOST_NUMBERS = 1 << 24  # values that float32 can number


@RULES.unary("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.like(g, x)


@RULES.unary("Transpose")
def transpose(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    order = attribute(node, "perm") or list(range(tape.rank(x)))[::-1]
    return tape.add("Transpose", g, perm=np.argsort(order).tolist())


@RULES.unary("Expand")
def expand(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.unbroadcast(g, x, tape.shape(y))


@RULES.rule("Concat")
def concat(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    axis, first = tape.axis(node, "axis", 0, node.output[0]), 0
    found: list[str | None] = []
    for name in node.input:
        stop = first + tape.shape(name)[axis]
        found.append(tape.add("Slice", gradients[0] or "", [first], [stop], [axis]) if tape.wants(name) else None)
        first = stop
    return found


@RULES.rule("Split")
def split(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    axis = tape.axis(node, "axis", 0, node.input[0])
    parts = [g or tape.zeros(tape.add("Shape", name)) for g, name in zip(gradients, node.output, strict=True)]
    return [tape.add("Concat", *parts, axis=axis)]


@RULES.unary("Pad")
def pad(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Remove the padding that was added, and the other way round."""
    pads = tape.values(node, 1, needed=False)
    if pads is None or attribute(node, "mode", "constant") != "constant" or _axes_given(node, 3):
        return traced(tape, node, g, x, y)
    return tape.add("Pad", g, (-pads).tolist())


@RULES.unary("Slice")
def slices(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    starts, ends, axes, steps = (tape.values(node, k, needed=False) for k in (1, 2, 3, 4))
    computed = (_axes_given(node, 3) and axes is None) or (_axes_given(node, 4) and steps is None)
    if starts is None or ends is None or computed or (steps is not None and (steps != 1).any()):
        return traced(tape, node, g, x, y)
    axes = np.arange(len(starts)) if axes is None else axes
    rank, shape = tape.rank(x), tape.shape(x)
    pads = [0] * 2 * rank
    for axis, start, end in zip((axes % rank).tolist(), starts.tolist(), ends.tolist(), strict=True):
        first, stop, _ = slice(start, end).indices(shape[axis])
        pads[axis], pads[axis + rank] = first, shape[axis] - max(first, stop)
    return tape.add("Pad", g, pads)


@RULES.unary("Gather")
def gather(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Pad the gradient of a single index, such as a class token's; trace any other."""
    axis, index = tape.axis(node, "axis", 0, x), tape.values(node, 1, needed=False)
    if index is None or index.size != 1:
        return traced(tape, node, g, x, y)
    rank, side = tape.rank(x), tape.shape(x)[axis]
    at = int(index.reshape(-1)[0]) % side
    if index.ndim != 1:
        g = tape.add("Unsqueeze", g, [axis]) if index.ndim == 0 else tape.add("Reshape", g, _single(tape, x, axis))
    pads = [0] * 2 * rank
    pads[axis], pads[axis + rank] = at, side - at - 1
    return tape.add("Pad", g, pads)


def _single(tape: Tape, x: str, axis: int) -> list[int]:
    """Return the shape with a side of 1; the first side stays open."""
    shape = [1 if k == axis else side for k, side in enumerate(tape.shape(x))]
    return [shape[0] if axis == 0 else -1, *shape[1:]]


@RULES.unary("GatherElements", "GatherND", "Tile", "DepthToSpace", "SpaceToDepth", "Trilu", "Resize")
def traced(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Trace an operator that only moves values: run on the numbers 1 to n, it returns each value's source; 0: none.

    The shape is that of the reference run, batch included.
    """
    if node.op_type == "Resize" and attribute(node, "mode", "nearest") != "nearest":
        raise GradientError(f"the mode {attribute(node, 'mode')!r} has no rule")
    if any(tape.wants(name) for name in node.input[1:]):
        raise GradientError("places that depend on the image have no rule")
    shape, count = tape.shape(x), int(np.prod(tape.shape(x)))
    if count >= MOST_NUMBERS:
        raise GradientError(f"expected fewer than {MOST_NUMBERS} values to move; got {count}")
    numbers = tape.constant(np.arange(1, count + 1, dtype=np.float32).reshape(shape))
    moved = NodeProto()
    moved.CopyFrom(node)
    moved.input[0], moved.output[0], moved.name = numbers, f"{y}/numbers", ""
    tape.nodes.append(moved)
    places = tape.add("Cast", tape.add("Reshape", moved.output[0], [-1]), to=TensorProto.INT64)
    empty = tape.zeros([count + 1])
    back = tape.add("ScatterElements", empty, places, tape.add("Reshape", g, [-1]), axis=0, reduction="add")
    return tape.add("Reshape", tape.add("Slice", back, [1], [count + 1]), list(shape))


def _axes_given(node: NodeProto, k: int) -> bool:
    return len(node.input) > k and bool(node.input[k])
