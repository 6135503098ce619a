"""Variants of the rules, against the formulas of their papers in NumPy: deconvolution, guided and excitation backprop."""

import numpy as np
import pytest
from onnx import helper

from fastcam.errors import GradientError
from fastcam.model.gradient.rules import VARIANTS
from fastcam.model.gradient.tape import GRADIENT, SEED, differentiate
from tests.model.gradient.differences import known_of, model, node, noise, session


def passed(written, x, g, variant):
    """Return the share of g that arrives at x."""
    rules = VARIANTS[variant](written.graph.node, "y")
    made = session(differentiate(written, "x", "y", known_of(written, x), rules))
    return made.run([GRADIENT], {"x": x, SEED: g})[0]


def one(operator, x, *inputs, variant="excitation", order=None, opset=17, seed=9, **attributes):
    """Return result, g, and what arrives at x, of a model with one operator whose other inputs are arrays."""
    stored = {f"i{k}": value for k, value in enumerate(inputs)}
    names = ["x", *stored] if order is None else order
    written = model(node(operator, *names, **attributes), x.shape, opset, **stored)
    y = session(written).run(None, {"x": x})[0]
    g = noise(*y.shape, seed=seed, positive=variant in ("excitation", "contrastive"))
    return y, g, passed(written, x, g, variant)


def share(g, total):
    return np.divide(g, total, out=np.zeros_like(total), where=total > 0)


# ---- rectifiers ------------------------------------------------------------------------------------------------------

X = 4 * noise(2, 3, 5, 7)


@pytest.mark.parametrize(
    ("operator", "inputs", "inside"),
    [
        ("Relu", (), X > 0),
        ("Clip", (np.float32(0), np.float32(6)), (X > 0) & (X < 6)),
        ("Clip", (np.float32(0),), X > 0),
        ("Max", (np.zeros((1, 3, 1, 1), np.float32),), X > 0),
    ],
)
def test_rectifiers(operator, inputs, inside):
    _, g, found = one(operator, X, *inputs, variant="guided")
    np.testing.assert_array_equal(found, np.maximum(g, 0) * inside)
    _, g, found = one(operator, X, *inputs, variant="deconvolution")
    below_the_upper_end = X < 6 if len(inputs) == 2 else True
    np.testing.assert_array_equal(found, np.maximum(g, 0) * below_the_upper_end)


@pytest.mark.parametrize("variant", ["guided", "deconvolution"])
@pytest.mark.parametrize(
    ("operator", "inputs", "attributes"),
    [
        ("LeakyRelu", (), {"alpha": 0.2}),
        ("PRelu", (noise(3, 1, 1),), {}),
        ("HardSwish", (), {}),
        ("Sigmoid", (), {}),
        ("Elu", (), {}),
        ("Clip", (np.float32(-1), np.float32(1)), {}),
        ("Clip", (np.float32(-1),), {}),
        ("Min", (np.float32(1),), {}),
        ("Max", (np.float32(0.25),), {}),
    ],
)
def test_other_activations_keep_their_gradient(operator, inputs, attributes, variant):
    expected = one(operator, X, *inputs, variant="gradient", **attributes)[2]
    np.testing.assert_array_equal(one(operator, X, *inputs, variant=variant, **attributes)[2], expected)


def test_a_maximum_of_two_tensors_is_no_rectifier():
    nodes = [helper.make_node("Neg", ["x"], ["n"]), node("Max", "x", "n")]
    g = noise(2, 3)
    np.testing.assert_allclose(passed(model(nodes, (2, 3)), noise(2, 3), g, "guided"), g * np.sign(noise(2, 3)))


# ---- excitation: one layer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [0, 1])
def test_excitation_through_a_linear_layer(turned):
    x, w = noise(2, 6), noise(5, 6, seed=1)
    positive, kept = np.maximum(w, 0), np.maximum(x, 0)
    _, g, found = one("Gemm", x, w if turned else w.T, noise(5, seed=2), transB=turned, alpha=0.5)
    expected = kept * (share(g, kept @ positive.T) @ positive)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    g, found = one("MatMul", x, w.T)[1:]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.sum(), g[kept @ positive.T > 0].sum(), rtol=1e-5)
    g, found = one("MatMul", x.T, w, order=["i0", "x"])[1:]
    np.testing.assert_allclose(found, kept.T * (positive.T @ share(g, positive @ kept.T)), rtol=1e-5, atol=1e-7)


