"""Gradients of ONNX's operators, one small function each: from those of a node's results to those of its inputs."""

from __future__ import annotations

from collections.abc import Mapping

from fastcam.model.gradient import Rule
from fastcam.model.rules import elementwise, linear, movement, normalising, pooling

RULES: Mapping[str, Rule] = {
    **elementwise.RULES,
    **linear.RULES,
    **movement.RULES,
    **normalising.RULES,
    **pooling.RULES,
}
