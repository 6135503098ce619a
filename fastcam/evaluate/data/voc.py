"""Folders of XML files, one an image: Pascal VOC's, and ILSVRC's, which is like it.

Pascal VOC counts pixels from 1, and xmax and ymax are the last pixels of the object (its development kit, section 4).
ILSVRC's count from 0 (a photo of width 500 has boxes that end at 499). Objects that are marked as difficult are ignored
in PASCAL's evaluation (the same kit); ILSVRC's files have the mark as well, and it is always 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category
from fastcam.evaluate.data.draft import SUFFIXES, Draft, DraftBox, DraftImage
from fastcam.evaluate.data.text import Element, number, read_lines, read_xml, whole

WNID = re.compile(r"n\d{8}")


def read(folder: Path, root: Path | None, split: str | None = None) -> Draft:
    """Read a folder of Pascal VOC, with Annotations, JPEGImages and ImageSets, or XML files beside their photos.

    `split` is the name of a list in ImageSets/Main. Photos without an XML file are listed as without a label.
    """
    root = root or _beside(folder, "Annotations", "JPEGImages")
    files = xml_files(folder)
    if split is not None:
        listed = {line.split()[0] for _, line in read_lines(folder / "ImageSets" / "Main" / f"{split}.txt")}
        if missing := listed - {file.stem for file in files}:
            raise InputError(f"split: expected an XML file for each of {split}.txt; got none for {sorted(missing)[:3]}")
        files = [file for file in files if file.stem in listed]
    base = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    images = [_image(file, base, first=1) for file in files]
    if split is None and root.is_dir():
        known = {Path(image.path).stem for image in images}
        others = sorted(path for path in root.iterdir() if path.suffix in SUFFIXES and path.stem not in known)
        images += [DraftImage(path.stem, path.name, str(path)) for path in others]
    names = sorted({str(box.category) for image in images for box in image.boxes if box.category})
    return Draft("voc", root, images, [Category(name, name) for name in names])


def read_ilsvrc(folder: Path, root: Path | None) -> Draft:
    """Read a folder of ILSVRC's XML files; photos are where its path has Data for Annotations, or in the root."""
    images = [_image(file, folder, first=0) for file in xml_files(folder)]
    wnids = sorted({str(box.category) for image in images for box in image.boxes if box.category})
    return Draft("ilsvrc", root or _beside(folder, "Annotations", "Data"), images, [Category(w, w) for w in wnids])


def xml_files(folder: Path) -> list[Path]:
    """Return the XML files in the folder or its Annotations; else in folders below."""
    for found in (folder.glob("*.xml"), (folder / "Annotations").glob("*.xml"), folder.rglob("*.xml")):
        if files := sorted(found):
            return files
    raise InputError(f"{folder}: expected a folder with XML files of annotations; got none")


def is_ilsvrc(files: Iterable[Path]) -> bool:
    """Return whether objects have names like n02084071, by the first file that has an object."""
    for file in files:
        if objects := read_xml(file).all("object"):
            return bool(WNID.fullmatch(objects[0].text_of("name")))
    return False


def _beside(folder: Path, name: str, other: str) -> Path:
    """Return the folder of photos: `other` inside the folder, or in place of `name` in its path; else the folder."""
    inside = folder / other
    if inside.is_dir():
        return inside
    parts = [other if part == name else part for part in folder.parts]
    swapped = Path(*parts)
    return swapped if swapped.is_dir() else folder


def _image(file: Path, folder: Path, first: int) -> DraftImage:
    """Read an image's file, whose pixels are counted from `first`."""
    root = read_xml(file)
    if root.name != "annotation":
        raise InputError(f"{root.where}: expected <annotation>; got <{root.name}>")
    name, size = root.text_of("filename") or file.stem, None
    if root.all("size"):
        one = root.one("size")
        size = whole(one.where, one.text_of("height")), whole(one.where, one.text_of("width"))
        size = size if min(size) > 0 else None  # zero where nobody knew
    parent = file.relative_to(folder).parent
    stem = not Path(name).suffix
    image = DraftImage((parent / file.stem).as_posix(), (parent / name).as_posix(), str(file), size, is_stem=stem)
    for one in root.all("object"):
        aside = "difficult" if one.text_of("difficult") == "1" else None
        image.boxes.append(DraftBox(one.text_of("name") or None, _box(one, first), one.where, aside))
    return image


def _box(one: Element, first: int) -> tuple[float, float, float, float]:
    box = one.one("bndbox")
    x0, y0, x1, y1 = (number(box.where, box.one(name).text.strip()) for name in ("xmin", "ymin", "xmax", "ymax"))
    return x0 - first, y0 - first, x1 - first + 1, y1 - first + 1
