"""Tensors that have places of the image by construction: made by windows, or element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from onnx import NodeProto

from fastcam.model.graph import Graph
from fastcam.model.quantised import PREFIXES

Plane = Literal["NCHW", "NHWC"]

TURNS: Mapping[tuple[Plane, tuple[int, ...]], Plane] = {
    ("NCHW", (0, 2, 3, 1)): "NHWC",
    ("NHWC", (0, 3, 1, 2)): "NCHW",
}
# A result of these has the places of its operands, whatever its values are.
ELEMENTWISE = frozenset(
    {"Abs", "Add", "BatchNormalization", "BiasGelu", "Cast", "Ceil", "Celu", "Clip", "Div", "Dropout", "Elu", "Erf"}
    | {"Exp", "FastGelu", "Floor", "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish", "Identity", "LRN"}
    | {
        "InstanceNormalization",
        "LayerNormalization",
        "LeakyRelu",
        "Log",
        "LogSoftmax",
        "LpNormalization",
        "Max",
        "Mean",
    }
    | {"Min", "Mish", "Mul", "Neg", "PRelu", "Pad", "Pow", "QuickGelu", "Reciprocal", "Relu", "Selu", "Sigmoid"}
    | {"Sign", "SimplifiedLayerNormalization", "Slice", "Softmax", "Softplus", "Softsign", "Split", "Sqrt", "Sub"}
    | {"Sum", "Swish", "Tanh", "ThresholdedRelu", "Where"}
)
# These read windows of their input, which has to be a plane, channels first.
WINDOWS = ("Conv", "Pool", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth")


def planes(graph: Graph, image: Plane, shapes: Mapping[str, Sequence[int]]) -> Mapping[str, Plane]:
    """Order of the axes of every tensor whose positions are places of the image by construction.

    They are handed on from the image by windows (convolution, pooling, resizing) and by what works element by element,
    until something else, as attention, mixes axes; a window of two rows and two columns or more says that its input is
    a plane again. Of tensors with more than four axes, "NCHW" says that the last two are those of places.

    Parameters
    ----------
    image
        Order of the image's own axes.
    shapes
        Of tensors, as far as they are known.
    """
    found: dict[str, Plane] = {graph.image: image}
    padded = {node.output[0] for node in graph.nodes if node.op_type == "Pad"}
    for node in graph.nodes:
        made = _plane(graph, node, found, shapes)
        if made is not None:
            found.update((name, made) for name in node.output if name)
    # What was padded has places again behind the next window only: its own are shifted.
    return {name: plane for name, plane in found.items() if name not in padded}


def _plane(
    graph: Graph, node: NodeProto, found: Mapping[str, Plane], shapes: Mapping[str, Sequence[int]]
) -> Plane | None:
    given: list[Plane | None] = [found.get(name) for name in graph.data_inputs(node)]
    plane: Plane | None = None
    for one in given:
        if one is not None and plane not in (None, one):
            return None
        plane = plane or one
    if not given:
        return None
    kind = node.op_type
    if any(part in kind for part in WINDOWS):
        return _behind_window(graph, node, plane)
    if plane is None:
        return None
    if kind == "Transpose":
        return _turned(graph.attribute(node, "perm"), plane)
    if kind == "Reshape":  # of channels into groups and back, as to shuffle them
        before, after = (tuple(shapes.get(name, ())) for name in (node.input[0], node.output[0]))
        keeps = plane == "NCHW" and min(len(before), len(after)) >= 4 and before[-2:] == after[-2:]
        return plane if keeps and before[0] == after[0] else None
    if kind == "Concat":
        axis = graph.attribute(node, "axis")
        return plane if axis in ((1, -3) if plane == "NCHW" else (3, -1)) and None not in given else None
    if kind == "MatMul":  # a linear layer on the channels, where these are last
        return plane if plane == "NHWC" and len(graph.data_inputs(node)) == 1 and node.input[0] in found else None
    if kind.startswith("Reduce"):  # over the channels: a part of a normalisation
        return plane if graph.attribute(node, "keepdims", 1) else None
    plain = kind.removeprefix("QLinear")
    return plane if plain in ELEMENTWISE or kind.startswith(PREFIXES) else None


def _turned(perm: object, plane: Plane) -> Plane | None:
    if not isinstance(perm, list):
        return None
    last = len(perm) - 1
    return "NCHW" if plane == "NCHW" and perm[-2:] == [last - 1, last] else TURNS.get((plane, tuple(perm)))


def _behind_window(graph: Graph, node: NodeProto, plane: Plane | None) -> Plane | None:
    if graph.attribute(node, "channels_last", 0):
        return plane if plane == "NHWC" else None
    sides = graph.attribute(node, "kernel_shape")
    if not isinstance(sides, list) and len(node.input) > 1 and node.input[1] in graph.initializers:
        sides = list(graph.initializers[node.input[1]].dims[2:])
    is_window = isinstance(sides, list) and len(sides) == 2 and min(sides) > 1
    return "NCHW" if plane == "NCHW" or is_window else None
