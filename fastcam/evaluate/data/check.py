"""`Annotations` from a draft: paths, classes and boxes are checked, and everything that is left out is listed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastcam.errors import InputError
from fastcam.evaluate.data.annotations import Annotations, Problem
from fastcam.evaluate.data.classes import ClassMap, some
from fastcam.evaluate.data.draft import ASIDE, SUFFIXES, Draft, DraftBox, DraftImage
from fastcam.evaluate.data.headers import read_header, wrong_photo
from fastcam.evaluate.data.masks import check_mask_mode, wrong_mask

SLACK = 1.0  # pixels that a box may stick out, which is how formats round; more is a mistake
DAMAGE = ("box", "class", "size")  # reasons that are errors where `strict`


class Kept(NamedTuple):
    """An image that stays."""

    id: str
    path: Path
    class_index: int
    boxes: list[tuple[float, float, float, float]]
    box_class: list[int]
    size: tuple[int, int]
    masks: list[tuple[Path, int]]  # each with its class
    ignored: Path | None


def assembled(draft: Draft, classes: ClassMap, *, strict: bool, verify: bool) -> Annotations:
    """Return all of the draft whose images and boxes are sound, with the class of each category; list the rest.

    Raises
    ------
    InputError
        As `read_annotations`.
    """
    _check_once("id", [(image.id, image.where) for image in draft.images])
    files = [inside(draft.root, image.path, image.where).relative_to(draft.root) for image in draft.images]
    _check_once("file", [(str(file), image.where) for file, image in zip(files, draft.images, strict=True)])
    names = {category.key: category.name for category in draft.categories}
    problems: list[Problem] = []
    kept: list[Kept] = []
    lacking: Counter[str] = Counter()
    for image in draft.images:
        found = _Assembly(draft.root, image, classes.class_index, names, verify)
        kept += found.kept
        problems += found.problems
        lacking.update(names[key] for key, reason in found.lacking.items() if key and reason in DAMAGE)
    if strict:
        _check_sound(problems, lacking)
    if not kept:
        reasons = Counter(problem.reason for problem in problems).most_common()
        told = ", ".join(f"{reason}: {count}" for reason, count in reasons)
        first = f"{problems[0].id}: {problems[0].detail}"
        raise InputError(
            f"expected at least one image to evaluate; of {len(draft.images)} none is left ({told}; {first})"
        )
    if classes.unused:
        told = ", ".join(map(repr, classes.unused))
        problems.append(Problem("", "unused", f"classes: no category of the data is called {told}"))
    return _as_arrays(draft, kept, classes.class_index, problems)


def _check_sound(problems: Sequence[Problem], lacking: Counter[str]) -> None:
    """Check that no problem is damage, or raise `InputError` with the categories that the model lacks."""
    damage = [problem for problem in problems if problem.reason in DAMAGE]
    if damage:
        reasons = ", ".join(f"{name} {count}" for name, count in Counter(one.reason for one in damage).most_common())
        lines = [f"{problem.id}: {problem.detail}" for problem in damage[:3]]
        if lacking:
            each = some([f"{name} ({count})" for name, count in lacking.most_common()])
            lines.append(f"categories without a class (and in how many images): {each}")
        raise InputError(
            f"expected sound annotations; got problems: {reasons}. strict=False (--lenient) leaves out such boxes "
            "and images, and lists them. The first:" + "".join(f"\n  - {line}" for line in lines)
        )


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
        masks=tuple(tuple(path for path, _ in one.masks) for one in kept),
        mask_class=tuple(tuple(number for _, number in one.masks) for one in kept),
        ignored=tuple(one.ignored for one in kept),
        categories=tuple(category.name for category in draft.categories),
        category_class=np.array([-1 if number is None else number for number in classes], np.int64),
        problems=tuple(problems),
        format=draft.format,
    )


class _Assembly:
    """One image on its way: `kept` has it or is empty; its `problems`; why its categories are `lacking`, by key."""

    def __init__(
        self, root: Path, image: DraftImage, index: Mapping[str, int | None], names: Mapping[str, str], verify: bool
    ) -> None:
        self.image, self.index, self.names = image, index, names
        self.kept: list[Kept] = []
        self.problems: list[Problem] = []
        self.lacking: dict[str | None, str] = {}
        path = _stem_file(root, image) if image.is_stem else inside(root, image.path, image.where)
        masks = [inside(root, mask.path, mask.where) for mask in image.masks]
        ignored = inside(root, image.ignored, image.where) if image.ignored else None
        beside: list[Path] = [*masks, *([ignored] if ignored else [])]
        if not self._may_have_class() or (verify and not self._are_there([path, *beside])):
            return
        size = self._size(path, sorted(set(beside))) if verify else image.size or (0, 0)
        if size is None:
            return
        boxes, classes = self._boxes(size)
        masked = self._masks(masks)
        if not boxes and not masked:
            had = "each of its boxes and masks is left out" if image.boxes or image.masks else "it has no box"
            self._refuse("no box", had)
            return
        number = self._class({*classes, *(one for _, one in masked)})
        self.kept = [Kept(image.id, path, number, boxes, classes, size, masked, ignored)]

    def _refuse(self, reason: str, detail: str, where: str | None = None) -> None:
        self.problems.append(Problem(self.image.id, reason, f"{where or self.image.where}: {detail}"))

    def _lacks(self, category: str | None, where: str) -> None:
        """List once that the model has no class for a category."""
        if category not in self.lacking:
            reason = self.lacking[category] = "no class" if category in self.index else "class"
            name = self.names.get(category or "")
            self._refuse(reason, f"the model has no class for the category {name!r}" if name else "no category", where)

    def _may_have_class(self) -> bool:
        if self.image.label is None and all(one.category is None for one in (*self.image.boxes, *self.image.masks)):
            self._refuse("no label", "the image has no label")
            return False
        if self.image.label is not None and self.index.get(self.image.label) is None:
            self._lacks(self.image.label, self.image.where)
            return False
        return True

    def _are_there(self, paths: Sequence[Path]) -> bool:
        missing = [path for path in paths if not os.path.isfile(path)]  # which is False of names that are too long
        if missing:
            self._refuse("missing", f"no such file: {missing[0]}")
        return not missing

    def _size(self, path: Path, masks: Sequence[Path]) -> tuple[int, int] | None:
        """Return the photo's size, or None if it can't be read, or if the annotations or its masks have another."""
        try:
            photo = read_header(path)
            wrong = wrong_photo(path, photo, self.image.size)
            for mask in masks:
                header = read_header(mask)
                check_mask_mode(mask, header.mode)
                wrong = wrong or wrong_mask(mask, header, photo)
        except InputError as error:
            self._refuse("unreadable", str(error))
            return None
        if wrong:
            self._refuse("size", wrong)
        return None if wrong else photo.size

    def _class(self, classes: set[int]) -> int:
        """Return the image's own class, or that of all its boxes and masks, or -1 if they have several."""
        own = self.index.get(self.image.label or "")
        if own is not None:
            return own
        return next(iter(classes)) if len(classes) == 1 else -1

    def _boxes(self, size: tuple[int, int]) -> tuple[list[tuple[float, float, float, float]], list[int]]:
        """Return the sound boxes, cut at the image's sides, and their classes."""
        boxes, classes = [], []
        for box in self.image.boxes:
            number = self.index.get(box.category or "")
            if box.aside:
                self._refuse(box.aside, ASIDE[box.aside], box.where)
            elif number is None:
                self._lacks(box.category, box.where)
            elif wrong := _damage(box, size):
                self._refuse("box", wrong, box.where)
            else:
                boxes.append(_cut(box.xyxy, size))
                classes.append(number)
        return boxes, classes

    def _masks(self, files: Sequence[Path]) -> list[tuple[Path, int]]:
        """Return each file with its class; a file may have several."""
        found: dict[tuple[Path, int], None] = {}
        for mask, file in zip(self.image.masks, files, strict=True):
            category = mask.category or self.image.label
            number = self.index.get(category or "")
            if number is None:
                self._lacks(category, mask.where)
            else:
                found[file, number] = None
        return list(found)


