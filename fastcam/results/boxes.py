"""Boxes of results, of any rank: `Boxes` of images, intervals of signals, cuboids of volumes.

All have their corners in the first field, whose name says what they are: xyxy, xx or xyzxyz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

B = TypeVar("B", bound="DataclassInstance")


def corners(boxes: DataclassInstance) -> NDArray[np.int32]:
    """Return the corners (..., 2 R) of boxes of rank R: first all starts, then all ends."""
    return getattr(boxes, corner_field(boxes))


def corner_field(boxes: DataclassInstance) -> str:
    """Return the name of the field of the corners: xyxy, xx or xyzxyz."""
    return fields(boxes)[0].name


def corner_names(boxes: DataclassInstance) -> list[str]:
    """Return the names of the corners of boxes.

    Examples
    --------
    >>> from fastcam.arrays.values import Boxes
    >>> none = np.zeros(0, np.int32)
    >>> corner_names(Boxes(none.reshape(0, 4), none, none.astype(np.float32)))
    ['x0', 'y0', 'x1', 'y1']
    """
    letters = corner_field(boxes)
    return [f"{letter}{2 * i // len(letters)}" for i, letter in enumerate(letters)]


def boxes_of(boxes: B, images: slice) -> B:
    """Return the boxes of some images, as views."""
    values: dict[str, Any] = {one.name: getattr(boxes, one.name) for one in fields(boxes)}
    return type(boxes)(**{name: None if value is None else value[images] for name, value in values.items()})


def together(images: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one array (N, ...) of those of N images; of a single one a view, which costs a tenth of a copy's time."""
    return images[0][None] if len(images) == 1 else np.stack(images)


def stacked(boxes: Sequence[B]) -> B:
    """Return the boxes of several images as one, (N, M)."""
    first, names = boxes[0], [one.name for one in fields(boxes[0])]
    values = {name: [getattr(one, name) for one in boxes] for name in names}
    return type(first)(**{name: None if parts[0] is None else together(parts) for name, parts in values.items()})
