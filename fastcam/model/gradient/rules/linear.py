"""Gradients of operators that are linear in each of their operands: products of matrices, convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onnx import NodeProto

from fastcam.errors import GradientError
from fastcam.model.gradient.rules.table import Table
from fastcam.model.gradient.tape import Tape, attribute

RULES = Table()


@RULES.rule("Gemm")
def gemm(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """alpha * A B + beta * C, A and B transposed on demand."""
    g, (a, b) = gradients[0] or "", node.input[:2]
    turned_a, turned_b = attribute(node, "transA", 0), attribute(node, "transB", 0)
    alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    found: list[str | None] = [None] * len(node.input)
    if tape.wants(a):
        order, turns = ((b, g), (turned_b, 1)) if turned_a else ((g, b), (0, 1 - turned_b))
        found[0] = tape.add("Gemm", *order, alpha=alpha, transA=turns[0], transB=turns[1])
    if tape.wants(b):
        order, turns = ((g, a), (1, turned_a)) if turned_b else ((a, g), (1 - turned_a, 0))
        found[1] = tape.add("Gemm", *order, alpha=alpha, transA=turns[0], transB=turns[1])
    if len(node.input) > 2 and tape.wants(node.input[2]):
        scaled = tape.add("Mul", g, beta)
        found[2] = tape.unbroadcast(scaled, node.input[2], tape.shape(node.output[0]))
    return found


@RULES.rule("MatMul")
def matmul(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    g, (a, b) = gradients[0] or "", node.input
    if min(tape.rank(a), tape.rank(b)) < 2:
        raise GradientError("a product with a vector has no rule")
    leading = tape.shape(node.output[0])[:-2]
    found: list[str | None] = [None, None]
    if tape.wants(a):
        found[0] = tape.unbroadcast(tape.add("MatMul", g, _turned(tape, b)), a, (*leading, *tape.shape(a)[-2:]))
    if tape.wants(b):
        found[1] = tape.unbroadcast(tape.add("MatMul", _turned(tape, a), g), b, (*leading, *tape.shape(b)[-2:]))
    return found


@RULES.rule("com.microsoft.FusedMatMul")
def fused_matmul(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """alpha * A B, the last two axes of each turned on demand."""
    if attribute(node, "transBatchA", 0) or attribute(node, "transBatchB", 0):
        raise GradientError("turned batches have no rule")
    g, (a, b) = tape.add("Mul", gradients[0] or "", attribute(node, "alpha", 1.0)), node.input
    turned_a, turned_b = attribute(node, "transA", 0), attribute(node, "transB", 0)
    if min(tape.rank(a), tape.rank(b)) < 2:
        raise GradientError("a product with a vector has no rule")
    leading = tape.shape(node.output[0])[:-2]
    back = tape.add("Transpose", g, perm=[*range(len(leading)), len(leading) + 1, len(leading)])
    found: list[str | None] = [None, None]
    if tape.wants(a):
        factor = b if turned_b else _turned(tape, b)
        other = _turned(tape, b) if turned_b else b
        made = tape.add("MatMul", other, back) if turned_a else tape.add("MatMul", g, factor)
        found[0] = tape.unbroadcast(made, a, (*leading, *tape.shape(a)[-2:]))
    if tape.wants(b):
        factor = a if turned_a else _turned(tape, a)
        other = _turned(tape, a) if turned_a else a
        made = tape.add("MatMul", back, other) if turned_b else tape.add("MatMul", factor, g)
        found[1] = tape.unbroadcast(made, b, (*leading, *tape.shape(b)[-2:]))
    return found


def _turned(tape: Tape, name: str) -> str:
    rank = tape.rank(name)
    return tape.add("Transpose", name, perm=[*range(rank - 2), rank - 1, rank - 2])


@RULES.rule("Einsum")
def einsum(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """Einsum of the gradient and the other operands; axes that one operand alone has are repeated."""
    equation = attribute(node, "equation").replace(" ", "")
    if "->" not in equation or "." in equation:
        raise GradientError(f"the equation {equation!r} has no rule")
    left, result = equation.split("->")
    terms = left.split(",")
    if any(len(set(term)) < len(term) for term in terms):
        raise GradientError(f"the equation {equation!r}, with a diagonal, has no rule")
    found: list[str | None] = []
    for k, name in enumerate(node.input):
        others = [j for j in range(len(terms)) if j != k]
        there = set(result).union(*(terms[j] for j in others))
        kept = "".join(letter for letter in terms[k] if letter in there)
        if not tape.wants(name):
            found.append(None)
            continue
        own = ",".join([result, *(terms[j] for j in others)]) + "->" + kept
        g = tape.add("Einsum", gradients[0] or "", *(node.input[j] for j in others), equation=own)
        if kept != terms[k]:
            g = tape.add("Unsqueeze", g, [axis for axis, letter in enumerate(terms[k]) if letter not in there])
            g = tape.add("Expand", g, tape.add("Shape", name))
        found.append(g)
    return found


class Window(NamedTuple):
    """Settings of a convolution's or pooling's window, one entry a side; pads before all sides, then pads behind."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[int]

    def missing(self, sides: Sequence[int], results: Sequence[int]) -> list[int]:
        """Return by how much sides exceed the windows' reach; less than 0 where windows stand out."""
        reached = [
            (count - 1) * stride - first - last + (kernel - 1) * dilation + 1
            for count, stride, first, last, kernel, dilation in zip(
                results, self.strides, self.pads, self.pads[len(sides) :], self.kernel, self.dilations, strict=False
            )
        ]
        return [side - end for side, end in zip(sides, reached, strict=True)]


