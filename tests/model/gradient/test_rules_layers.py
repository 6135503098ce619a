"""Rules of products, convolutions, poolings and reductions."""

import numpy as np
import pytest
from onnx import helper

from fastcam.errors import GradientError
from fastcam.model.gradient.rules import RULES
from fastcam.model.gradient.tape import GRADIENT, SEED, differentiate
from tests.model.gradient.differences import by_onnxruntime, check, known_of, model, node, noise, session


@pytest.mark.parametrize("turned_a", [0, 1])
@pytest.mark.parametrize("turned_b", [0, 1])
def test_gemm(turned_a, turned_b):
    """Gemm, of which each operand may be the start."""
    a, b = ((4, 3) if turned_a else (3, 4)), ((5, 4) if turned_b else (4, 5))
    options = {"transA": turned_a, "transB": turned_b, "alpha": 0.7, "beta": 1.3}
    check(model(node("Gemm", "x", "w", "c", **options), a, w=noise(*b), c=noise(5)), noise(*a))
    check(model(node("Gemm", "w", "x", "c", **options), b, w=noise(*a), c=noise(3, 1)), noise(*b))
    check(model(node("Gemm", "a", "b", "x", **options), (1, 5), a=noise(*a), b=noise(*b)), noise(1, 5))


@pytest.mark.parametrize(
    ("own", "other"),
    [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((1, 3, 4), (6, 4, 5)), ((2, 1, 3, 4), (3, 4, 5))],
)
def test_matmul(own, other):
    check(model(node("MatMul", "x", "w"), own, w=noise(*other)), noise(*own))
    check(model(node("MatMul", "w", "x"), other, w=noise(*own)), noise(*other))


