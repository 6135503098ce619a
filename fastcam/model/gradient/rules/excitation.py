"""Excitation backprop: probabilities that a winning neuron passes on, in place of gradients.

Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", equations 8 to 10. Each neuron shares its
probability out among those that excite it: `P(in) = x * (W+^T (P(out) / (W+ x)))`, W+ = max(W, 0), biases left out. A
neuron that nothing excites passes on nothing. The paper takes responses for non-negative; those that aren't (of the
image, or before a sum) count as 0, so nothing negative comes of it. So

- products with weights, convolutions, means and sums of the values of one tensor follow that formula;
- a sum of several tensors shares out by their positive parts, and what is constant gets nothing;
- what a neuron makes of its own sum (activations that rise, normalisation with constants, factors) changes nothing;
- pooling by the maximum, and whatever moves values, passes on as gradients are.

Products of tensors that both depend on the image (gates, attention) aren't in the paper, and have no rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from onnx import NodeProto, helper

from fastcam.errors import GradientError
from fastcam.model.gradient.rules import linear, movement, pooling
from fastcam.model.gradient.rules.table import Table
from fastcam.model.gradient.tape import Rule, Tape

LEAST = 1e-30  # of what excites a neuron: below it nothing does, and a quotient would overflow
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")

RULES = Table()


@RULES.unary("Identity", "Dropout", "Cast", "Relu", "LeakyRelu", "PRelu", "Clip", "Elu", "Celu", "Selu", "Softplus")
@RULES.unary("Softsign", "Sigmoid", "HardSigmoid", "Tanh", "BatchNormalization", "LRN")
def same(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    return g


@RULES.rule("Mul", "Div", "Sub", "Max", "Min")
def with_constants(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    wanted = [k for k, name in enumerate(node.input) if tape.wants(name)]
    if len(wanted) != 1 or (wanted != [0] and node.op_type in ("Div", "Sub")):
        raise GradientError("but for x and a constant, in that order, it has no rule in excitation backprop")
    name = node.input[wanted[0]]
    passed = tape.unbroadcast(gradients[0] or "", name, tape.shape(node.output[0]))
    return [passed if k in wanted else None for k in range(len(node.input))]


@RULES.rule("Add", "Sum")
def add(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    wanted = [k for k, name in enumerate(node.input) if tape.wants(name)]
    shape, found = tape.shape(node.output[0]), dict.fromkeys(range(len(node.input)), gradients[0])
    if len(wanted) > 1:
        positive = {k: tape.add("Relu", node.input[k]) for k in wanted}
        share = _divided(tape, gradients[0] or "", tape.add("Sum", *positive.values()))
        found |= {k: tape.add("Mul", part, share) for k, part in positive.items()}
    return [tape.unbroadcast(found[k] or "", name, shape) if k in wanted else None for k, name in enumerate(node.input)]


@RULES.unary("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum")
def mean(tape: Tape, node: NodeProto, g: str, x: str, y: str) -> str:
    positive = tape.add("Relu", x)
    total = tape.add(node.op_type, positive, *node.input[1:], **_attributes(node))
    (back,) = pooling.RULES[node.op_type](tape, node, [_divided(tape, g, total)])
    return tape.add("Mul", positive, back or "")


@RULES.rule(*WEIGHTED)
def weighted(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> list[str | None]:
    place, weights = _place(tape, node)
    passed = _passed_on(tape, node, gradients[0] or "", place, tape.add("Relu", weights))
    return [passed if k == place else None for k in range(len(node.input))]


def contrasting(last: Collection[str]) -> Mapping[str, Rule]:
    """Return rules of the contrastive marginal winning probability, given results of the last layers with weights.

    There the passing of the neuron with the opposite weights is taken away, `P_W - P_-W`, section 3.3 of the paper.
    All before is linear in P, so what arrives is the difference of two whole passes.
    """

    def contrasted(tape: Tape, node: NodeProto, gradients: Sequence[str | None]) -> Sequence[str | None]:
        if node.output[0] not in last:
            return weighted(tape, node, gradients)
        place, weights = _place(tape, node)
        both = [tape.add("Relu", weights), tape.add("Relu", tape.add("Neg", weights))]
        passed = [_passed_on(tape, node, gradients[0] or "", place, one) for one in both]
        return [tape.add("Sub", *passed) if k == place else None for k in range(len(node.input))]

    return {**EXCITATION, **dict.fromkeys(WEIGHTED, contrasted)}


def last_layers(nodes: Sequence[NodeProto], end: str) -> set[str]:
    """Return the results of layers with weights that no other such layer separates from the end."""
    near, found = {end}, set()
    for node in reversed(nodes):
        if near.isdisjoint(node.output):
            continue
        if node.op_type in WEIGHTED:
            found.add(node.output[0])
        else:
            near.update(node.input)
    return found


def _place(tape: Tape, node: NodeProto) -> tuple[int, str]:
    """Return the place of the operand that depends on the start, and the name of the other one, the weights."""
    wanted = [tape.wants(name) for name in node.input]
    if sum(wanted) != 1 or wanted.index(True) > 1:
        raise GradientError("weights or a bias that depend on the image have no rule in excitation backprop")
    return wanted.index(True), node.input[1 - wanted.index(True)]


def _passed_on(tape: Tape, node: NodeProto, g: str, place: int, positive: str) -> str:
    """`x * (W+^T (g / (W+ x)))`, of a node's operand and positive weights in place of its own."""
    tape.stand_in(positive, node.input[1 - place])
    x = tape.add("Relu", node.input[place])
    operands = [positive, x] if place else [x, positive]
    shares = _divided(tape, g, tape.add(node.op_type, *operands, **_attributes(node)))
    like = NodeProto()
    like.CopyFrom(node)
    del like.input[:]
    like.input.extend([positive, node.input[1]] if place else [node.input[0], positive])
    back = linear.RULES[node.op_type](tape, like, [shares])[place]
    return tape.add("Mul", x, back or "")


def _divided(tape: Tape, g: str, total: str) -> str:
    return tape.where(tape.add("Greater", total, LEAST), tape.add("Div", g, total))


def _attributes(node: NodeProto) -> dict[str, object]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


EXCITATION: Mapping[str, Rule] = {
    **movement.RULES,
    **{operator: pooling.RULES[operator] for operator in ("MaxPool", "GlobalMaxPool", "ReduceMax")},
    **RULES,
}
