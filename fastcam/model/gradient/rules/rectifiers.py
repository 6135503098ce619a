"""Variants of the gradient that treat rectifiers in another way: deconvolution and guided backpropagation.

A rectifier is what cuts off at zero: `Relu`; `Clip` from 0, as ReLU6, whose upper end keeps its gradient; and `Max`
with 0, as a quantisation that a ReLU was folded into becomes. Every other activation keeps its gradient, as in
the papers, which know none, and in Captum: LeakyRelu, PRelu and Elu let negative values through, HardSwish, SiLU and
GELU are no rectifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import NodeProto

from fastcam.model.gradient.rules import elementwise
from fastcam.model.gradient.rules.table import Table, Unary
from fastcam.model.gradient.tape import Rule, Tape

RECTIFIED = "Relu"  # the operator that each rectifier adds to the backward: without it, a variant changes nothing


def _table(relu: Unary) -> Mapping[str, Rule]:
    """Return rules of rectifiers, made of the ReLU's, which takes the names of a rectifier's input and result."""
    rules = Table()
    rules.unary("Relu")(relu)

    @rules.unary("Clip")
    def clip(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
        low, high = ([*node.input, "", ""][k] for k in (1, 2))
        if not low or not _is_zero(tape, node, 1):
            return _plain("Clip")(tape, node, [g])[0] or ""
        return relu(tape, node, tape.where(tape.add("Less", x, high), g) if high else g, x, y)

    @rules.rule("Max")
    def largest(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> Sequence[str | None]:
        wanted = [k for k, name in enumerate(node.input) if tape.wants(name)]
        if len(node.input) != 2 or len(wanted) != 1 or not _is_zero(tape, node, 1 - wanted[0]):
            return _plain("Max")(tape, node, gradients)
        x, y = node.input[wanted[0]], node.output[0]
        found = tape.unbroadcast(relu(tape, node, gradients[0] or "", x, y), x, tape.shape(y))
        return [found if k in wanted else None for k in range(2)]

    return rules


def _plain(operator: str) -> Callable[[Tape, NodeProto, Sequence[str | None]], Sequence[str | None]]:
    return elementwise.RULES[operator]


def _is_zero(tape: Tape, node: NodeProto, k: int) -> bool:
    """Return whether input k is the same in every run, and 0."""
    bound = tape.values(node, k)
    return bound is not None and not np.any(bound)


def _deconvolved(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add(RECTIFIED, g)


def _guided(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.where(tape.add("Greater", y, 0.0), tape.add(RECTIFIED, g))


DECONVOLUTION = _table(_deconvolved)
"""`R_in = max(R_out, 0)` at each rectifier, whatever it let through; Zeiler and Fergus 2014, "Visualizing and
Understanding Convolutional Networks", section 2.1. Max pooling takes its switches from the image, as there."""

GUIDED = _table(_guided)
"""`R_in = 1[x > 0] max(R_out, 0)` at each rectifier; Springenberg et al. 2015, "Striving for Simplicity: The All
Convolutional Net", section 3.4."""
