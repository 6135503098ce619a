"""Class names: bundled, from a file, or given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastcam.errors import InputError

NAMING = 'a list of names, {"0": "cat", ...}, {"cat": 0, ...} or {"id2label": ...}, for the classes 0, 1, 2, ...'
Labels = str | os.PathLike[str] | Iterable[str] | Mapping[Any, Any]


def read_labels(labels: Labels, classes: int) -> tuple[str, ...]:
    """One name a class.

    Parameters
    ----------
    labels
        "imagenet": the 1000 names in torchvision's order, with "background" before them for models of 1001 classes;
        the path of a text file with one name a line, or of a JSON file (.json) with a list of names, or a mapping of
        class numbers to names or the other way round, as Hugging Face's config.json has it; the names; or such a
        mapping.
    classes
        How many the model has.

    Raises
    ------
    InputError
        No such file, another number of names than classes, or a mapping that leaves a class out.

    Examples
    --------
    >>> read_labels("imagenet", 1001)[:2]
    ('background', 'tench')
    >>> read_labels({"1": "dog", "0": "cat"}, 2), read_labels({"dog": 1, "cat": 0}, 2)
    (('cat', 'dog'), ('cat', 'dog'))
    """
    if isinstance(labels, str | os.PathLike) and str(labels).lower().endswith(".json"):
        labels = _read_json(Path(labels))
    if isinstance(labels, Mapping):
        names = from_mapping(labels, "labels")
    elif isinstance(labels, str | os.PathLike):
        names = _read_lines(None if str(labels) == "imagenet" else Path(labels))
        if str(labels) == "imagenet" and classes == 1001:
            names.insert(0, "background")
    elif isinstance(labels, Iterable):
        names = [str(label) for label in labels]
    else:
        raise InputError(f"labels: expected 'imagenet', a text or JSON file, or the names; got {type(labels).__name__}")
    if len(names) != classes:
        hint = "; the model may count a background class first" if classes == len(names) + 1 else ""
        raise InputError(f"labels: expected {classes} names, one a class; got {len(names)}{hint}")
    return tuple(names)


def _read_lines(file: Path | None) -> list[str]:
    """Lines of a text file, or of the bundled one; each stands for a class, so none but the last may be empty."""
    source = files("fastcam.data") / "imagenet_classes.txt" if file is None else file
    try:
        lines = [line.strip() for line in source.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(f"labels: {file}: can't be read as text ({error})") from error
    if "" in lines:
        raise InputError(f"labels: {file}: expected a class name on every line; line {lines.index('') + 1} is empty")
    return lines


def _read_json(file: Path) -> Mapping[Any, Any] | list[str]:
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"labels: {file}: can't be read as JSON ({error})") from error
    if isinstance(value, dict):
        return from_mapping(value, f"labels: {file}")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InputError(f"labels: {file}: expected {NAMING}; got {json.dumps(value)[:80]}")
    return value


def from_mapping(mapping: Mapping[Any, Any], what: str) -> list[str]:
    """Return the names of classes 0, 1, 2, ... by a mapping of their numbers to names, or of names to numbers.

    The number may be text, as in JSON; of several names, as Keras has them (WordNet's number first), the last is taken.
    What else stands beside an "id2label" is passed over.

    Raises
    ------
    InputError
        It is none, or a class is missing or has two names; begins with `what`.
    """
    pairs = mapping["id2label"] if isinstance(mapping.get("id2label"), Mapping) else mapping
    if all(type(number) is int for number in pairs.values()):
        pairs = {number: name for name, number in pairs.items()} if len(set(pairs.values())) == len(pairs) else {}
    last = {key: value[-1] if isinstance(value, list | tuple) and value else value for key, value in pairs.items()}
    found = {int(key): name for key, name in last.items() if str(key).isascii() and str(key).isdigit()}
    is_whole = len(found) == len(pairs) > 0 and sorted(found) == list(range(len(found)))
    names = [found[index] for index in sorted(found)]
    if not is_whole or not all(isinstance(name, str) for name in names):
        raise InputError(f"{what}: expected {NAMING}; got {str(dict(mapping))[:80]}")
    return list(map(str, names))
