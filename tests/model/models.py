"""Tiny ONNX models written in ONNX's text form, with weights from a seed."""

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, parser

IMAGE = "float[N, 3, 16, 16] image"
BACKBONE = "f = Conv<pads = [1, 1, 1, 1]>(image, k) maps = Relu(f)"
WEIGHTS = {"k": (6, 3, 3, 3), "w": (5, 6), "b": (5,)}


def build(body, inputs=IMAGE, outputs="float[N, 5] logits", opset=17, seed=0, **weights: Any):
    """A model's bytes from the text of its nodes; weights are arrays, or shapes to be filled at random."""
    return make(body, inputs, outputs, opset, seed, **weights).SerializeToString()


def make(body, inputs=IMAGE, outputs="float[N, 5] logits", opset=17, seed=0, **weights):
    """Return a model as a protobuf."""
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> g ({inputs}) => ({outputs}) {{ {body} }}'
    model = parser.parse_model(text)
    rng = np.random.default_rng(seed)
    for name, value in weights.items():
        array = rng.standard_normal(value).astype(np.float32) if isinstance(value, tuple) else np.asarray(value)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.checker.check_model(model)
    return model


def classifier(side=16, **changes):
    """Bytes of Conv → Relu → GlobalAveragePool → Flatten → Gemm, five classes of a square image."""
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    return build(body, inputs=f"float[N, 3, {side}, {side}] image", **{**WEIGHTS, **changes})


def red_finder(height, width):
    """Bytes of a model whose activation map of class 0 is the red channel of its input, pixel by pixel; one class."""
    return build(
        "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        inputs=f"float[N, 3, {height}, {width}] image",
        outputs="float[N, 2] logits",
        k=np.eye(3, dtype=np.float32)[:, :, None, None],
        w=np.array([[1, 0, 0], [0, 1, 0]], np.float32),
        b=np.array([0.5, -0.5], np.float32),
    )


def overflowing():
    """A model that is fine on the probes of discovery and overflows to infinity on white photos only."""
    body = (
        "g = GlobalMaxPool(image) limit = Constant<value_float = 1000.0>() over = Sub(g, limit) huge = Mul(over, s) "
        "bomb = Exp(huge) f = Conv(image, k) maps = Add(f, bomb) p = GlobalAveragePool(maps) q = Flatten(p) "
        "logits = Gemm<transB = 1>(q, w, b)"
    )
    return build(body, k=(3, 3, 1, 1), w=(5, 3), b=(5,), s=np.float32(1))


TOKENS = """
    f = Conv<strides = [4, 4]>(image, k) r = Reshape(f, to) t = Transpose<perm = [0, 2, 1]>(r)
    n = Shape<start = 0, end = 1>(image) ns = Concat<axis = 0>(n, rest) c = Expand(token, ns)
    maps = Concat<axis = 1>(c, t) u = Transpose<perm = [0, 2, 1]>(maps) s = MatMul(maps, u) p = Softmax(s)
    a = MatMul(p, maps) o = Add(maps, a) h = Gather<axis = 1>(o, first) logits = Gemm<transB = 1>(h, w, b)
"""


def class_token(body=TOKENS):
    """Bytes of a model with a class token, which reads the patches by attention."""
    return build(
        body,
        k=0.1 * np.random.default_rng(0).standard_normal((6, 3, 4, 4)).astype(np.float32),
        to=np.array([0, 6, 16]),
        rest=np.array([1, 6]),
        token=(1, 1, 6),
        first=np.array(0),
        w=(5, 6),
        b=(5,),
    )
