"""A plain CSV file with a header: a row for each box, or for an image without one.

Columns: path, label, x0, y0, x1, y1 (half-open, in the photo's pixels), and if there are any id, width, height, mask
and ignored. A label that is a whole number is the model's class. Box and mask of a row are of its label.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category
from fastcam.evaluate.data.draft import Draft, DraftBox, DraftImage, DraftMask
from fastcam.evaluate.data.text import as_index, number, read_rows, whole

CORNERS = ("x0", "y0", "x1", "y1")
NEEDED = ("path", "label", *CORNERS)
NAMES = (*NEEDED, "id", "width", "height", "mask", "ignored")


def read(path: Path, root: Path | None, columns: Mapping[str, str] | None = None) -> Draft:
    """Read a file; photos are in its folder, unless a root is given. `columns` has the names of columns in the file."""
    is_text = isinstance(columns, Mapping) and all(isinstance(name, str) for name in columns.values())
    if columns is not None and not is_text:
        raise InputError(f"columns: expected a mapping to text, such as {{'path': 'file'}}; got {columns!r}")
    if unknown := sorted(map(str, set(columns or ()) - set(NAMES))):
        raise InputError(f"columns: expected some of {', '.join(NAMES)}; got {', '.join(unknown)}")
    called = {name: name for name in NAMES} | dict(columns or {})
    images: dict[str, DraftImage] = {}
    for where, row in read_rows(path):
        if missing := [name for name in NEEDED if called[name] not in row]:
            like = {column.casefold(): column for column in row}
            hint = {name: like.get(name, "...") for name in missing}
            got = f"{', '.join(row)}, without {', '.join(called[name] for name in missing)}. Where they are called "
            raise InputError(
                f"{path}: expected the columns {', '.join(called[name] for name in NEEDED)}; got {got}otherwise, say "
                f"so: columns={hint}"
            )
        given = {name: row.get(called[name], "") for name in NAMES}
        _add(images, where, given)
    for image in images.values():
        _check_label(image)
    labels = {str(box.category): None for image in images.values() for box in image.boxes if box.category}
    labels |= {mask.category: None for image in images.values() for mask in image.masks if mask.category}
    labels |= {image.label: None for image in images.values() if image.label}
    indices = {label: as_index(label) for label in labels}
    keys = sorted(labels, key=lambda label: (indices[label] is None, indices[label] or 0, label))
    categories = [Category(key, key, indices[key]) for key in keys]
    return Draft("table", root or path.parent, list(images.values()), categories)


def _add(images: dict[str, DraftImage], where: str, row: Mapping[str, str]) -> None:
    """Add a row to its image."""
    if not row["path"]:
        raise InputError(f"{where}: expected a path; got none")
    key = row["id"] or row["path"]
    size = None
    if row["width"] or row["height"]:
        size = whole(f"{where}: height", row["height"]), whole(f"{where}: width", row["width"])
    image = images.setdefault(key, DraftImage(key, row["path"], where, size))
    if image.path != row["path"] or image.size != size:
        raise InputError(f"{where}: expected one file and size for the id {key!r}, as at {image.where}; got others")
    label, corners = row["label"] or None, [row[name] for name in CORNERS]
    if any(corners):
        x0, y0, x1, y1 = (number(f"{where}: {name}", row[name]) for name in CORNERS)
        image.boxes.append(DraftBox(label, (x0, y0, x1, y1), where))
    elif not row["mask"] and image.label not in (None, label):
        raise _two_classes(where, image.label, label)
    elif not row["mask"]:
        image.label = label
    if row["mask"]:
        image.masks.append(DraftMask(label, row["mask"], where))
    if row["ignored"]:
        image.ignore(row["ignored"], where)


def _check_label(image: DraftImage) -> None:
    """Check that rows without box and mask have the class of the others, or raise `InputError`."""
    for one in (*image.boxes, *image.masks):
        if image.label is not None and one.category != image.label:
            raise _two_classes(image.where, image.label, one.category)


def _two_classes(where: str, one: str | None, other: str | None) -> InputError:
    return InputError(
        f"{where}: expected one class of an image with a row that has neither box nor mask; got {one!r} and {other!r}"
    )
