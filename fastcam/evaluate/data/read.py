"""Annotations of photos, in the formats that the field uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.data import coco, cub, ilsvrc, table, voc, wsol
from fastcam.evaluate.data.annotations import Annotations
from fastcam.evaluate.data.check import assembled
from fastcam.evaluate.data.classes import Classes, classes_of
from fastcam.evaluate.data.draft import Draft
from fastcam.evaluate.data.text import read_lines

FORMATS = ("coco", "voc", "ilsvrc", "wsol", "cub", "table")
WITH_SPLITS = ("voc", "cub")


def read_annotations(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    root: str | os.PathLike[str] | None = None,
    classes: Classes | None = None,
    class_count: int | None = None,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
    strict: bool = True,
    verify: bool = True,
) -> Annotations:
    """Read the photos, classes and boxes of a data set.

    Parameters
    ----------
    path
        "coco": COCO's JSON of instances. "voc": a folder of Pascal VOC, with Annotations and JPEGImages, or of XML.
        "ilsvrc": a folder of ILSVRC's XML files, or `LOC_val_solution.csv`. "wsol": a folder of wsolevaluation's
        metadata (image_ids.txt and others). "cub": CUB-200-2011. "table": a CSV file with the columns path, label, x0,
        y0, x1 and y1 (half-open, in pixels), and if need be id, width, height, mask and ignored; a row for each box.
        Masks are images without an alpha channel, of the photo's size as it is shown or scaled; the object is where a
        grey value, an index in a palette or any colour isn't 0.
    format
        One of these names; None: what the path looks like.
    root
        The folder that paths begin in; None: where the format has its photos, which is beside the annotations. Paths
        that are absolute are read if they lie below it.
    classes
        Which class of the model each category is: the model's class names (`Classifier.labels`), by which ImageNet's
        wnids are known as well; "imagenet"; a mapping from categories, by name or id, to class indices, or the path of
        a JSON object or a CSV file (category,class) that is one, None or empty for a category that is to be left out;
        or "order", 0, 1, 2, ... as the data has them. None: the data's own class numbers. Names of a mapping that no
        category has are listed in `Annotations.problems`.
    class_count
        How many classes the model has, so that others are refused; known if `classes` are names.
    split
        Of "voc" the name of a list in ImageSets/Main; of "cub" "train" or "test".
    columns
        Of "table", what a column is called in the file: {"path": "file"}.
    strict
        True: a box that is inverted, has no area or sticks out of the image, a photo of another size than the
        annotations say, a mask of other proportions than its photo, and a category without a class are errors, and so
        is a class number of the data that the model lacks. False: they are left out and listed in
        `Annotations.problems`. Up to one pixel outside is how formats round, and is cut off. Images without label, box
        or readable file are listed either way, and boxes that the format sets aside ("crowd", "difficult").
    verify
        True: the headers of each photo and mask are read, to see that they are there, and their sizes. False: none is
        touched.

    Returns
    -------
    Annotations
        At least one image, in the order of the data.

    Raises
    ------
    InputError
        A file that can't be read or isn't what its format says, with the line; an empty data set; an id or a file that
        comes twice, or two files for one id; a path that leads out of the root folder; in `classes` an index that the
        model lacks, or a name of two classes; an option of another type; and with `strict` what is said there.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "boxes.csv"
    ...     _ = file.write_text("path,label,x0,y0,x1,y1\\na.jpg,cat,0,0,9,9\\na.jpg,dog,3,4,5,6\\nb.jpg,dog,,,,\\n")
    ...     found = read_annotations(file, classes=["dog", "cat"], verify=False)
    >>> found.ids, found.box_class, found.offsets
    (('a.jpg',), array([1, 0]), array([0, 2]))
    >>> [(problem.id, problem.reason) for problem in found.problems]
    [('b.jpg', 'no box')]
    """
    for name, value in (("path", path), ("root", root), ("split", split)):
        if not isinstance(value, str | os.PathLike) and (value is not None or name == "path"):
            raise InputError(f"{name}: expected text or a path; got {value!r}")
    place = Path(path)
    if not os.path.exists(place):
        raise InputError(f"{path}: no such file or folder; expected annotations")
    if format is not None and format not in FORMATS:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}; got {format!r}")
    if root is not None and not os.path.isdir(root):
        raise InputError(f"root: expected a folder; got {root}")
    if class_count is not None and (not is_whole(class_count) or class_count < 1):
        raise InputError(f"class_count: expected 1 class or more, or None; got {class_count!r}")
    known = format or detected(place)
    for name, value, ok in (("split", split, WITH_SPLITS), ("columns", columns, ("table",))):
        if value is not None and known not in ok:
            raise InputError(f"{name}: expected only with the format {' or '.join(ok)}; this is {known}")
    draft = _read(known, place, None if root is None else Path(root), split, columns)
    if not draft.images:
        raise InputError(f"{path}: expected at least one image; the data set is empty")
    return assembled(draft, classes_of(draft.categories, classes, class_count), strict=strict, verify=verify)


def detected(path: Path) -> str:
    """Return the format of a file or folder, by its name and what is in it.

    Raises
    ------
    InputError
        It looks like no format.
    """
    if path.is_dir():
        if (path / "image_ids.txt").is_file():
            return "wsol"
        if (path / "images.txt").is_file() and (path / "bounding_boxes.txt").is_file():
            return "cub"
        return "ilsvrc" if voc.is_ilsvrc(voc.xml_files(path)) else "voc"
    if path.suffix.lower() == ".json":
        return "coco"
    if path.suffix.lower() == ".csv":
        _, header = next(read_lines(path), ("", ""))
        return "ilsvrc" if ilsvrc.COLUMNS.issubset(name.strip() for name in header.split(",")) else "table"
    raise InputError(f"{path}: expected a .json or .csv file or a folder; give format= ({', '.join(FORMATS)})")


def _read(name: str, path: Path, root: Path | None, split: str | None, columns: Mapping[str, str] | None) -> Draft:
    if path.is_dir() == (name in ("coco", "table")) and name != "ilsvrc":
        kind = "file" if path.is_dir() else "folder"
        raise InputError(f"{path}: expected a {kind} in the format {name}")
    if name == "coco":
        return coco.read(path, root)
    if name == "table":
        return table.read(path, root, columns)
    if name == "wsol":
        return wsol.read(path, root)
    if name == "cub":
        return cub.read(path, root, split)
    if name == "voc":
        return voc.read(path, root, split)
    return voc.read_ilsvrc(path, root) if path.is_dir() else ilsvrc.read(path, root)
