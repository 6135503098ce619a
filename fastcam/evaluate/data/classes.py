"""The model's class of each category of the data."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from fastcam.arrays.scalars import is_whole
from fastcam.classifier.labels import read_labels
from fastcam.errors import InputError
from fastcam.evaluate.data.text import read_json, read_rows, whole


class Category(NamedTuple):
    """A category of the data: its key in the annotations, its name, and its class where the format defines one."""

    key: str
    name: str
    number: int | None = None


class ClassMap(NamedTuple):
    """The class of each category by its key: None where it is to have none, no key where nothing defines one.

    `unused` are names of a mapping that no category has.
    """

    class_index: dict[str, int | None]
    unused: tuple[str, ...] = ()


Classes = str | os.PathLike[str] | Sequence[str] | Mapping[Any, int | None]


def classes_of(categories: Sequence[Category], classes: Classes | None, count: int | None) -> ClassMap:
    """Return the class of each category: the data's own number, or by `classes`, as in `read_annotations`.

    Raises
    ------
    InputError
        Nothing defines which class a category is, a name that two classes have, or an index that the model lacks.
    """
    if classes is None:
        return ClassMap(_by_number(categories, count))
    unused: tuple[str, ...] = ()
    if isinstance(classes, str) and classes == "order":
        found: dict[str, int | None] = {c.key: n for n, c in enumerate(categories)}
    elif isinstance(classes, Mapping) or (isinstance(classes, str | os.PathLike) and classes != "imagenet"):
        mapping = classes if isinstance(classes, Mapping) else _read_mapping(Path(classes))
        found = _by_mapping(categories, mapping)
        known = {text for category in categories for text in (category.key, category.name)}
        unused = tuple(text for text in map(str, mapping) if text not in known)
    elif isinstance(classes, Sequence) and not isinstance(classes, bytes | bytearray | memoryview):
        names = read_labels(classes, 1000) if isinstance(classes, str) else tuple(map(str, classes))
        count = count or len(names)
        found = _by_name(categories, names)
    else:
        raise InputError(f"classes: expected names, a mapping, a path, 'imagenet', 'order' or None; got {classes!r}")
    for category in categories:
        index = found.get(category.key)
        if index is not None and not _is_class(index, count):
            limit = f"0 to {count - 1}, a class of the model" if count else "0 or more"
            raise InputError(f"classes: expected {limit}; got {index} for the category {category.name!r}")
    return ClassMap(found, unused)


def _is_class(index: int, count: int | None) -> bool:
    return 0 <= index < (count or 1 << 62)


def _by_number(categories: Sequence[Category], count: int | None) -> dict[str, int | None]:
    """Return classes by the data's own numbers."""
    numbers = {c.key: c.number for c in categories if c.number is not None}
    if not numbers:
        raise InputError(
            "classes: expected which class of the model each category is: the model's class names "
            "(Classifier.labels), 'imagenet', a mapping or the file of one, or 'order'; "
            f"got None, and the data doesn't say. Its categories: {some([c.name for c in categories])}"
        )
    return {key: number for key, number in numbers.items() if _is_class(number, count)}


def _by_mapping(categories: Sequence[Category], mapping: Mapping[Any, Any]) -> dict[str, int | None]:
    """Return classes by a mapping from keys or names."""
    given = _unique([(str(key), value) for key, value in mapping.items()])
    found: dict[str, int | None] = {}
    for category in categories:
        key = category.key if category.key in given else category.name
        if key not in given:
            continue
        value = given[key]
        if value is not None and not is_whole(value):
            raise InputError(f"classes: expected one class index for {category.name!r}, or None; got {value!r}")
        found[category.key] = None if value is None else int(value)
    return found


def _by_name(categories: Sequence[Category], names: Sequence[str]) -> dict[str, int | None]:
    """Return classes by name, as it is written or however capitalised and joined; by wnid too of ImageNet's names."""
    exact, plain = Counter(names), Counter(_plain(name) for name in names)
    places = {name: n for n, name in enumerate(names)}
    loose = {_plain(name): n for n, name in enumerate(names)}
    background = len(names) - 1000  # classes before ImageNet's own
    if background >= 0 and tuple(names[background:]) == read_labels("imagenet", 1000):
        wnids = (files("fastcam.data") / "imagenet_wnids.txt").read_text(encoding="ascii").split()
        places |= {wnid: n + background for n, wnid in enumerate(wnids)}
    found: dict[str, int | None] = {}
    for category in categories:
        key = category.key if category.key in places else category.name
        name = _plain(category.name)
        if exact[key] > 1 or (key not in places and plain[name] > 1):
            same = [n for n, other in enumerate(names) if _plain(other) == name]
            raise InputError(f"classes: {category.name!r} is the name of classes {same}; give a mapping to one of them")
        if key in places or name in loose:
            found[category.key] = places[key] if key in places else loose[name]
    return found


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _read_mapping(path: Path) -> dict[str, int | None]:
    """Read a mapping: a JSON object, or a CSV file with the columns category and class, empty for none."""
    if path.suffix.lower() == ".json":
        mapping = read_json(path, lambda pairs: _unique(pairs, str(path)))
        if not isinstance(mapping, dict):
            raise InputError(f"{path}: expected a JSON object from categories to class numbers")
        return mapping
    found: dict[str, int | None] = {}
    for where, row in read_rows(path):
        if not {"category", "class"} <= set(row):
            raise InputError(f"{where}: expected the columns category and class; got {', '.join(row)}")
        if row["category"] in found:
            raise InputError(f"{where}: expected each category once; got {row['category']!r} again")
        found[row["category"]] = whole(where, row["class"]) if row["class"] else None
    return found


def _unique(pairs: Sequence[tuple[str, Any]], where: str = "classes") -> dict[str, Any]:
    """Return pairs as a dict, or raise `InputError` where a key comes again."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(f"{where}: expected each category once; got {key!r} again")
        found[key] = value
    return found


def some(names: Sequence[str]) -> str:
    """Return the first few names in words."""
    return ", ".join(name[:40] for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
