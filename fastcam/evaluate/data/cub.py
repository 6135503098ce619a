"""CUB-200-2011: images.txt, bounding_boxes.txt, image_class_labels.txt, train_test_split.txt, classes.txt.

Wah et al. 2011, "The Caltech-UCSD Birds-200-2011 Dataset". Boxes are x, y, width and height; classes count from 1.
"""

from __future__ import annotations

from pathlib import Path

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category
from fastcam.evaluate.data.draft import Draft, DraftBox, DraftImage
from fastcam.evaluate.data.text import as_index, number, read_lines, whole

SPLITS = {"train": "1", "test": "0"}


def read(folder: Path, root: Path | None, split: str | None = None) -> Draft:
    """Read a folder; photos are in its images, unless a root is given. `split` is "train", "test", or None for both."""
    if split is not None and split not in SPLITS:
        raise InputError(f"split: expected train or test, or nothing for both; got {split!r}")
    images = {key: DraftImage(key, path, where) for key, (where, path) in _table(folder / "images.txt", 1).items()}
    labels = _table(folder / "image_class_labels.txt", 1)
    boxes = _table(folder / "bounding_boxes.txt", 4)
    for name, table in (("image_class_labels.txt", labels), ("bounding_boxes.txt", boxes)):
        if unknown := sorted(set(table) - set(images)):
            raise InputError(f"{table[unknown[0]][0]}: expected an image of images.txt; got {unknown[0]!r} in {name}")
    for key, image in images.items():
        if key in labels:
            where, label = labels[key]
            image.label = str(whole(where, label))
        if key in boxes:
            where, values = boxes[key]
            x, y, width, height = (number(where, value) for value in values.split())
            image.boxes.append(DraftBox(image.label, (x, y, x + width, y + height), where))
    if split is not None:
        parts = _table(folder / "train_test_split.txt", 1)
        for key in images:
            where, part = parts.get(key, (str(folder / "train_test_split.txt"), "none"))
            if part not in SPLITS.values():
                raise InputError(f"{where}: expected {' or '.join(SPLITS.values())} for image {key}; got {part}")
        images = {key: image for key, image in images.items() if parts[key][1] == SPLITS[split]}
    names = _table(folder / "classes.txt", 1) if (folder / "classes.txt").is_file() else {}
    keys = sorted({*names, *(image.label for image in images.values() if image.label is not None)}, key=int)
    categories = [Category(key, names.get(key, ("", key))[1], int(key) - 1) for key in keys]
    return Draft("cub", root or folder / "images", list(images.values()), categories)


def _table(path: Path, count: int) -> dict[str, tuple[str, str]]:
    """Return the place of each line and its text after its number, by that number; it has `count` values."""
    found: dict[str, tuple[str, str]] = {}
    for where, line in read_lines(path):
        key, *values = line.split(maxsplit=1)
        if len(values) != 1 or as_index(key) is None or (count > 1 and len(values[0].split()) != count):
            raise InputError(f"{where}: expected a number and {count} values; got {line[:80]!r}")
        if key in found:
            raise InputError(f"{where}: expected each number once; got {key} again")
        found[key] = where, values[0]
    return found