def test_attention():
    """softmax(x x^T) x, where all operands are the start."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "t"], ["s"]),
        helper.make_node("Softmax", ["s"], ["p"], axis=-1),
        node("MatMul", "p", "x"),
    ]
    check(model(nodes, (1, 4, 3)), noise(1, 4, 3), batch=3)


@pytest.mark.parametrize(
    ("equation", "own", "other"),
    [
        ("nchw,kc->nk", (2, 3, 4, 5), (6, 3)),
        ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
        ("nlc,kc->nlk", (2, 3, 4), (5, 4)),
        ("bhid,bhjd->bhij", (1, 2, 3, 4), (1, 2, 5, 4)),
    ],
)
def test_einsum(equation, own, other):
    check(model(node("Einsum", "x", "w", equation=equation), own, w=noise(*other)), noise(*own))
    left, result = equation.split("->")
    turned = ",".join(left.split(",")[::-1]) + "->" + result
    check(model(node("Einsum", "w", "x", equation=turned), own, w=noise(*other)), noise(*own))


CONVOLUTIONS = [
    {},
    {"pads": [1, 1, 1, 1]},
    {"strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"strides": [2, 3]},
    {"strides": [3, 3], "pads": [1, 0, 2, 1]},
    {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
    {"strides": [2, 2], "dilations": [2, 1], "pads": [0, 1, 1, 0]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "VALID", "strides": [2, 1]},
    {"strides": [4, 4]},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("sides", [(8, 9), (7, 10)])
def test_conv(options, groups, sides):
    shape, weights = (1, 4, *sides), noise(8, 4 // groups, 3, 3)
    written = model(node("Conv", "x", "w", "b", group=groups, **options), shape, w=weights, b=noise(8))
    check(written, noise(*shape), batch=2)


def test_conv_of_one_and_three_sides_and_of_patches():
    check(model(node("Conv", "x", "w", strides=[2]), (1, 3, 9), w=noise(4, 3, 3)), noise(1, 3, 9))
    check(model(node("Conv", "x", "w"), (1, 2, 4, 4, 4), w=noise(3, 2, 2, 2, 2)), noise(1, 2, 4, 4, 4))
    check(model(node("Conv", "x", "w", strides=[4, 4]), (1, 3, 11, 9), w=noise(5, 3, 4, 4)), noise(1, 3, 11, 9))
    check(model(node("Conv", "x", "w", pads=[3, 3, 3, 3]), (1, 2, 5, 5), w=noise(2, 2, 1, 1)), noise(1, 2, 5, 5))


@pytest.mark.parametrize("options", [{}, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}], ids=str)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv_transpose(options, groups):
    written = model(node("ConvTranspose", "x", "w", group=groups, **options), (1, 4, 5, 6), w=noise(4, 3, 3, 3))
    check(written, noise(1, 4, 5, 6), batch=2, forward=by_onnxruntime(written), step=0.5)


# ---- pooling ---------------------------------------------------------------------------------------------------------

POOLS = [
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 2], "strides": [1, 2], "pads": [1, 0, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [3, 3]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
]


@pytest.mark.parametrize("options", POOLS, ids=str)
@pytest.mark.parametrize("sides", [(8, 9), (7, 10)])
def test_max_pool(options, sides):
    check(model(node("MaxPool", "x", **options), (1, 3, *sides)), noise(1, 3, *sides), batch=2)


@pytest.mark.parametrize("options", POOLS, ids=str)
@pytest.mark.parametrize("with_pads", [0, 1])
@pytest.mark.parametrize("sides", [(8, 9), (7, 10)])
def test_average_pool(options, with_pads, sides):
    written = model(node("AveragePool", "x", count_include_pad=with_pads, **options), (1, 3, *sides))
    check(written, noise(1, 3, *sides), batch=2)


def linear_identity(written, x, known):
    """sum(seed * f(x)) - sum(seed * f(0)) = sum(gradient * x), of what is linear but for a constant."""
    seed = np.random.default_rng(3).standard_normal(known["y"].shape).astype(np.float32)
    made = session(differentiate(written, "x", "y", known, RULES))
    (gradient,) = made.run([GRADIENT], {"x": x, SEED: seed})
    run = by_onnxruntime(written)
    y = run(x) - run(np.zeros_like(x))
    size = float(np.abs(y * seed).sum() + np.abs(x * gradient).sum())
    assert abs(float((y * seed).sum()) - float((gradient * x).sum())) <= 1e-5 * size + 1e-6


def random_window(rng, operator):
    kernel, strides = rng.integers(1, 4, 2).tolist(), rng.integers(1, 4, 2).tolist()
    options = {"strides": strides}
    if operator == "AveragePool":
        options |= {
            "kernel_shape": kernel,
            "count_include_pad": int(rng.integers(2)),
            "ceil_mode": int(rng.integers(2)),
        }
    else:
        options |= {"dilations": rng.integers(1, 3, 2).tolist()}
    if rng.random() < 0.3:
        options["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    else:
        options["pads"] = [int(rng.integers(side)) for side in kernel * 2]
    return kernel, options


@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose", "AveragePool"])
def test_any_window(operator):
    """Kernels, strides, pads, dilations and rounding up in all combinations that ONNX Runtime takes."""
    rng, tried, refused = np.random.default_rng(0), 0, 0
    for _ in range(400):
        kernel, options = random_window(rng, operator)
        x = rng.standard_normal((1, 2, *rng.integers(3, 9, 2))).astype(np.float32)
        inputs, stored = ["x"], {}
        if operator != "AveragePool":
            inputs, stored = ["x", "w"], {"w": noise(2, 2, *kernel)}
        written = model(node(operator, *inputs, **options), x.shape, **stored)
        try:
            known = known_of(written, x)
        except Exception:  # of ONNX Runtime: no such window
            continue
        try:
            linear_identity(written, x, known)
        except GradientError:
            refused += 1
        tried += 1
    assert tried > 150
    assert refused < tried / 3


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pools(operator):
    check(model(node(operator, "x"), (1, 3, 4, 5)), noise(1, 3, 4, 5), batch=3)


def test_equal_maxima_share_the_gradient():
    x = np.array([[[[1, 3], [3, 0]]]], np.float32)
    written = model(node("GlobalMaxPool", "x"), x.shape)
    made = session(differentiate(written, "x", "y", known_of(written, x), RULES))
    (gradient,) = made.run([GRADIENT], {"x": x, SEED: np.ones((1, 1, 1, 1), np.float32)})
    np.testing.assert_array_equal(gradient, [[[[0, 0.5], [0.5, 0]]]])


REDUCTIONS = [
    *("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"),
    "ReduceLogSumExp",
]


@pytest.mark.parametrize("operator", REDUCTIONS)
@pytest.mark.parametrize("axes", [None, [1], [-1, 1], [0, 2]])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("opset", [17, 18])
def test_reductions(operator, axes, keepdims, opset):
    as_input = opset >= 18 or operator == "ReduceSum"
    stored = {"axes": np.array(axes)} if axes and as_input else {}
    attributes = {"axes": axes} if axes and not as_input else {}
    written = model(node(operator, "x", *stored, keepdims=keepdims, **attributes), (2, 3, 4), opset, **stored)
    check(written, noise(2, 3, 4), 5e-5)


def test_a_reduction_over_nothing():
    check(model(node("ReduceSum", "x", noop_with_empty_axes=1), (2, 3)), noise(2, 3))
