"""Tensors that every path crosses, and outputs that hold scores."""

import numpy as np
import onnx
import pytest

import fastcam
from fastcam.model.file.source import parse, read_source
from fastcam.model.graph.graph import Graph
from fastcam.model.head.cuts import find_cuts, score_tensors
from tests.model.models import BACKBONE, WEIGHTS, make

K = {"k": WEIGHTS["k"]}


def graph_of(body, outputs="float[N, 6] out", change=None, **weights):
    model = make(body, outputs=outputs, **weights)
    if change:
        change(model)
    return Graph.of(parse(read_source(model.SerializeToString())))


def test_a_chain_is_cuts_from_end_to_end():
    graph = graph_of(f"{BACKBONE} p = GlobalAveragePool(maps) out = Flatten(p)", **K)
    assert find_cuts(graph, "out") == ["image", "f", "maps", "p", "out"]


def test_what_a_branch_goes_around_is_no_cut():
    graph = graph_of(f"{BACKBONE} g = Sigmoid(f) s = Add(maps, g) p = GlobalAveragePool(s) out = Flatten(p)", **K)
    assert find_cuts(graph, "out") == ["image", "f", "s", "p", "out"]


def test_shapes_are_no_path():
    body = (
        f"{BACKBONE} p = GlobalAveragePool(maps) s = Shape(image) zero = Constant<value_ints = [0]>() "
        "n = Gather(s, zero) rest = Constant<value_ints = [-1]>() shape = Concat<axis = 0>(n, rest) out = Reshape(p, shape)"
    )
    assert find_cuts(graph_of(body, **K), "out") == ["image", "f", "maps", "p", "out"]


def test_what_the_body_of_an_if_captures_is_read():
    body = (
        f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) g = GlobalMaxPool(f) r = Flatten(g) "
        "yes = Constant<value = bool {1}>() "
        "out = If (yes) <then_branch = a () => (float[N, 6] x) { x = Add(q, r) }, "
        "else_branch = b () => (float[N, 6] y) { y = Identity(q) }>"
    )
    assert find_cuts(graph_of(body, **K), "out") == ["image", "f", "out"]


def test_the_order_of_the_file_does_not_matter():
    def reverse(model):
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    graph = graph_of(f"{BACKBONE} p = GlobalAveragePool(maps) out = Flatten(p)", change=reverse, **K)
    assert find_cuts(graph, "out") == ["image", "f", "maps", "p", "out"]


OUTPUTS = {
    "probabilities beside logits": (
        "p = Softmax(out)",
        "float[N, 6] out, float[N, 6] p",
        {"p": "p"},
    ),
    "a label": ("label = ArgMax(out)", "int64[N, 1] label", {"out": "label"}),
    "a label and what it is chosen from": (
        "p = Softmax(out) label = ArgMax(p)",
        "int64[N, 1] label, float[N, 6] p",
        {"p": "label"},
    ),
    "the best": (
        "one = Constant<value_ints = [1]>() best, which = TopK(out, one)",
        "float[N, 1] best, int64[N, 1] which",
        {"out": "best"},
    ),
    "over a half": (
        "half = Constant<value_float = 0.5>() p = Sigmoid(out) over = Greater(p, half)",
        "bool[N, 6] over",
        {"p": "over"},
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_scores_are_what_labels_are_chosen_from(name):
    behind, outputs, expected = OUTPUTS[name]
    graph = graph_of(f"{BACKBONE} q = GlobalAveragePool(maps) out = Flatten(q) {behind}", outputs, **K)
    assert score_tensors(graph) == expected


def test_an_output_that_is_asked_for():
    body = f"{BACKBONE} q = GlobalAveragePool(maps) e = Flatten(q) out = MatMul(e, w)"
    graph = graph_of(body, "float[N, 6] e, float[N, 4] out", w=(6, 4), **K)
    assert score_tensors(graph) == {"out": "out"}
    assert score_tensors(graph, "e") == {"e": "e"}
    with pytest.raises(fastcam.HeadNotFoundError, match=r"output: expected one of .*\['e', 'out'\]; got 'x'"):
        score_tensors(graph, "x")


def test_an_output_that_no_image_reaches():
    def constant(model):
        model.graph.node.append(onnx.helper.make_node("Constant", [], ["out"], value_floats=np.ones(6)))

    body = f"{BACKBONE} q = GlobalAveragePool(maps)"
    model = make(body, outputs="float[N, 6, 1, 1] q", **K)
    constant(model)
    model.graph.output[0].name = "out"
    with pytest.raises(fastcam.HeadNotFoundError, match=r"none of the outputs \['out'\] is computed from the image"):
        fastcam.load(model.SerializeToString())
