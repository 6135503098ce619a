"""Gradients of operators that go element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from onnx import NodeProto

from fastcam.errors import GradientError
from fastcam.model.gradient.rules.table import Table
from fastcam.model.gradient.tape import Tape, attribute

RULES = Table()


@RULES.unary("Identity", "Dropout", "Cast")
def identity(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return g


@RULES.unary("Neg")
def negative(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Neg", g)


@RULES.unary("Exp")
def exponential(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Mul", g, y)


@RULES.unary("Log")
def logarithm(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Div", g, x)


@RULES.unary("Sqrt")
def square_root(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Div", tape.add("Mul", g, 0.5), y)


@RULES.unary("Reciprocal")
def reciprocal(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Neg", tape.add("Mul", g, tape.add("Mul", y, y)))


@RULES.unary("Abs")
def absolute(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Mul", g, tape.add("Sign", x))


@RULES.unary("Relu")
def relu(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.where(tape.add("Greater", y, 0.0), g)


@RULES.unary("LeakyRelu", "PRelu")
def leaky_relu(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    slope = node.input[1] if node.op_type == "PRelu" else attribute(node, "alpha", 0.01)
    return tape.add("Where", tape.add("Greater", x, 0.0), g, tape.add("Mul", g, slope))


@RULES.unary("Elu", "Celu")
def elu(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """Below 0, y + alpha is alpha times the exponential; Celu's has x / alpha in it, whose slope takes alpha away."""
    alpha = attribute(node, "alpha", 1.0)
    slope = tape.add("Add", y, alpha)
    slope = slope if node.op_type == "Elu" else tape.add("Mul", slope, 1 / alpha)
    return tape.add("Where", tape.add("Greater", x, 0.0), g, tape.add("Mul", g, slope))