def window(node: NodeProto, kernel: Sequence[int], sides: Sequence[int], results: Sequence[int]) -> Window:
    """Return the window of a node's attributes, `auto_pad` included."""
    count, kernel = len(kernel), list(kernel)
    strides = list(attribute(node, "strides", [1] * count))
    dilations = list(attribute(node, "dilations", [1] * count))
    pads, automatic = list(attribute(node, "pads", [0] * 2 * count)), attribute(node, "auto_pad", "NOTSET")
    if automatic.startswith("SAME"):
        plain = Window(kernel, strides, dilations, [0] * 2 * count)
        total = [max(0, -missing) for missing in plain.missing(sides, results)]
        half = [(each + (automatic == "SAME_LOWER")) // 2 for each in total]
        pads = half + [each - first for each, first in zip(total, half, strict=True)]
    return Window(kernel, strides, dilations, pads)


@RULES.rule("Conv")
def conv(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """The transposed convolution; of grouped ones with stride 1 a convolution, which is up to 1.6 times as fast."""
    x, weights = node.input[:2]
    if any(tape.wants(name) for name in node.input[1:]):
        raise GradientError("weights that depend on the image have no rule")
    kernel = tape.shape(weights)[2:]
    sides, results = tape.shape(x)[2:], tape.shape(node.output[0])[2:]
    how, groups, g = window(node, kernel, sides, results), attribute(node, "group", 1), gradients[0] or ""
    if groups > 1 and set(how.strides) == {1} and min(_turned_pads(how)) >= 0:
        turned = _flipped(tape, weights, groups)
        pads = _turned_pads(how)
        return [tape.add("Conv", g, turned, pads=pads, dilations=how.dilations, group=groups, kernel_shape=how.kernel)]
    return [transposed(tape, g, weights, how, how.missing(sides, results), groups)]


def transposed(tape: Tape, g: str, weights: str, how: Window, missing: Sequence[int], groups: int = 1) -> str:
    """Add the transposed convolution, `missing` more at the ends of its sides."""
    options = {
        "kernel_shape": how.kernel,
        "strides": how.strides,
        "dilations": how.dilations,
        "pads": how.pads,
        "group": groups,
    }
    if all(
        0 <= more < max(stride, dilation)
        for more, stride, dilation in zip(missing, how.strides, how.dilations, strict=True)
    ):
        return tape.add("ConvTranspose", g, weights, output_padding=list(missing), **options)
    # Everything that windows reach; then what is missing is added, and what is too much taken away.
    rank = len(missing)
    grown = tape.add("ConvTranspose", g, weights, **options | {"pads": [0] * 2 * rank})
    first, last = how.pads[:rank], how.pads[rank:]
    ends = [more - pad for more, pad in zip(missing, last, strict=True)]
    return tape.add("Pad", grown, [0, 0, *(-pad for pad in first), 0, 0, *ends])


def _turned_pads(how: Window) -> list[int]:
    count = len(how.kernel)
    return [(how.kernel[k % count] - 1) * how.dilations[k % count] - pad for k, pad in enumerate(how.pads)]


def _flipped(tape: Tape, weights: str, groups: int) -> str:
    """Add weights (groups * M, C, ...) as (groups * C, M, ...), backwards along the sides, made at the start."""
    outputs, inputs, *kernel = tape.shape(weights)
    rank = len(kernel)
    parted = tape.add("Reshape", weights, [groups, outputs // groups, inputs, *kernel])
    turned = tape.add("Transpose", parted, perm=[0, 2, 1, *range(3, 3 + rank)])
    joined = tape.add("Reshape", turned, [groups * inputs, outputs // groups, *kernel])
    ends = [-(side + 1) for side in kernel]
    return tape.add("Slice", joined, [-1] * rank, ends, list(range(2, 2 + rank)), [-1] * rank)


@RULES.rule("ConvTranspose")
def conv_transpose(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """The convolution with the same weights."""
    x, weights = node.input[:2]
    if any(tape.wants(name) for name in node.input[1:]) or attribute(node, "auto_pad", "NOTSET") != "NOTSET":
        raise GradientError("weights that depend on the image, and auto_pad, have no rule")
    kernel, sides = tape.shape(weights)[2:], tape.shape(node.output[0])[2:]
    how = window(node, kernel, sides, tape.shape(x)[2:])
    # What output_padding added at the ends belongs to no window but the last ones.
    options = {"strides": how.strides, "dilations": how.dilations, "pads": how.pads, "kernel_shape": how.kernel}
    found = tape.add("Conv", gradients[0] or "", weights, group=attribute(node, "group", 1), **options)
    ends = list(tape.shape(x)[2:])
    return [tape.add("Slice", found, [0] * len(ends), ends, list(range(2, 2 + len(ends))))]
