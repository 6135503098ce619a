"""Rules of operators that go element by element, and of those that normalise."""

import math

import numpy as np
import pytest
from onnx import helper

from tests.model.gradient.differences import check, model, node, noise

STEPS = ["Floor", "Ceil", "Round", "Sign"]
UNARY = [
    *("Identity", "Neg", "Exp", "Abs", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Softplus", "Softsign", "Sigmoid"),
    *("Tanh", "Sin", "Cos", "HardSigmoid", "HardSwish", "Dropout"),
]

erf = np.vectorize(math.erf, otypes=[np.float64])


@pytest.mark.parametrize("operator", UNARY)
def test_unary(operator):
    check(model(node(operator, "x"), (2, 3, 4)), 2.5 * noise(2, 3, 4))


@pytest.mark.parametrize("operator", STEPS)
def test_steps_are_flat(operator):
    check(model([helper.make_node(operator, ["x"], ["t"]), node("Add", "t", "x")], (2, 3, 4)), 2.5 * noise(2, 3, 4))


def test_the_error_function_and_gelu():
    x = 2 * noise(3, 5)
    check(model(node("Erf", "x"), (3, 5)), x, forward=erf)
    check(model(node("Gelu", "x"), (3, 5), 20), x, forward=lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))))


@pytest.mark.parametrize("operator", ["Log", "Sqrt", "Reciprocal"])
def test_unary_of_positive_values(operator):
    check(model(node(operator, "x"), (2, 3, 4)), noise(2, 3, 4, positive=True))


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("LeakyRelu", {"alpha": 0.3}),
        ("Elu", {"alpha": 0.7}),
        ("Celu", {"alpha": 2.0}),
        ("Selu", {"alpha": 1.2, "gamma": 0.8}),
        ("HardSigmoid", {"alpha": 0.1, "beta": 0.4}),
    ],
)
def test_unary_with_attributes(operator, attributes):
    check(model(node(operator, "x", **attributes), (2, 3, 4)), 3 * noise(2, 3, 4))


@pytest.mark.parametrize(
    ("operator", "opset", "attributes"), [("Gelu", 20, {"approximate": "tanh"}), ("Mish", 18, {})], ids=["Gelu", "Mish"]
)
def test_smooth_rectifiers(operator, opset, attributes):
    check(model(node(operator, "x", **attributes), (3, 5), opset), 2 * noise(3, 5))


def test_clip_between_none_one_and_two_bounds():
    x = 3 * noise(4, 5)
    for inputs in (("x",), ("x", "low"), ("x", "", "high"), ("x", "low", "high")):
        check(model(node("Clip", *inputs), (4, 5), low=np.float32(-1), high=np.float32(2)), x)


def test_prelu_of_channels():
    check(model(node("PRelu", "x", "slope"), (1, 3, 4, 4), slope=noise(3, 1, 1)), noise(1, 3, 4, 4), batch=3)


SHAPES = [
    ((2, 3, 4), (2, 3, 4)),
    ((2, 3, 4), (4,)),
    ((2, 3, 4), (1, 3, 1)),
    ((2, 1, 4), (3, 1)),
    ((2, 3), ()),
    ((1, 1), (5, 4, 3)),
]


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(("own", "other"), SHAPES)
def test_two_operands(operator, second, own, other):
    other_values = noise(*other, seed=2, positive=operator == "Div") if other else np.float32(1.7)
    inputs = ("c", "x") if second else ("x", "c")
    check(model(node(operator, *inputs), own, c=other_values), noise(*own, positive=operator == "Div"), 5e-5)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Where"])
def test_both_operands_depend_on_the_start(operator):
    """x, and the sum of its exponential, which is broadcast."""
    other = [helper.make_node("Exp", ["x"], ["e"]), helper.make_node("ReduceSum", ["e", "axes"], ["s"], keepdims=1)]
    inputs = ("c", "x", "s") if operator == "Where" else ("x", "s")
    stored = {"axes": np.array([1])} | ({"c": noise(2, 3, 4) > 0} if operator == "Where" else {})
    check(model([*other, node(operator, *inputs)], (2, 3, 4), **stored), noise(2, 3, 4))


def test_the_same_tensor_twice():
    check(model(node("Mul", "x", "x"), (3, 4)), noise(3, 4))
    check(model(node("Sub", "x", "x"), (3, 4)), noise(3, 4))


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -1.0])
def test_powers(exponent):
    """Pow, of one exponent and of several."""
    check(model(node("Pow", "x", "p"), (3, 4), p=np.float32(exponent)), noise(3, 4, positive=True))
    check(model(node("Pow", "x", "p"), (3, 4), p=np.full(4, exponent, np.float32)), noise(3, 4, positive=True))


# ---- normalising -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax(operator, axis):
    check(model(node(operator, "x", axis=axis), (3, 4, 5)), noise(3, 4, 5))


@pytest.mark.parametrize("axis", [-1, 1])
def test_layer_normalization(axis):
    sides = (3, 4, 5)[axis:]
    written = model(node("LayerNormalization", "x", "s", "b", axis=axis), (3, 4, 5), s=noise(*sides), b=noise(*sides))
    check(written, noise(3, 4, 5), batch=2 if axis == -1 else None)


def test_rms_normalization():
    check(model(node("RMSNormalization", "x", "s", axis=-1), (3, 4, 5), 23, s=noise(5)), noise(3, 4, 5))


def test_batch_normalization():
    stored = {"s": noise(3), "b": noise(3), "m": noise(3), "v": noise(3, positive=True)}
    check(model(node("BatchNormalization", "x", *stored), (1, 3, 4, 5), **stored), noise(1, 3, 4, 5), batch=2)


def test_instance_normalization():
    written = model(node("InstanceNormalization", "x", "s", "b"), (1, 3, 4, 5), s=noise(3), b=noise(3))
    check(written, noise(1, 3, 4, 5), batch=2)


@pytest.mark.parametrize(("opset", "scales"), [(18, 2), (21, 6)])
def test_group_normalization(opset, scales):
    scale, bias = noise(scales), noise(scales, seed=1)

    def forward(x):
        rows = x.reshape(len(x), 2, -1)
        rows = (rows - rows.mean(axis=2, keepdims=True)) / np.sqrt(rows.var(axis=2, keepdims=True) + 1e-5)
        each = [np.repeat(values, 6 // scales)[:, None, None] for values in (scale, bias)]
        return rows.reshape(x.shape) * each[0] + each[1]

    written = model(node("GroupNormalization", "x", "s", "b", num_groups=2), (1, 6, 3, 4), opset, s=scale, b=bias)
    check(written, noise(1, 6, 3, 4), batch=2, forward=forward)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_normalization(size):
    def forward(x):
        squares = np.pad(x**2, ((0, 0), (size // 2, size // 2), (0, 0), (0, 0)))
        total = sum(squares[:, k : k + x.shape[1]] for k in range(size))
        return x / (1.5 + 0.3 / size * total) ** 0.6

    written = model(node("LRN", "x", size=size, alpha=0.3, beta=0.6, bias=1.5), (1, 7, 3, 2))
    check(written, noise(1, 7, 3, 2), batch=2, forward=forward)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axis", [-1, 1])
def test_lp_normalization(p, axis):
    def forward(x):
        return x / (np.abs(x) ** p).sum(axis=axis, keepdims=True) ** (1 / p)

    check(model(node("LpNormalization", "x", p=p, axis=axis), (2, 3, 4)), noise(2, 3, 4), forward=forward)