def windows(x, kernel, strides, pads):
    """(N, C, h, w, *kernel) of x with zeros around it, and where in that each window begins."""
    wide = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    view = np.lib.stride_tricks.sliding_window_view(wide, kernel, axis=(2, 3))
    return wide.shape, view[:, :, :: strides[0], :: strides[1]]


def excited_conv(x, w, g, strides, pads, groups):
    """P(in) = sum over windows of x w+ P(out) / sum(x w+), window by window."""
    shape, seen = windows(np.maximum(x, 0), w.shape[2:], strides, pads)
    back, own = np.zeros(shape), len(w) // groups
    for n, k, i, j in np.ndindex(*g.shape):
        first = k // own * w.shape[1]
        parts = seen[n, first : first + w.shape[1], i, j] * np.maximum(w[k], 0)
        if parts.sum() > 0:
            y0, x0 = i * strides[0], j * strides[1]
            place = back[n, first : first + w.shape[1], y0 : y0 + w.shape[2], x0 : x0 + w.shape[3]]
            place += parts * g[n, k, i, j] / parts.sum()
    return back[:, :, pads[0] : shape[2] - pads[2], pads[1] : shape[3] - pads[3]]


@pytest.mark.parametrize(
    ("strides", "pads", "groups"), [((1, 1), (1, 1, 1, 1), 1), ((2, 3), (0, 1, 2, 0), 1), ((1, 1), (1, 0, 1, 2), 2)]
)
def test_excitation_through_a_convolution(strides, pads, groups):
    x, w = noise(2, 4, 7, 8), noise(6, 4 // groups, 3, 2, seed=1)
    _, g, found = one("Conv", x, w, noise(6, seed=2), strides=strides, pads=pads, group=groups)
    np.testing.assert_allclose(found, excited_conv(x, w, g, strides, pads, groups), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("AveragePool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
        ("GlobalAveragePool", {}),
        ("ReduceMean", {"axes": [2, 3], "keepdims": 0}),
    ],
)
def test_excitation_through_a_mean(operator, attributes):
    """Mean pooling is a convolution of each channel with ones."""
    x = noise(2, 3, 6, 5)
    _, g, found = one(operator, x, **attributes)
    whole = attributes.get("kernel_shape", [6, 5])
    expected = excited_conv(
        x.reshape(6, 1, 6, 5),
        np.ones((1, 1, *whole)),
        g.reshape(6, 1, *(g.shape[2:] or (1, 1))),
        attributes.get("strides", (1, 1)),
        attributes.get("pads", (0, 0, 0, 0)),
        1,
    )
    np.testing.assert_allclose(found, expected.reshape(x.shape), rtol=2e-5, atol=1e-6)


def test_excitation_through_a_sum():
    """A sum is shared by the positive parts; a constant gets nothing."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["a"]),
        helper.make_node("MatMul", ["x", "w"], ["b"]),
        node("Add", "a", "b"),
    ]
    x, w, g = noise(3, 4, positive=True), noise(4, 4, seed=1), noise(3, 4, seed=2, positive=True)
    found = passed(model(nodes, (3, 4), two=np.float32(2), w=w), x, g, "excitation")
    a, b, positive = 2 * x, np.maximum(x @ w, 0), np.maximum(w, 0)
    expected = g * a / (a + b) + x * (share(g * b / (a + b), x @ positive) @ positive.T)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found.sum(), g.sum(), rtol=1e-5)
    _, g, found = one("Add", noise(2, 3), noise(5, 2, 3))
    np.testing.assert_allclose(found, g.sum(axis=0), rtol=1e-5)


def test_excitation_leaves_activations_and_norms_as_they_are():
    for operator in ("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu"):
        _, g, found = one(operator, X)
        np.testing.assert_array_equal(found, g)
    statistics = [noise(3, seed=k) for k in range(3)]
    _, g, found = one("BatchNormalization", X, *statistics, noise(3, positive=True))
    np.testing.assert_array_equal(found, g)
    _, g, found = one("MaxPool", X, kernel_shape=[2, 2], strides=[2, 2])
    np.testing.assert_allclose(found.sum(), g.sum(), rtol=1e-5)


def test_what_excitation_has_no_rule_for():
    gate = [helper.make_node("Sigmoid", ["x"], ["s"]), node("Mul", "x", "s")]
    with pytest.raises(GradientError, match="'y', Mul: but for x and a constant"):
        passed(model(gate, (2, 3)), noise(2, 3), noise(2, 3), "excitation")
    attention = [helper.make_node("Transpose", ["x"], ["t"]), node("MatMul", "x", "t")]
    with pytest.raises(GradientError, match="'y', MatMul: weights or a bias that depend on the image"):
        passed(model(attention, (2, 3)), noise(2, 3), noise(2, 2), "excitation")
    with pytest.raises(GradientError, match="there is no gradient of the operator Softmax"):
        one("Softmax", noise(2, 3))


# ---- excitation: a network -------------------------------------------------------------------------------------------

NETWORK = [
    helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["c1"], ["r1"]),
    helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
    helper.make_node("Conv", ["p1", "w2"], ["c2"]),
    helper.make_node("Relu", ["c2"], ["r2"]),
    helper.make_node("GlobalAveragePool", ["r2"], ["p2"]),
    helper.make_node("Flatten", ["p2"], ["f"]),
    node("Gemm", "f", "w3", "b3", transB=1),
]


def transcribed(x, w1, b1, w2, w3, seed):
    """P at the input: forward and passing on in float64, layer by layer."""

    def conv(x, w, pads):
        return np.einsum("nchwij,kcij->nkhw", windows(x, w.shape[2:], (1, 1), pads)[1], w)

    around, nowhere = (1, 1, 1, 1), (0, 0, 0, 0)
    r1 = np.maximum(conv(x, w1, around) + b1[:, None, None], 0)
    cells = r1.reshape(*r1.shape[:2], r1.shape[2] // 2, 2, r1.shape[3] // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    flat = cells.reshape(*cells.shape[:4], 4)
    r2 = np.maximum(conv(flat.max(-1), w2, nowhere), 0)
    f, positive = r2.mean(axis=(2, 3)), np.maximum(w3, 0)
    p = f * (share(seed, f @ positive.T) @ positive)
    p = r2 * share(p, r2.sum(axis=(2, 3)))[:, :, None, None]
    p = excited_conv(flat.max(-1), w2, p, (1, 1), nowhere, 1)
    p = (np.arange(4) == flat.argmax(-1)[..., None]) * p[..., None]
    p = p.reshape(cells.shape).transpose(0, 1, 2, 4, 3, 5).reshape(r1.shape)
    return excited_conv(x, w1, p, (1, 1), around, 1)


@pytest.fixture(scope="module")
def network():
    shapes = {"w1": (6, 3, 3, 3), "b1": (6,), "w2": (8, 6, 3, 3), "w3": (5, 8), "b3": (5,)}
    weights = {name: noise(*shape, seed=k) for k, (name, shape) in enumerate(shapes.items())}
    return model(NETWORK, (2, 3, 10, 12), **weights), weights, noise(2, 3, 10, 12, seed=7, positive=True)


def test_excitation_through_a_network(network):
    written, weights, x = network
    seed = np.eye(5, dtype=np.float32)[[1, 3]]
    found = passed(written, x, seed, "excitation")
    wide = {name: value.astype(float) for name, value in weights.items() if name != "b3"}
    np.testing.assert_allclose(found, transcribed(x.astype(float), **wide, seed=seed), rtol=1e-4, atol=1e-7)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), 1, rtol=1e-5)  # a probability


def test_contrastive_is_a_difference_of_two_passes(network):
    """The contrast with the network whose last weights are negated; a pass of its own each, in another graph."""
    written, weights, x = network
    seed = np.eye(5, dtype=np.float32)[[1, 3]]
    negated = model(NETWORK, (2, 3, 10, 12), **weights | {"w3": -weights["w3"]})
    expected = passed(written, x, seed, "excitation") - passed(negated, x, seed, "excitation")
    found = passed(written, x, seed, "contrastive")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found.min() < 0 < found.max()


@pytest.mark.parametrize("at", ["p1", "r1", "x"])
def test_probabilities_at_every_layer(network, at):
    """Nothing negative, and as much as above: of a gradient at a tensor inside, with the whole network in one graph."""
    written, _, x = network
    seed = np.eye(5, dtype=np.float32)[[4, 0]]
    rules = VARIANTS["excitation"](written.graph.node, "y")
    made = session(differentiate(written, at, "y", known_of(written, x), rules))
    found = made.run([GRADIENT], {"x": x, SEED: seed})[0]
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), 1, rtol=1e-5)
