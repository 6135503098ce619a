"""What a file of annotations says, as it says it: before paths, classes and boxes are checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fastcam.evaluate.classes import Category


class DraftBox(NamedTuple):
    """Half-open xyxy in the photo's pixels, the key of its category, if any, and where it stands, as "file:line"."""

    category: str | None
    xyxy: tuple[float, float, float, float]
    where: str
    is_crowd: bool = False


class DraftMask(NamedTuple):
    """The path of a mask, and the key of its category; None: that of its image."""

    category: str | None
    path: str


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


class Draft(NamedTuple):
    """All images of a set, and its categories in its own order."""

    format: str
    root: Path
    images: list[DraftImage]
    categories: list[Category]
