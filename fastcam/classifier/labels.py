"""Class names: bundled, from a file, or given."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastcam.arrays.scalars import is_whole
from fastcam.classifier.documents import parse_json, parse_yaml, read_text
from fastcam.errors import InputError

NAMING = 'a list of names, {"0": "cat", ...}, {"cat": 0, ...} or {"id2label": ...}, for the classes 0, 1, 2, ...'
Labels = str | os.PathLike[str] | Iterable[str] | Mapping[Any, Any]
NESTED = ("id2label", "names")  # of Hugging Face's config.json, and of Ultralytics' data.yaml
NUMBERED = re.compile(r"(\d{1,9})(?:\s*:|\s)\s*(\S.*)")  # "0 cat", "0  cat" and "0: cat"
SYNSET = re.compile(r"n\d{8}\s+(\S.*)")  # "n01440764 tench, Tinca tinca"
LINE_ENDS = re.compile(r"\r\n|\r|\n")  # str.splitlines() parts names at \x0b, \x0c, \x1c to \x1e, \x85, \u2028 as well
# Headings of a table of classes.
NUMBERS = frozenset({"index", "id", "idx", "number", "class_index", "class_id", "label_index", "label_id"})
NAMES = frozenset({"name", "label", "class_name", "label_name", "display_name", "names", "labels", "class"})


def read_labels(labels: Labels, classes: int) -> tuple[str, ...]:
    """Return one name a class.

    Parameters
    ----------
    labels
        "imagenet": the 1000 names in torchvision's order, with "background" before them for models of 1001 classes;
        the path of a text file with one name a line, which all may follow their number ("0 cat") or that of a synset
        ("n01440764 tench"), of a CSV or TSV file with a column of names and perhaps one of numbers, or of a JSON or
        YAML file with a list of names, or a mapping of class numbers to names or the other way round, as Hugging Face's
        config.json and Ultralytics' data.yaml have it; the names; or such a mapping.
    classes
        How many the model has.

    Raises
    ------
    InputError
        No such file, or too large a one, another number of names than classes, or a mapping that leaves a class out.

    Examples
    --------
    >>> read_labels("imagenet", 1001)[:2]
    ('background', 'tench')
    >>> read_labels({"1": "dog", "0": "cat"}, 2), read_labels({"dog": 1, "cat": 0}, 2)
    (('cat', 'dog'), ('cat', 'dog'))
    """
    if isinstance(labels, set | frozenset | bytes | bytearray | memoryview):
        hint = "which has no order" if isinstance(labels, set | frozenset) else "which is no list of them"
        raise InputError(f"labels: expected the names in the order of classes; got {type(labels).__name__}, {hint}")
    if isinstance(labels, Mapping):
        names = from_mapping(labels, "labels")
    elif isinstance(labels, str | os.PathLike):
        names = _bundled(classes) if str(labels) == "imagenet" else _read(Path(labels))
    elif isinstance(labels, Iterable):
        names = [str(label) for label in labels]
    else:
        raise InputError(
            f"labels: expected 'imagenet', a text, CSV, JSON or YAML file, or the names; got {type(labels).__name__}"
        )
    if len(names) != classes:
        hint = "; the model may count a background class first" if classes == len(names) + 1 else ""
        raise InputError(f"labels: expected {classes} names, one a class; got {len(names)}{hint}")
    return tuple(names)


def _bundled(classes: int) -> list[str]:
    names = (files("fastcam.data") / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()
    return ["background", *names] if classes == 1001 else names


def _read(file: Path) -> list[str]:
    """Return the names in a file, by the ending of its own name."""
    what, ending = f"labels: {file}", file.suffix.lower()
    try:
        text = read_text(file)
        if ending in (".csv", ".tsv"):
            return parse_table(text, "\t" if ending == ".tsv" else ",")
        if ending not in (".json", ".yaml", ".yml"):
            return parse_lines(text)
        value = parse_json(text) if ending == ".json" else parse_yaml(text)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error
    if isinstance(value, dict):
        return from_mapping(value, what)
    return _listed(value, what)


def parse_lines(text: str) -> list[str]:
    """Return the names of lines, without the numbers 0, 1, 2, ... or those of synsets that all of them begin with.

    Lines stand for classes, so none but the last may be empty.

    Raises
    ------
    InputError
        A line is empty.

    Examples
    --------
    >>> parse_lines("1  dog\\n0  cat"), parse_lines("7 seater\\n0 cat"), parse_lines("n01440764 tench, Tinca tinca")
    (['cat', 'dog'], ['7 seater', '0 cat'], ['tench, Tinca tinca'])
    """
    lines = [line.strip() for line in LINE_ENDS.split(text.rstrip())]
    if "" in lines:
        raise InputError(f"expected a class name on every line; line {lines.index('') + 1} is empty")
    numbered = [match for line in lines if (match := NUMBERED.fullmatch(line))]
    by_number = {int(match[1]): match[2] for match in numbered}
    if len(numbered) == len(lines) and by_number.keys() == set(range(len(lines))):
        return [by_number[number] for number in range(len(lines))]
    synsets = [match[1] for line in lines if (match := SYNSET.fullmatch(line))]
    return synsets if len(synsets) == len(lines) else lines


def parse_table(text: str, delimiter: str = ",") -> list[str]:
    """Return the names of a table: its only column, or the one that is headed so, by the numbers of another.

    Raises
    ------
    InputError
        Which columns have names and numbers isn't clear, or the numbers aren't 0, 1, 2, ...

    Examples
    --------
    >>> parse_table("id,name\\n1,dog\\n0,cat"), parse_table("0,cat\\n1,dog"), parse_table("name\\ncat")
    (['cat', 'dog'], ['cat', 'dog'], ['cat'])
    """
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except csv.Error as error:
        raise InputError(f"can't be read as a table ({error})") from error
    heads = [cell.lower().replace(" ", "_") for cell in rows[0]] if rows else []
    numbers = [column for column, head in enumerate(heads) if head in NUMBERS]
    names = [column for column, head in enumerate(heads) if head in NAMES]
    if names:
        rows = rows[1:]
    elif len(heads) == 2 and not numbers:
        numbers = [column for column in (0, 1) if all(row[column:][:1] and row[column].isdecimal() for row in rows)]
        names = [1 - column for column in numbers]
    elif len(heads) == 1:
        names = [0]
    if len(names) != 1 or len(numbers) > 1 or any(len(row) <= max(names + numbers) for row in rows):
        raise InputError(
            "expected a table with a column of names, headed 'name' or 'label', and perhaps one of numbers, headed "
            f"'id' or 'index'; got {','.join(rows[0] if rows else [])[:80]!r}"
        )
    if not numbers:
        return [row[names[0]] for row in rows]
    return from_mapping({row[numbers[0]]: row[names[0]] for row in rows}, "the table")


def _listed(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InputError(f"{what}: expected {NAMING}; got {str(value)[:80]}")
    return value


def from_mapping(mapping: Mapping[Any, Any], what: str) -> list[str]:
    """Return the names of classes 0, 1, 2, ... by a mapping of their numbers to names, or of names to numbers.

    The number may be text, as in JSON; of several names, as Keras has them (WordNet's number first), the last is taken.
    What else stands beside an "id2label" or "names" is passed over.

    Raises
    ------
    InputError
        It is none, or a class is missing or has two names; begins with `what`.
    """
    inner = next((mapping[key] for key in NESTED if isinstance(mapping.get(key), Mapping | list)), mapping)
    if isinstance(inner, list):
        return _listed(inner, what)
    pairs = inner
    # YAML's numbers are text as well, so that names by number may be numbers themselves.
    are_texts = all(_is_number(number) for number in pairs.values()) and not all(_is_number(name) for name in pairs)
    if are_texts or all(is_whole(number) for number in pairs.values()):
        pairs = {number: name for name, number in pairs.items()} if len(set(pairs.values())) == len(pairs) else {}
    last = {key: value[-1] if isinstance(value, list | tuple) and value else value for key, value in pairs.items()}
    found = {int(key): name for key, name in last.items() if _is_number(key)}
    is_complete = len(found) == len(pairs) > 0 and sorted(found) == list(range(len(found)))
    names = [found[index] for index in sorted(found)]
    if not is_complete or not all(isinstance(name, str) for name in names):
        raise InputError(f"{what}: expected {NAMING}; got {str(dict(mapping))[:80]}")
    return list(map(str, names))


def _is_number(value: Any) -> bool:
    """Return whether a value is a whole number, or text of one, as in JSON and YAML."""
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10
    return is_digits or is_whole(value)
