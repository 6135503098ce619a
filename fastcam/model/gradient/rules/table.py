"""Tables of rules, by the names of their operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from onnx import NodeProto

from fastcam.errors import GradientError
from fastcam.model.gradient.tape import Rule, Tape

# Of operators with one input that matters and one result: gradient of the result, names of input and result.
Unary: TypeAlias = Callable[[Tape, NodeProto, str, str, str], str]


class Table(dict[str, Rule]):
    """Rules by operator; decorators add functions."""

    def rule(self, *operators: str) -> Callable[[Rule], Rule]:
        """Decorate a rule for any number of inputs and results."""

        def enter(function: Rule) -> Rule:
            self.update(dict.fromkeys(operators, function))
            return function

        return enter

    def unary(self, *operators: str) -> Callable[[Unary], Unary]:
        """Decorate a rule for operators whose first input alone depends on the start, read by one result."""

        def enter(function: Unary) -> Unary:
            def run(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> Sequence[str | None]:
                if any(tape.wants(name) for name in node.input[1:]) or any(gradients[1:]):
                    raise GradientError("another input that depends on the image, or another result, has no rule")
                gradient = gradients[0]
                return [gradient and function(tape, node, gradient, node.input[0], node.output[0])]

            self.update(dict.fromkeys(operators, run))
            return function

        return enter
