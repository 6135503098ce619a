"""The metadata of wsolevaluation: image_ids.txt, class_labels.txt, image_sizes.txt, localization.txt.

https://github.com/clovaai/wsolevaluation. Boxes are x0, y0, x1 and y1, of which the last count, in the photo's pixels;
or there are masks, and for each image one of what is to be ignored. Class labels are the model's classes, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category
from fastcam.evaluate.data.draft import Draft, DraftBox, DraftImage, DraftMask
from fastcam.evaluate.data.text import number, read_lines, whole


def read(folder: Path, root: Path | None) -> Draft:
    """Read a folder; photos and masks are in it, unless a root is given."""
    images: dict[str, DraftImage] = {}
    for where, name in read_lines(folder / "image_ids.txt"):
        if name in images:
            raise InputError(f"{where}: expected each image id once; got {name!r} again")
        images[name] = DraftImage(name, name, where)
    for where, image, (label,) in _rows(folder / "class_labels.txt", images, 1):
        index = str(whole(where, label))
        if image.label not in (None, index):
            raise InputError(f"{where}: expected one class an image; got {image.label} and {index} for {image.id!r}")
        image.label, image.where = index, where
    if (folder / "image_sizes.txt").is_file():
        for where, image, (width, height) in _rows(folder / "image_sizes.txt", images, 2):
            image.size = whole(where, height), whole(where, width)
    for where, image, values in _rows(folder / "localization.txt", images, 4, 2):
        if len(values) == 4:
            x0, y0, x1, y1 = (number(where, value) for value in values)
            image.boxes.append(DraftBox(image.label, (x0, y0, x1 + 1, y1 + 1), where))
            continue
        image.masks.append(DraftMask(None, values[0], where))
        if values[1]:
            image.ignore(values[1], where)
    labels = sorted({int(image.label) for image in images.values() if image.label is not None})
    categories = [Category(str(label), str(label), label) for label in labels]
    return Draft("wsol", root or folder, list(images.values()), categories)


def _rows(path: Path, images: dict[str, DraftImage], *counts: int) -> Iterator[tuple[str, DraftImage, list[str]]]:
    """Yield the image and values of each line, after its place; a line has one of these counts of values."""
    for where, line in read_lines(path):
        for count in counts:
            name, *values = (part.strip() for part in line.rsplit(",", count))
            if len(values) == count and name in images:
                yield where, images[name], values
                break
        else:
            expected = " or ".join(map(str, counts))
            raise InputError(f"{where}: expected an id of image_ids.txt and {expected} values; got {line[:80]!r}")
