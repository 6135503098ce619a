"""Annotations as their file has them, before paths, classes and boxes are checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category

SUFFIXES = (".JPEG", ".jpg", ".jpeg", ".JPG", ".png", ".PNG")  # of photos whose names are given without
ASIDE = {"crowd": "a box around a crowd", "difficult": "an object that is marked as difficult"}


class DraftBox(NamedTuple):
    """A box: half-open xyxy in the photo's pixels, the key of its category, if any, and its place, as "file:line".

    `aside` is why it doesn't count, if so, one of `ASIDE`.
    """

    category: str | None
    xyxy: tuple[float, float, float, float]
    where: str
    aside: str | None = None


class DraftMask(NamedTuple):
    """A mask: its path, the key of its category, None for that of its image, and its place."""

    category: str | None
    path: str
    where: str


@dataclass
class DraftImage:
    """An image: paths are relative to the root, without a suffix if `is_stem`; size is (height, width)."""

    id: str
    path: str
    where: str
    size: tuple[int, int] | None = None
    label: str | None = None
    boxes: list[DraftBox] = field(default_factory=list)
    masks: list[DraftMask] = field(default_factory=list)
    ignored: str | None = None
    is_stem: bool = False

    def ignore(self, path: str, where: str) -> None:
        """Set the file of its only mask of what doesn't count, or raise `InputError`."""
        if self.ignored not in (None, path):
            raise InputError(
                f"{where}: expected one mask of what to ignore; got {path!r} for {self.id!r}, and {self.ignored!r}"
            )
        self.ignored = path


class Draft(NamedTuple):
    """All images of a set, and its categories in its own order."""

    format: str
    root: Path
    images: list[DraftImage]
    categories: list[Category]
