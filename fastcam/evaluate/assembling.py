"""From what a file says to `Annotations`: paths, classes and boxes checked, and everything listed that is left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from fastcam.errors import InputError
from fastcam.evaluate.annotations import Annotations, Problem
from fastcam.evaluate.classes import some
from fastcam.evaluate.draft import Draft, DraftBox, DraftImage

SUFFIXES = (".JPEG", ".jpg", ".jpeg", ".JPG", ".png", ".PNG")
ORIENTATION, TURNED = 0x0112, range(5, 9)  # EXIF's tag, and its values for photos that lie on their side
SLACK = 1.0  # pixels that a box may stick out, which is how formats round; more is a mistake
DAMAGE = ("box", "class", "size")  # reasons that are errors, if they aren't asked to be listed


class Kept(NamedTuple):
    """An image that stays."""

    id: str
    path: Path
    class_index: int
    boxes: list[tuple[float, float, float, float]]
    box_class: list[int]
    size: tuple[int, int]
    masks: Mapping[Path, int]  # the class of each
    ignored: Path | None


def assembled(draft: Draft, index: Mapping[str, int | None], *, strict: bool, verify: bool) -> Annotations:
    """All of the draft whose images and boxes are sound, with the class `index` of each category; the rest is listed.

    Raises
    ------
    InputError
        As `read_annotations`.
    """
    _check_once("id", [(image.id, image.where) for image in draft.images])
    _check_once("file", [(os.path.normpath(image.path), image.where) for image in draft.images])
    problems: list[Problem] = []
    kept: list[Kept] = []
    for image in draft.images:
        found = _Assembly(draft.root, image, index, verify)
        kept += found.kept
        problems += found.problems
    damage = [problem for problem in problems if problem.reason in DAMAGE]
    if strict and damage:
        told = "\n  - ".join(f"{problem.id}: {problem.detail}" for problem in damage[:3])
        raise InputError(
            f"expected sound annotations; {len(damage)} boxes or images aren't. strict=False leaves them out and lists "
            f"them. The first:\n  - {told}"
        )
    if not kept:
        reasons = Counter(problem.reason for problem in problems).most_common()
        told = ", ".join(f"{reason}: {count}" for reason, count in reasons)
        first = f"{problems[0].id}: {problems[0].detail}"
        raise InputError(
            f"expected at least one image to evaluate; of {len(draft.images)} none is left ({told}; {first})"
        )
    return _as_arrays(draft, kept, index, problems)


def _as_arrays(
    draft: Draft, kept: Sequence[Kept], index: Mapping[str, int | None], problems: Sequence[Problem]
) -> Annotations:
    classes = [index.get(category.key) for category in draft.categories]
    return Annotations(
        ids=tuple(one.id for one in kept),
        paths=tuple(one.path for one in kept),
        class_index=np.array([one.class_index for one in kept], np.int64),
        boxes=np.array([box for one in kept for box in one.boxes], np.float64).reshape(-1, 4),
        box_class=np.array([number for one in kept for number in one.box_class], np.int64),
        offsets=np.cumsum([0, *(len(one.boxes) for one in kept)], dtype=np.int64),
        sizes=np.array([one.size for one in kept], np.int64).reshape(-1, 2),
        masks=tuple(tuple(one.masks) for one in kept),
        mask_class=tuple(tuple(one.masks.values()) for one in kept),
        ignored=tuple(one.ignored for one in kept),
        categories=tuple(category.name for category in draft.categories),
        category_class=np.array([-1 if number is None else number for number in classes], np.int64),
        problems=tuple(problems),
        format=draft.format,
    )


class _Assembly:
    """One image: `kept`, which has it or is empty, and its `problems`."""

    def __init__(self, root: Path, image: DraftImage, index: Mapping[str, int | None], verify: bool) -> None:
        self.image, self.index = image, index
        self.kept: list[Kept] = []
        self.problems: list[Problem] = []
        path = _stem_file(root, image) if image.is_stem else inside(root, image.path, image.where)
        masks = [inside(root, mask.path, image.where) for mask in image.masks]
        ignored = inside(root, image.ignored, image.where) if image.ignored else None
        beside = [*masks, *([ignored] if ignored else [])]
        if not self._is_labelled() or (verify and not self._are_there([path, *beside])):
            return
        size = self._size(path) if verify else image.size or (0, 0)
        if size is None or (verify and not all(map(self._header, beside))):
            return
        boxes, classes = self._boxes(size)
        masked = self._masks(masks)
        number = self._class([*classes, *masked.values()])
        if number is None:
            return
        if not boxes and not masked:
            had = f"none of its {len(image.boxes)} boxes is left" if image.boxes else "it has no box"
            self._refuse("no box", had)
            return
        self.kept = [Kept(image.id, path, number, boxes, classes, size, masked, ignored)]

    def _refuse(self, reason: str, detail: str, where: str | None = None) -> None:
        self.problems.append(Problem(self.image.id, reason, f"{where or self.image.where}: {detail}"))

    def _is_labelled(self) -> bool:
        if self.image.label is None and all(one.category is None for one in (*self.image.boxes, *self.image.masks)):
            self._refuse("no label", "the image has no label")
            return False
        return True

    def _are_there(self, paths: Sequence[Path]) -> bool:
        missing = [path for path in paths if not path.is_file()]
        if missing:
            self._refuse("missing", f"no such file: {missing[0]}")
        return not missing

    def _size(self, path: Path) -> tuple[int, int] | None:
        """The photo's own, if it can be read and agrees with what the annotations say."""
        found = self._header(path)
        if found is not None and self.image.size not in (None, found):
            said = "×".join(map(str, reversed(self.image.size or ())))
            self._refuse("size", f"the annotations say {said} pixels; {path} has {found[1]}×{found[0]}")
            return None
        return found

    def _header(self, path: Path) -> tuple[int, int] | None:
        """The (height, width) of an image as it is shown, if it can be read."""
        try:
            with Image.open(path) as image:
                width, height = image.size
                return (width, height) if image.getexif().get(ORIENTATION) in TURNED else (height, width)
        except Exception as error:  # Pillow's decoders raise all sorts on files that are broken
            self._refuse("unreadable", f"{path} can't be read as an image ({error})")
            return None

    def _class(self, classes: Sequence[int]) -> int | None:
        """The image's own class, or that of all boxes and masks, or -1; None, and listed, if the model has none."""
        if self.image.label is None:
            if not classes and self.image.boxes:
                self._refuse("no box", f"none of its {len(self.image.boxes)} boxes is left")
                return None
            return classes[0] if len(set(classes)) == 1 else -1
        if self.index.get(self.image.label) is None:
            reason = "no class" if self.image.label in self.index else "class"
            self._refuse(reason, f"the model has no class for the label {self.image.label!r}")
        return self.index.get(self.image.label)

    def _boxes(self, size: tuple[int, int]) -> tuple[list[tuple[float, float, float, float]], list[int]]:
        """Those that are sound, cut at the image's sides, and their classes."""
        boxes, classes = [], []
        for box in self.image.boxes:
            number = self.index.get(box.category or "")
            if box.is_crowd:
                self._refuse("crowd", "a box around a crowd", box.where)
            elif number is None:
                if box.category != self.image.label or box.category is None:  # else told of the image
                    reason = "no class" if box.category in self.index else "class"
                    self._refuse(reason, f"the model has no class for the category {box.category!r}", box.where)
            elif wrong := _damage(box, size):
                self._refuse("box", wrong, box.where)
            else:
                boxes.append(_cut(box.xyxy, size))
                classes.append(number)
        return boxes, classes

    def _masks(self, files: Sequence[Path]) -> dict[Path, int]:
        """The class of each file."""
        found = {}
        for mask, file in zip(self.image.masks, files, strict=True):
            category = mask.category or self.image.label
            number = self.index.get(category or "")
            if number is not None:
                found[file] = number
            elif category != self.image.label or category is None:  # else told of the image
                reason = "no class" if category in self.index else "class"
                self._refuse(reason, f"the model has no class for the category {category!r} of {file}")
        return found


