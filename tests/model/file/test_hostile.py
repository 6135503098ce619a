"""Models that would take all the memory or time there is are given up, and said so."""

import numpy as np
import onnx
import pytest

import fastcam
from fastcam import ModelError
from fastcam.model.run import limits as limits
from tests.model.heads import GAP, B, K, W
from tests.model.models import build, make

HEAD = "q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
MANY = np.full(4, 40_000, np.int64)
BOMBS = {
    "tile": "t = Tile(maps, many) most = ReduceMax<keepdims = 0>(t)",
    "expand": "t = Expand(yes, many) most = ReduceMax<keepdims = 0>(t)",
    "constant-of-shape": "t = ConstantOfShape(many) most = ReduceMax<keepdims = 0>(t)",
    "resize": "none = Constant<value_floats = [1.0, 1.0, 40000.0, 40000.0]>() t = Resize(maps, , none) "
    "most = ReduceMax<keepdims = 0>(t)",
    "pad": "t = Pad(maps, pads) most = ReduceMax<keepdims = 0>(t)",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_few_nodes_that_ask_for_terabytes_are_refused_before_anything_runs(name):
    pads = np.array([0, 0, 10**6, 10**6, 0, 0, 0, 0], np.int64)
    body = f"{GAP} {BOMBS[name]} d = Add(p, most) {HEAD.replace('(p)', '(d)')}"
    used = {key: value for key, value in {"many": MANY, "pads": pads}.items() if f"{key})" in body}
    used |= {"yes": np.float32(1)} if "yes" in body else {}
    with pytest.raises(ModelError, match=r"would have .* elements for an input of shape .*expected at most 536870912"):
        fastcam.load(build(body, k=K, w=W, b=B, **used))


def endless():
    """A loop of 2^62 turns over the pooled maps."""
    model = make(f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(r, w, b)".replace("(r,", "(q,"), k=K, w=W, b=B)
    value, make_node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    body = onnx.helper.make_graph(
        [make_node("Identity", ["c"], ["d"]), make_node("Sin", ["x"], ["y"])],
        "body",
        [value("i", 7, []), value("c", 9, []), value("x", 1, None)],
        [value("d", 9, []), value("y", 1, None)],
    )
    arrays = {"count": np.array(1 << 62, np.int64), "yes": np.array(True)}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in arrays.items())
    model.graph.node[-1].input[0] = "r"
    model.graph.node.append(make_node("Loop", ["count", "yes", "q"], ["r"], body=body))
    return model.SerializeToString()


def test_a_loop_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 1.0)
    with pytest.raises(ModelError, match=r"looking for the head took more than 1 s, and was given up. .*Head\.load"):
        fastcam.load(endless())


def growing():
    """A loop that keeps what it made in each of a million turns: 1 MB a turn."""
    model = make(f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)", k=K, w=W, b=B)
    value, make_node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    body = onnx.helper.make_graph(
        [make_node("Identity", ["c"], ["d"]), make_node("Expand", ["most", "large"], ["y"])],
        "body",
        [value("i", 7, []), value("c", 9, [])],
        [value("d", 9, []), value("y", 1, None)],
    )
    arrays = {"count": np.array(10**6, np.int64), "yes": np.array(True), "large": np.array([1 << 18])}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in arrays.items())
    model.graph.node[-1].input[0] = "r"
    model.graph.node.append(make_node("ReduceMax", ["q"], ["most"], keepdims=0))
    model.graph.node.append(make_node("Loop", ["count", "yes"], ["all"], body=body))
    model.graph.node.append(make_node("ReduceMax", ["all"], ["highest"], keepdims=0))
    model.graph.node.append(make_node("Add", ["q", "highest"], ["r"]))
    return model.SerializeToString()


def test_a_model_that_takes_too_much_memory_is_given_up(monkeypatch):
    """The cost of a loop can't be known before it runs."""
    monkeypatch.setattr(limits, "MEMORY", 200 << 20)
    with pytest.raises(ModelError, match="looking for the head took more than 200 MB of memory, and was given up"):
        fastcam.load(growing())


def test_local_functions_that_double_are_refused_before_they_are_written_out():
    model = make(f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)", k=K, w=W, b=B)
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("mine", 1)]
    for level in range(40):
        inner = ("Relu", "") if level == 0 else (f"F{level - 1}", "mine")
        nodes = [onnx.helper.make_node(inner[0], [a], [b], domain=inner[1]) for a, b in (("x", "t"), ("t", "y"))]
        model.functions.append(onnx.helper.make_function("mine", f"F{level}", ["x"], ["y"], nodes, opsets))
    model.opset_import.append(opsets[1])
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    relu.op_type, relu.domain = "F39", "mine"
    with pytest.raises(ModelError, match=r"local functions amount to \d+ operators; expected at most 100000"):
        fastcam.load(model.SerializeToString())


def test_an_image_of_absurd_size():
    data = build(f"{GAP} {HEAD}", inputs="float[N, 3, 100000, 100000] image", k=K, w=W, b=B)
    with pytest.raises(ModelError, match=r"expected images of at most 67108864 values; the model's input is"):
        fastcam.load(data)


def test_a_batch_of_absurd_size():
    data = build(f"{GAP} {HEAD}", inputs="float[1000000, 3, 16, 16] image", k=K, w=W, b=B)
    with pytest.raises(ModelError, match="expected images of at most"):
        fastcam.load(data)
