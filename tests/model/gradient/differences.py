"""Gradients held against differences: by ONNX's own reference implementation in float64.

Where that is wrong or coarse (it has float32 in its Erf, and errors in a few others), a formula in NumPy takes its
place; what is linear is held against ONNX Runtime's own operator.
"""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from fastcam.model.gradient.rules import RULES
from fastcam.model.gradient.tape import GRADIENT, SEED, Known, differentiate


def model(nodes: Any, shape: Any, opset: Any = 17, **stored: Any):
    """x of that shape, its first side open, to y."""
    graph = helper.make_graph(
        [nodes] if isinstance(nodes, onnx.NodeProto) else nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def node(operator, *inputs, **attributes):
    """Return a node that makes y."""
    return helper.make_node(operator, list(inputs), ["y"], **attributes)


def noise(*shape, seed=0, positive=False):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return np.abs(values) + 0.3 if positive else values


def session(written) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # threads that spin cost more than these tiny models
    return ort.InferenceSession(written.SerializeToString(), options)


def known_of(written, x):
    """Shapes and dtypes as a run of the model tells them."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(written)
    names = list(dict.fromkeys(name for one in written.graph.node for name in one.output if name))
    del exposed.graph.output[:]
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    values = dict(zip(names, session(exposed).run(None, {"x": x}), strict=True)) | {"x": x}
    return {name: Known(value.shape, value.dtype) for name, value in values.items()}


def by_reference(written) -> Any:
    """The model as a function in float64."""
    wide = onnx.ModelProto()
    wide.CopyFrom(written)
    for value in (*wide.graph.input, *wide.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for tensor in wide.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    evaluator = ReferenceEvaluator(wide)
    run: Any = evaluator.run
    return lambda x: run(None, {"x": x})[0]


def by_onnxruntime(written):
    """Compare in float32, for linear operators, whose differences over large steps are exact."""
    run = session(written).run
    return lambda x: run(None, {"x": x.astype(np.float32)})[0].astype(np.float64)


def check(written, x, tolerance=2e-5, batch=None, forward=None, step=1e-5):
    """The gradient of a random sum of y, in eight directions; of a batch, that it is the same for each item alone."""
    rng = np.random.default_rng(1)
    x = np.asarray(x, np.float32)
    plain = session(written).run(None, {"x": x})[0]
    seed = rng.standard_normal(plain.shape).astype(np.float32)
    made = session(differentiate(written, "x", "y", known_of(written, x), RULES))
    result, gradient = made.run(["y", GRADIENT], {"x": x, SEED: seed})
    np.testing.assert_allclose(result, plain, rtol=1e-5, atol=1e-6)
    assert gradient.shape == x.shape
    forward = forward or by_reference(written)

    def value(at):
        return float((forward(at) * seed).sum())

    for k in range(8):
        way = rng.standard_normal(x.shape) if k % 2 else (np.arange(x.size) == rng.integers(x.size)).reshape(x.shape)
        way = way.astype(np.float64)
        expected = (value(x + step * way) - value(x - step * way)) / (2 * step)
        got = float((gradient.astype(np.float64) * way).sum())
        assert abs(got - expected) <= tolerance * max(1.0, np.abs(gradient).max() * np.sqrt((way**2).sum()))
    if batch:
        many = rng.standard_normal((batch, *x.shape[1:])).astype(np.float32)
        seeds = rng.standard_normal((batch, *seed.shape[1:])).astype(np.float32)
        (together,) = made.run([GRADIENT], {"x": many, SEED: seeds})
        for k in range(batch):
            (alone,) = made.run([GRADIENT], {"x": many[k : k + 1], SEED: seeds[k : k + 1]})
            np.testing.assert_allclose(together[k : k + 1], alone, rtol=1e-4, atol=1e-5)
