"""One exact head in files of every kind: opsets, order of the nodes, functions, branches, shapes that are computed."""

from functools import partial

import numpy as np
from onnx import helper

from tests.zoo.case import GEMM, IMAGE, MAPS, POOLED, case, noise

HEAD = f"{POOLED} {GEMM}"
OPSETS = (7, 9, 12, 15, 19, 22, 24, 26)  # ONNX Runtime 1.31 reads 26 and no later one
MEANS = f"{MAPS} p = GlobalAveragePool(maps)"
SHAPED = f"q = Reshape(p, shape) {GEMM}"
BRANCH = (
    "logits = If(always)<then_branch = yes () => (float[N, 5] y) {{ y = Gemm<transB = 1>(q, {0}, b) }}, "
    "else_branch = no () => (float[N, 5] z) {{ z = Gemm<transB = 1>(q, {1}, b) }}>"
)


def reverse_nodes(model):
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def list_weights_as_inputs(model):
    """List stored tensors among the inputs, as files of IR version 3 and older must."""
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def make_weights_nodes(model):
    nodes = [
        helper.make_node("Constant", [], [tensor.name], value=tensor, name=f"constant_{tensor.name}")
        for tensor in model.graph.initializer
    ]
    del model.graph.initializer[:]
    nodes += list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def make_functions(model):
    """The activation and the whole head become functions of the model's own; the head's calls another one."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    activation, pool, flatten, gemm = list(model.graph.node)[1:]
    mean = helper.make_function("mine", "Mean", ["maps"], ["q"], [pool, flatten], opsets)
    call = helper.make_node("Mean", ["maps"], ["q"], domain="mine")
    head = helper.make_function("mine", "Head", ["maps", "w", "b"], ["logits"], [call, gemm], opsets)
    relu = helper.make_function("mine", "Activation", ["f"], ["maps"], [activation], opsets)
    del model.graph.node[1:]
    model.graph.node.append(helper.make_node("Activation", ["f"], ["maps"], domain="mine"))
    model.graph.node.append(helper.make_node("Head", ["maps", "w", "b"], ["logits"], domain="mine"))
    model.functions.extend([mean, head, relu])
    model.opset_import.append(helper.make_opsetid("mine", 1))


def rename_as_frameworks_do(model):
    names = {"image": "serving_default/x:0", "f": "conv.1/f", "maps": "conv.1/Relu:0", "w": "fc.weight", "b": "fc.bias"}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.initializer):
        value.name = names.get(value.name, value.name)


def forget_shapes(model):
    """Nothing is said of the output's sides, nor of the number of images."""
    for side in (*model.graph.output[0].type.tensor_type.shape.dim, model.graph.input[0].type.tensor_type.shape.dim[0]):
        side.Clear()


# name → (all nodes, options of `case`)
MODELS = {
    "nodes-out-of-order": (HEAD, {"change": reverse_nodes}),
    "weights-listed-as-inputs": (HEAD, {"change": list_weights_as_inputs}),
    "weights-of-constant-nodes": (HEAD, {"change": make_weights_nodes}),
    "functions": (HEAD, {"change": make_functions}),
    "names-with-slashes-and-colons": (
        HEAD,
        {"change": rename_as_frameworks_do, "feature_maps": ("conv.1/Relu:0",)},
    ),
    "shapes-left-unsaid": (HEAD, {"change": forget_shapes}),
    "branch-that-is-always-taken": (
        f"{POOLED} {BRANCH.format('w', 'w2')}",
        {"stored": {"always": np.array(True), "w2": noise(81, 5, 7)}},
    ),
    "branch-that-is-never-taken": (
        f"{POOLED} {BRANCH.format('w2', 'w')}",
        {"stored": {"always": np.array(False), "w2": noise(81, 5, 7)}},
    ),
    "shape-of-the-means": (
        f"{MEANS} s = Shape(p) n = Slice(s, zero, one) shape = Concat<axis = 0>(n, rest) {SHAPED}",
        {"stored": {"zero": [0], "one": [1], "rest": [-1]}},
    ),
    "shape-of-the-image": (
        f"{MEANS} s = Shape(image) zero = Constant<value_int = 0>() n = Gather(s, zero) u = Unsqueeze(n, axis) "
        f"shape = Concat<axis = 0>(u, rest) {SHAPED}",
        {"stored": {"axis": [0], "rest": [7]}},
    ),
    "shape-of-the-image-in-32-bits": (
        f"{MEANS} s = Shape(image) s32 = Cast<to = 6>(s) n = Slice(s32, zero, one) c32 = Concat<axis = 0>(n, rest) "
        f"shape = Cast<to = 7>(c32) {SHAPED}",
        {"stored": {"zero": [0], "one": [1], "rest": np.array([-1], np.int32)}},
    ),
    "nothing-but-identities-around": (
        f"image2 = Identity(image) {HEAD.replace('image', 'image2')} out = Identity(logits)",
        {"outputs": "float[N, 5] out", "inputs": IMAGE},
    ),
}

CASES = {
    **{f"graphs-opset-{opset}": partial(case, HEAD, opset=opset) for opset in OPSETS},
    **{f"graphs-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in MODELS.items()},
}
