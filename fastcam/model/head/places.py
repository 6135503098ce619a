"""Tensors that have places of the image by construction: made by windows, or element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import NodeProto

from fastcam.model.graph.graph import Graph
from fastcam.model.graph.quantization import PREFIXES

# A result of these has the places of its operands, whatever its values are.
ELEMENTWISE = frozenset(
    {"Abs", "Add", "BatchNormalization", "BiasGelu", "Cast", "Ceil", "Celu", "Clip", "Div", "Dropout"}
    | {"Elu", "Erf", "Exp", "FastGelu", "Floor", "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish"}
    | {"Identity", "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "Log", "LogSoftmax"}
    | {"LpNormalization", "Max", "Mean", "Min", "Mish", "Mul", "Neg", "PRelu", "Pad", "Pow", "QuickGelu"}
    | {"Reciprocal", "Relu", "Selu", "Sigmoid", "Sign", "SimplifiedLayerNormalization", "Slice", "Softmax"}
    | {"Softplus", "Softsign", "Split", "Sqrt", "Sub", "Sum", "Swish", "Tanh", "ThresholdedRelu", "Where"}
)
# These read windows of their input, which has to be a plane.
WINDOWS = ("Conv", "Pool", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth")


def planes(graph: Graph, image: str, shapes: Mapping[str, Sequence[int]]) -> Mapping[str, str]:
    """Return the order of axes of every tensor whose positions are places of the image by construction.

    They are handed on from the image by windows (convolution, pooling, resizing) and by what works element by element,
    until something else, as attention, mixes axes. "NCWH" and its like say that rows and columns have changed places;
    of tensors with more axes than the image, "NCHW" says that the last two are those of places.

    Parameters
    ----------
    image
        Order of the image's own axes, as "NCHW" or "NHWC".
    shapes
        Of tensors, as far as they are known.
    """
    found: dict[str, str] = {graph.image: image}
    padded = {node.output[0] for node in graph.nodes if node.op_type == "Pad"}
    for node in graph.nodes:
        made = _plane(graph, node, found, shapes)
        if made is not None:
            found.update((name, made) for name in node.output if name)
    # Of what was padded the places are shifted, until the next window takes the padding in.
    return {name: plane for name, plane in found.items() if name not in padded}


def _plane(graph: Graph, node: NodeProto, found: Mapping[str, str], shapes: Mapping[str, Sequence[int]]) -> str | None:
    given = [found.get(name) for name in graph.data_inputs(node)]
    kind, known = node.op_type, {plane for plane in given if plane is not None}
    if len(known) != 1:
        return None
    (plane,) = known
    channels, rank = plane.index("C"), len(plane) - 2
    if any(part in kind for part in WINDOWS):
        return plane if channels == (rank + 1 if graph.attribute(node, "channels_last", 0) else 1) else None
    if kind == "Transpose":
        return _turned(graph.attribute(node, "perm"), plane)
    if kind == "Reshape":  # of channels into groups and back, as to shuffle them
        before, after = (tuple(shapes.get(name, ())) for name in (node.input[0], node.output[0]))
        keeps = channels == 1 and min(len(before), len(after)) >= len(plane) and before[-rank:] == after[-rank:]
        return plane if keeps and before[0] == after[0] else None
    if kind == "Concat":
        axis = graph.attribute(node, "axis")
        return plane if axis in (channels, channels - len(plane)) and None not in given else None
    if kind == "MatMul":  # a linear layer on the channels, where these are last
        return plane if channels == rank + 1 and len(given) == 1 and node.input[0] in found else None
    if kind.startswith("Reduce"):  # over the channels: a part of a normalisation
        return plane if graph.attribute(node, "keepdims", 1) else None
    plain = kind.removeprefix("QLinear")
    return plane if plain in ELEMENTWISE or kind.startswith(PREFIXES) else None


def _turned(perm: object, plane: str) -> str | None:
    if not isinstance(perm, list) or perm[0] != 0:
        return None
    if len(perm) == len(plane):
        return "".join(plane[axis] for axis in perm)
    rank = len(plane) - 2
    return plane if plane[1] == "C" and perm[-rank:] == [*range(len(perm))][-rank:] else None
