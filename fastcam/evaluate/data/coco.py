"""COCO's JSON of instances: https://cocodataset.org/#format-data. Boxes are x, y, width and height, half-open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category
from fastcam.evaluate.data.draft import Draft, DraftBox, DraftImage
from fastcam.evaluate.data.text import number, read_json, whole


def read(path: Path, root: Path | None) -> Draft:
    """Read a JSON file; its images are in its folder, unless a root is given."""
    data = read_json(path)
    images: dict[int, DraftImage] = {}
    for where, one in _entries(path, data, "images"):
        number_of = _value(where, one, "id")
        if number_of in images:
            raise InputError(f"{where}: expected each image id once; got {number_of} again")
        file, size = one.get("file_name"), None
        if not isinstance(file, str) or not file:
            raise InputError(f"{where}: expected a file_name; got {file!r}")
        if "width" in one and "height" in one:
            size = _value(where, one, "height"), _value(where, one, "width")
        images[number_of] = DraftImage(str(number_of), file, where, size)
    categories: dict[int, Category] = {}
    for where, one in _entries(path, data, "categories"):
        key = _value(where, one, "id")
        if key in categories:
            raise InputError(f"{where}: expected each category id once; got {key} again")
        categories[key] = Category(str(key), str(one.get("name", key)))
    for where, one in _entries(path, data, "annotations"):
        image, category = _value(where, one, "image_id"), _value(where, one, "category_id")
        if image not in images or category not in categories:
            raise InputError(f"{where}: expected an image and a category of this file; got {image} and {category}")
        box = one.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise InputError(f"{where}: expected a bbox of x, y, width and height; got {str(box)[:60]}")
        x, y, width, height = (number(where, value) for value in box)
        aside = "crowd" if one.get("iscrowd", 0) else None
        images[image].boxes.append(DraftBox(str(category), (x, y, x + width, y + height), where, aside))
    ordered = [categories[key] for key in sorted(categories)]
    return Draft("coco", root or path.parent, list(images.values()), ordered)


def _entries(path: Path, data: Any, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the entries of the list of that name, each after its place."""
    found = data.get(name) if isinstance(data, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{path}: expected COCO's JSON, with lists of images, annotations and categories; no {name}")
    return [(f"{path}: {name}[{n}]", one) for n, one in enumerate(found)]


def _value(where: str, one: dict[str, Any], name: str) -> int:
    if name not in one:
        raise InputError(f"{where}: expected {name}; it isn't there")
    return whole(f"{where}.{name}", one[name])