def _damage(box: DraftBox, size: tuple[int, int]) -> str | None:
    """Return what is wrong with a box in an image of that (height, width), zero if unknown; or None."""
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
    """Return a file below the root, or raise `InputError`: a path in other people's data must not lead out of it."""
    base = Path(os.path.abspath(root))
    path = base if "\0" in text else Path(os.path.normpath(base / text))
    if path == base or not path.is_relative_to(base):
        raise InputError(f"{where}: expected a path below the root folder {root}; got {text!r}")
    return root / path.relative_to(base)


def _stem_file(root: Path, image: DraftImage) -> Path:
    """Return the only photo of that name; where there is none, its name in ILSVRC."""
    named = [inside(root, image.path + suffix, image.where) for suffix in SUFFIXES]
    found = [path for path in named if os.path.isfile(path)]
    different = [path for n, path in enumerate(found) if not any(path.samefile(other) for other in found[:n])]
    if len(different) > 1:
        raise InputError(f"{image.where}: expected one file for {image.id!r}; got {some([p.name for p in different])}")
    return found[0] if found else named[0]


def _check_once(name: str, places: Sequence[tuple[str, str]]) -> None:
    """Check that each value comes once, or raise `InputError`."""
    first: dict[str, str] = {}
    for value, where in places:
        if value in first:
            raise InputError(f"{where}: expected each {name} once; got {value!r}, which is at {first[value]} too")
        first[value] = where
