"""Gradients of ONNX's operators, one small function each: from those of a node's results to those of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from onnx import NodeProto

from fastcam.model.gradient.rules import elementwise, excitation, linear, movement, normalization, pooling, rectifiers
from fastcam.model.gradient.tape import Rule

RULES: Mapping[str, Rule] = {
    **elementwise.RULES,
    **linear.RULES,
    **movement.RULES,
    **normalization.RULES,
    **pooling.RULES,
}

Variant: TypeAlias = Callable[[Sequence[NodeProto], str], Mapping[str, Rule]]
"""The rules for nodes that lead to an end."""

VARIANTS: Mapping[str, Variant] = {
    "gradient": lambda nodes, end: RULES,
    "deconvolution": lambda nodes, end: {**RULES, **rectifiers.DECONVOLUTION},
    "guided": lambda nodes, end: {**RULES, **rectifiers.GUIDED},
    "excitation": lambda nodes, end: excitation.EXCITATION,
    "contrastive": lambda nodes, end: excitation.contrasting(excitation.last_layers(nodes, end)),
}
