"""The model that a baked file was made of: its own operators, inputs and outputs, without those of the maps."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import replace
from typing import Any

from fastcam.model.file.source import Parsed
from fastcam.model.graph.graph import reads_of

MAPS, CLASS = "activation_maps", "class_index"  # what is added to a model that is baked
OUTPUTS, LOGITS = "fastcam.outputs", "fastcam.logits"  # keys of its metadata


def original_model(parsed: Parsed) -> Parsed:
    """Return the model that was baked, and the logits that its metadata name; any other model as it is."""
    said, body = {entry.key: entry.value for entry in parsed.model.metadata_props}, parsed.model.graph
    own = [value for value in body.output if value.name not in (MAPS, CLASS)]
    if not {OUTPUTS, LOGITS} <= said.keys() or not own or len(own) == len(body.output):
        return parsed
    makers = {name: node for node in body.node for name in node.output if name}
    needed, waiting = set[str](), [value.name for value in own]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += reads_of(makers[name]) if name in makers else ()
    _keep(body.node, [not needed.isdisjoint(node.output) for node in body.node])
    _keep(body.input, [value.name != CLASS for value in body.input])
    _keep(body.output, [value.name in needed for value in body.output])
    return replace(parsed, logits=said[LOGITS])


def _keep(values: MutableSequence[Any], kept: Sequence[bool]) -> None:
    for k in reversed(range(len(values))):
        if not kept[k]:
            del values[k]