@RULES.unary("Selu")
def selu(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    alpha, gamma = attribute(node, "alpha", 1.6732632), attribute(node, "gamma", 1.0507010)
    below = tape.add("Mul", g, tape.add("Add", y, alpha * gamma))
    return tape.add("Where", tape.add("Greater", x, 0.0), tape.add("Mul", g, gamma), below)


@RULES.unary("Softplus")
def softplus(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Mul", g, tape.add("Sigmoid", x))


@RULES.unary("Softsign")
def softsign(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    below = tape.add("Add", tape.add("Abs", x), 1.0)
    return tape.add("Div", g, tape.add("Mul", below, below))


@RULES.unary("Sigmoid")
def sigmoid(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Mul", g, tape.add("Mul", y, tape.add("Sub", 1.0, y)))


@RULES.unary("Tanh")
def tanh(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Mul", g, tape.add("Sub", 1.0, tape.add("Mul", y, y)))


@RULES.unary("Sin")
def sine(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Mul", g, tape.add("Cos", x))


@RULES.unary("Cos")
def cosine(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return tape.add("Neg", tape.add("Mul", g, tape.add("Sin", x)))


@RULES.unary("Erf")
def error_function(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    bell = tape.add("Exp", tape.add("Neg", tape.add("Mul", x, x)))
    return tape.add("Mul", g, tape.add("Mul", bell, 2 / math.sqrt(math.pi)))


@RULES.unary("Clip")
def clip(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """No gradient at the ends either, as in PyTorch's ReLU6."""
    low, high = ([*node.input, "", ""][k] for k in (1, 2))
    for bound, is_inside in ((low, "Greater"), (high, "Less")):
        g = tape.where(tape.add(is_inside, x, bound), g) if bound else g
    return g


@RULES.unary("HardSigmoid")
def hard_sigmoid(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    inside = tape.add("And", tape.add("Greater", y, 0.0), tape.add("Less", y, 1.0))
    return tape.where(inside, tape.add("Mul", g, attribute(node, "alpha", 0.2)))


@RULES.unary("HardSwish")
def hard_swish(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    between = tape.where(tape.add("Greater", x, -3.0), tape.add("Add", tape.add("Mul", x, 1 / 3), 0.5))
    return tape.add("Mul", g, tape.add("Where", tape.add("Greater", x, 3.0), 1.0, between))


@RULES.unary("Mish")
def mish(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """x * t with t = tanh(softplus(x)): t + x * sigmoid(x) * (1 - t ** 2)."""
    t = tape.add("Tanh", tape.add("Softplus", x))
    rest = tape.add("Mul", tape.add("Sigmoid", x), tape.add("Sub", 1.0, tape.add("Mul", t, t)))
    return tape.add("Mul", g, tape.add("Add", t, tape.add("Mul", x, rest)))


@RULES.unary("Swish", "com.microsoft.QuickGelu")
def swish(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    """x * s with s = sigmoid(alpha * x): s + alpha * y * (1 - s)."""
    alpha = attribute(node, "alpha", 1.0 if node.op_type == "Swish" else 1.702)
    s = tape.add("Sigmoid", tape.add("Mul", x, alpha))
    rest = tape.add("Mul", tape.add("Mul", y, alpha), tape.add("Sub", 1.0, s))
    return tape.add("Mul", g, tape.add("Add", s, rest))


@RULES.unary("Gelu", "com.microsoft.Gelu", "com.microsoft.FastGelu")
def gelu(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    if node.op_type == "FastGelu" or attribute(node, "approximate", "none") == "tanh":
        if len(node.input) > 1 and node.input[1]:
            raise GradientError("a FastGelu with a bias has no rule")
        return _gelu_by_tanh(tape, g, x)
    share = tape.add("Mul", tape.add("Add", tape.add("Erf", tape.add("Mul", x, math.sqrt(0.5))), 1.0), 0.5)
    bell = tape.add("Exp", tape.add("Mul", tape.add("Mul", x, x), -0.5))
    slope = tape.add("Mul", tape.add("Mul", x, bell), 1 / math.sqrt(2 * math.pi))
    return tape.add("Mul", g, tape.add("Add", share, slope))


def _gelu_by_tanh(tape: Tape, g: str, x: str) -> str:
    """0.5 x (1 + t) with t = tanh(k (x + 0.044715 x^3))."""
    k, cube = math.sqrt(2 / math.pi), 0.044715
    square = tape.add("Mul", x, x)
    inner = tape.add("Mul", x, tape.add("Add", tape.add("Mul", square, k * cube), k))
    t = tape.add("Tanh", inner)
    share = tape.add("Mul", tape.add("Add", t, 1.0), 0.5)
    slope = tape.add("Add", tape.add("Mul", square, 3 * k * cube), k)
    slope = tape.add("Mul", slope, tape.add("Sub", 1.0, tape.add("Mul", t, t)))
    return tape.add("Mul", g, tape.add("Add", share, tape.add("Mul", tape.add("Mul", x, 0.5), slope)))


@RULES.rule("Add", "Sum", "Sub")
def add(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    found: list[str | None] = []
    for k, name in enumerate(node.input):
        g = gradients[0]
        if g and tape.wants(name):
            g = tape.unbroadcast(g, name, tape.shape(node.output[0]))
            found.append(tape.add("Neg", g) if node.op_type == "Sub" and k else g)
        else:
            found.append(None)
    return found


@RULES.rule("Mul", "Div", "Pow", "Where")
def product(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    slopes = {"Mul": _mul, "Div": _div, "Pow": _pow, "Where": _where}[node.op_type]
    g, shape = gradients[0] or "", tape.shape(node.output[0])
    return [
        tape.unbroadcast(slopes(tape, node, g, k), name, shape) if tape.wants(name) else None
        for k, name in enumerate(node.input)
    ]


def _mul(tape: Tape, node: NodeProto, g: str, k: int) -> str:
    return tape.add("Mul", g, node.input[1 - k])


def _div(tape: Tape, node: NodeProto, g: str, k: int) -> str:
    share = tape.add("Div", g, node.input[1])
    return tape.add("Neg", tape.add("Mul", share, node.output[0])) if k else share


def _pow(tape: Tape, node: NodeProto, g: str, k: int) -> str:
    exponent, x = tape.values(node, 1), node.input[0]
    if k or exponent is None:
        raise GradientError("an exponent that is computed has no rule")
    if exponent.size == 1 and float(exponent.reshape(-1)[0]) == 2:
        return tape.add("Mul", g, tape.add("Mul", x, 2.0))
    exponent = exponent.astype(np.float32)
    return tape.add("Mul", g, tape.add("Mul", tape.add("Pow", x, exponent - 1), exponent))


def _where(tape: Tape, node: NodeProto, g: str, k: int) -> str:
    condition = node.input[0]
    return tape.where(condition, g) if k == 1 else tape.add("Where", condition, 0.0, g)


@RULES.rule("Max", "Min")
def largest(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """Share the gradient among operands that are equal."""
    y, shape = node.output[0], tape.shape(node.output[0])
    chosen = [tape.add("Cast", tape.add("Equal", name, y), to=1) for name in node.input]
    share = tape.add("Div", gradients[0] or "", tape.add("Sum", *chosen))
    return [
        tape.unbroadcast(tape.add("Mul", share, one), name, shape) if tape.wants(name) else None
        for name, one in zip(node.input, chosen, strict=True)
    ]


@RULES.rule("Floor", "Ceil", "Round", "Sign")
def steps(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    """No gradient: steps are flat nearly everywhere."""
    return [None]
