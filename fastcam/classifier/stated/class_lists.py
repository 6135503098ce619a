"""Class lists of the graph: operators of ONNX-ML that turn scores, or the number of the best class, into names.

As skl2onnx, WinMLTools, ML.NET and Azure Custom Vision write them. The names of `ZipMap` and of classifiers are those
of their scores' columns (https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html). A table counts if it is read at the
place of the largest score: classes are numbered from what `ArgMax` gives, as ML.NET's are from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcam.classifier.stated.evidence import NAMING, Evidence
from fastcam.classifier.stated.vendor import Clause, Names, Vendor
from fastcam.errors import InputError

if TYPE_CHECKING:
    import onnx

MOVING = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
MOST_STEPS = 32  # between a table and the best class


def _place(evidence: Evidence) -> str | None:
    return "graph" if evidence.naming_model is not None else None


def _labels(evidence: Evidence) -> list[Names]:
    assert evidence.naming_model is not None
    graph, found = _Values(evidence.naming_model.graph), list[Names]()
    for operator in NAMING:
        lists = [dict(NAMED[operator](graph, node)) for node in graph.nodes if node.op_type == operator]
        different = {tuple(sorted(names.items())) for names in lists if names}
        if len({len(names) for names in different}) < len(different):
            raise InputError(f"{len(different)} operators {operator} list different names, as of several outputs")
        for names in map(dict, different):
            if any(name != str(number) for number, name in names.items()):  # else they say nothing
                found.append(Names(names, place=f"graph ({operator})"))
    return found


class _Values:
    """Stored values of a graph, and the node behind each tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes = graph.node
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output if name}

    def value(self, name: str) -> list[Any] | None:
        """Return the stored values of a tensor, flat; None of one that is computed."""
        from onnx import numpy_helper

        node, tensor = self.producers.get(name), self.stored.get(name)
        if node is not None and node.op_type == "Constant":
            attributes = _attributes(node)
            tensor = attributes.pop("value", None)
            if tensor is None:
                return np.ravel(next(iter(attributes.values()))).tolist()
        if tensor is None or tensor.data_location == tensor.EXTERNAL:
            return None
        return numpy_helper.to_array(tensor).ravel().tolist()

    def offset(self, name: str) -> int | None:
        """Return the difference of a tensor to the number of the best class; None where it isn't one."""
        total = 0
        for _ in range(MOST_STEPS):
            node = self.producers.get(name)
            if node is None:
                return None
            if node.op_type == "ArgMax" or (node.op_type == "TopK" and list(node.output).index(name) == 1):
                return total
            if node.op_type in ("Add", "Sub"):
                first, second = (self.value(each) for each in node.input)
                constant = second if first is None else first
                if constant is None or len(constant) != 1 or (first is not None and node.op_type == "Sub"):
                    return None
                total += int(constant[0]) * (1 if node.op_type == "Add" else -1)
                name = node.input[0 if first is None else 1]
            elif node.op_type in MOVING:
                name = node.input[0]
            else:
                return None
        return None


def _columns(_: _Values, node: onnx.NodeProto) -> Iterator[tuple[int, str]]:
    """Yield the names of the scores' columns, text or numbers."""
    said = _attributes(node)
    given = (said.get(name) for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"))
    yield from _texts(next(filter(None, given), [])).items()


def _table(graph: _Values, node: onnx.NodeProto) -> Iterator[tuple[int, str]]:
    """Yield the names of an operator that reads a stored table at a place."""
    values, offset = graph.value(node.input[0]), graph.offset(node.input[1])
    if values is not None and offset is not None:
        yield from ((number - offset, name) for number, name in _texts(values).items() if number >= offset)


def _label_encoder(graph: _Values, node: onnx.NodeProto) -> Iterator[tuple[int, str]]:
    """Yield the names of an operator that turns keys into values, in its form of ONNX-ML 1, 2 or 4."""
    from onnx import numpy_helper

    said, offset = _attributes(node), graph.offset(node.input[0])
    keys, values = said.get("keys_int64s"), said.get("values_strings") or said.get("classes_strings")
    if "keys_tensor" in said and "values_tensor" in said:
        keys, values = (numpy_helper.to_array(said[name]).ravel().tolist() for name in ("keys_tensor", "values_tensor"))
    if offset is None or not values:
        return
    keys = range(len(values)) if "classes_strings" in said else keys or []
    for key, name in zip(keys, _texts(values).values(), strict=True):
        if isinstance(key, int) and key >= offset:
            yield key - offset, name


NAMED = {
    "ZipMap": _columns,
    "ArrayFeatureExtractor": _table,
    "LabelEncoder": _label_encoder,
    "LinearClassifier": _columns,
    "SVMClassifier": _columns,
}


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    from onnx.helper import get_attribute_value

    return {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}


def _texts(values: list[Any]) -> Mapping[int, str]:
    decoded = (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values)
    return dict(enumerate(decoded))


VENDOR = Vendor("class lists in the graph", Clause(_place, _labels))