def _damage(box: DraftBox, size: tuple[int, int]) -> str | None:
    """What is wrong with a box in an image of that (height, width), zero if unknown; None: nothing."""
    (x0, y0, x1, y1), (height, width) = box.xyxy, size
    if x1 <= x0 or y1 <= y0:
        kind = "inverted" if x1 < x0 or y1 < y0 else "without area"
        return f"expected a box x0 < x1, y0 < y1; got {list(box.xyxy)}, {kind}"
    beyond = height and (x1 > width + SLACK or y1 > height + SLACK)
    x0, y0, x1, y1 = _cut(box.xyxy, size)
    if min(box.xyxy) < -SLACK or beyond or x1 <= x0 or y1 <= y0:
        limit = f"in the image of {width}×{height} pixels" if height else "in the image"
        return f"expected a box {limit}; got {list(box.xyxy)}"
    return None


def _cut(xyxy: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    height, width = size
    x0, y0, x1, y1 = xyxy
    return max(0.0, x0), max(0.0, y0), min(x1, width) if width else x1, min(y1, height) if height else y1


def inside(root: Path, text: str, where: str) -> Path:
    """A file below the root, or `InputError`: a path in other people's data doesn't lead out of it."""
    relative = os.path.normpath(text)
    if "\0" in text or os.path.isabs(text) or Path(relative).parts[:1] in ((), ("..",)) or Path(relative).drive:
        raise InputError(f"{where}: expected a path below the root folder {root}; got {text!r}")
    return root / relative


def _stem_file(root: Path, image: DraftImage) -> Path:
    """The only photo of that name; where there is none, what it would be called in ILSVRC."""
    named = [inside(root, image.path + suffix, image.where) for suffix in SUFFIXES]
    found = [path for path in named if path.is_file()]
    different = [path for n, path in enumerate(found) if not any(path.samefile(other) for other in found[:n])]
    if len(different) > 1:
        raise InputError(f"{image.where}: expected one file for {image.id!r}; got {some([p.name for p in different])}")
    return found[0] if found else named[0]


def _check_once(name: str, places: Sequence[tuple[str, str]]) -> None:
    """Each value comes once, or `InputError` says where it comes again."""
    first: dict[str, str] = {}
    for value, where in places:
        if value in first:
            raise InputError(f"{where}: expected each {name} once; got {value!r}, which is at {first[value]} too")
        first[value] = where
