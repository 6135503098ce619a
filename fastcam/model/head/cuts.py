"""Cuts of a classifier: tensors that all data flow passes, so that everything after is a function of one of them."""

from __future__ import annotations

from onnx import NodeProto, TensorProto

from fastcam.errors import HeadNotFoundError
from fastcam.model.graph.graph import SHAPE_OPS, Graph
from fastcam.model.graph.outputs import own_name

# Operators that choose among scores. What they choose from are the scores.
SELECTING = frozenset(
    {"ArgMax", "ArgMin", "TopK", "ZipMap", "ArrayFeatureExtractor", "LabelEncoder", "NonZero", "Hardmax"}
    | {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Round"}
)
RENAMING = frozenset({"Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})
LABELS = frozenset({TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.STRING, TensorProto.UNDEFINED})


def score_tensors(graph: Graph, output: str | None = None) -> dict[str, str]:
    """Return tensors that may hold class scores, each with the output that it is behind.

    Outputs that give labels or the best few scores stand for what these are chosen from; an output that another one
    is computed from (an embedding, feature maps, logits beside probabilities) counts only if the caller names it.
    Of a baked model it is those that are computed from the logits that it was baked for.

    Raises
    ------
    HeadNotFoundError
        No output of that name, or none that depends on the image.
    """
    if output is not None and output not in graph.outputs:
        raise HeadNotFoundError(
            f"output: expected one of the model's outputs {list(graph.outputs)}; got {output!r}",
            candidates=graph.outputs,
        )
    found: dict[str, str] = {}
    for name in graph.outputs if output is None else (output,):
        for score in _scores_behind(graph, name):
            found.setdefault(score, name)
    first = {_renamed(graph, score): score for score in reversed(found)}
    upstream = {score: _upstream(graph, score) for score in first.values()}
    inner = {name for name, score in first.items() if any(name in up for s, up in upstream.items() if s != score)}
    found = {score: found[score] for name, score in reversed(first.items()) if name not in inner}
    if output is None and graph.parsed.logits:
        baked = own_name(graph, graph.parsed.logits)
        found = {score: name for score, name in found.items() if baked in _upstream(graph, score)} or found
    if not found:
        raise HeadNotFoundError(f"none of the outputs {list(graph.outputs)} is computed from the image")
    return found


def find_cuts(graph: Graph, end: str) -> list[str]:
    """Return the tensors that every path from the image to `end` crosses, in order, both ends included.

    One sweep over the sorted graph: a tensor is live from the node that makes it to the last that reads it, and where a
    single tensor is live, it is a cut (a dominator). Shape arithmetic is no path: it carries no values of the image.
    """
    upstream = _upstream(graph, end)
    nodes = [
        node
        for node in graph.nodes
        if node.op_type not in SHAPE_OPS and any(name in upstream and name in graph.data for name in node.output)
    ]
    uses = {end: 1}
    for node in nodes:
        for name in graph.data.intersection(graph.reads(node)):
            uses[name] = uses.get(name, 0) + 1
    live, found = {graph.image}, [graph.image]
    for node in nodes:
        for name in graph.data.intersection(graph.reads(node)):
            uses[name] -= 1
            if not uses[name]:
                live.discard(name)
        live.update(name for name in node.output if uses.get(name) and name in graph.data)
        if len(live) == 1 and (only := next(iter(live))) != found[-1]:
            found.append(only)
    return found


def _scores_behind(graph: Graph, output: str) -> list[str]:
    """Return the tensors that an output is chosen from, or the output itself where it holds scores."""
    kinds = {value.name: value.type.tensor_type.elem_type for value in graph.model.graph.output}
    found: list[str] = []
    waiting, seen = [(output, kinds.get(output, TensorProto.UNDEFINED) in LABELS)], set()
    while waiting:
        name, is_label = waiting.pop()
        node = graph.producers.get(name)
        if node is None or name in seen or name not in graph.data:
            continue
        seen.add(name)
        if node.op_type in SELECTING:
            waiting += [(source, _takes_number(node, source)) for source in graph.data_inputs(node)]
        elif is_label:
            waiting += [(source, True) for source in graph.data_inputs(node)]
        else:
            found.append(name)
    return found or ([output] if output in graph.data and output in graph.producers else [])


def _takes_number(node: NodeProto, source: str) -> bool:
    """Return whether a selecting operator takes the number of a class from a tensor, to look its name up."""
    return node.op_type == "LabelEncoder" or (node.op_type == "ArrayFeatureExtractor" and source == node.input[1])


def _renamed(graph: Graph, tensor: str) -> str:
    """Return the tensor that this one is under another name or shape."""
    node = graph.producers.get(tensor)
    while node is not None and node.op_type in RENAMING and node.input[0] in graph.producers:
        tensor = node.input[0]
        node = graph.producers[tensor]
    return tensor


def _upstream(graph: Graph, end: str) -> set[str]:
    """Return the tensors that `end` is computed from, itself included; not through shape arithmetic."""
    found, waiting = set(), [end]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        node = graph.producers.get(name)
        if node is not None and node.op_type not in SHAPE_OPS:
            waiting += graph.reads(node)
    return found
