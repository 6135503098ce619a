"""Annotations of a set of photos: paths, classes, boxes and masks, and what is wrong with some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.errors import InputError
from fastcam.evaluate.metrics.iou import Truth


class Problem(NamedTuple):
    """The reason why an image, or a box of one, was left out; or another remark.

    Attributes
    ----------
    id
        Of the image; empty if the problem is of none.
    reason
        Of an image: "no label", "no box", "missing", "unreadable" (its file or a mask's, of too many pixels as well, or
        a mask with an alpha channel) or "size" (the file's is another than the annotations say, or a mask has other
        proportions). Of a box: "box" (inverted, without area, outside of the image), "crowd" (COCO's boxes around many)
        or "difficult" (Pascal VOC's). Of all boxes of a category in an image: "class" (the model has none for it) or
        "no class" (the mapping says so). Of no image: "unused", names of a mapping that no category has.
    detail
        In words, with the file and line.
    """

    id: str
    reason: str
    detail: str


class Pairs(NamedTuple):
    """Each image once for each of its classes: image (P,) and class_index (P,) int64, and the boxes of that class."""

    image: NDArray[np.int64]
    class_index: NDArray[np.int64]
    truth: Truth


@dataclass(frozen=True, eq=False, slots=True)
class Annotations:
    """N photos with B boxes. Made by `fastcam.evaluate.read_annotations`.

    Attributes
    ----------
    ids, paths
        Of each image; the paths begin with the root folder.
    class_index
        (N,) int64, the model's class of each image; -1 where it has several.
    boxes
        (B, 4) float64, xyxy, half-open, in the photo's pixels; image n has `offsets[n]:offsets[n + 1]` of them.
    box_class
        (B,) int64, the model's class of each box.
    offsets
        (N + 1,) int64.
    sizes
        (N, 2) int64, height and width of each photo as it is shown, upright; 0 where they aren't known.
    masks
        For each image the files of the masks of its objects, those of several classes once for each; what in them is
        the object is told in `fastcam.evaluate.read_annotations`.
    mask_class
        For each image the model's class of each of these files.
    ignored
        For each image the file of its mask of what doesn't count, or None.
    categories, category_class
        Q names as the data has them, and (Q,) int64, the model's class of each; -1: none.
    problems
        What was left out, and why.
    format
        "coco", "voc", "ilsvrc", "wsol", "cub" or "table".
    """

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    class_index: NDArray[np.int64]
    boxes: NDArray[np.float64]
    box_class: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    masks: tuple[tuple[Path, ...], ...]
    mask_class: tuple[tuple[int, ...], ...]
    ignored: tuple[Path | None, ...]
    categories: tuple[str, ...]
    category_class: NDArray[np.int64]
    problems: tuple[Problem, ...]
    format: str

    def __len__(self) -> int:
        return len(self.ids)

    def truth(self) -> Truth:
        """Return the boxes of each image, of all its classes, as metrics take them."""
        return Truth(self.boxes, self.offsets, self.box_class)

    def take(self, index: ArrayLike) -> Annotations:
        """Return the annotations of some images, in this order; problems stay as they are.

        Parameters
        ----------
        index
            (n,) whole numbers, the images.

        Returns
        -------
        Annotations
            Of n images.

        Raises
        ------
        InputError
            There is no such image, or no image is left.
        """
        chosen = np.asarray(index)
        if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
            raise InputError(f"index: expected (n,) whole numbers, at least one; got {chosen.shape} {chosen.dtype}")
        if chosen.min() < 0 or chosen.max() >= len(self):
            raise InputError(f"index: expected 0 to {len(self) - 1}; got {chosen.min()} to {chosen.max()}")
        counts = np.diff(self.offsets)[chosen]
        each, offsets = chosen.tolist(), self.offsets.tolist()
        rows = np.concatenate([np.arange(offsets[n], offsets[n + 1]) for n in each])
        return replace(
            self,
            ids=tuple(self.ids[n] for n in each),
            paths=tuple(self.paths[n] for n in each),
            class_index=self.class_index[chosen],
            boxes=self.boxes[rows],
            box_class=self.box_class[rows],
            offsets=np.cumsum([0, *counts], dtype=np.int64),
            sizes=self.sizes[chosen],
            masks=tuple(self.masks[n] for n in each),
            mask_class=tuple(self.mask_class[n] for n in each),
            ignored=tuple(self.ignored[n] for n in each),
        )

    def pairs(self) -> Pairs:
        """Return each image once for each class of its boxes, classes ascending, for metrics of one class at a time."""
        image = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        order = np.lexsort((self.box_class, image))
        keys = np.stack([image[order], self.box_class[order]], axis=1)
        new = np.ones(len(keys), np.bool_)
        new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        starts = np.append(np.flatnonzero(new), len(keys)).astype(np.int64)
        image, index = keys[new].T.copy()
        return Pairs(image, index, Truth(self.boxes[order], starts, keys[:, 1].copy()))

    def used_classes(self) -> list[int]:
        """Return the model's classes of images, boxes and masks, ascending."""
        of_masks = [index for several in self.mask_class for index in several]
        return sorted({*self.box_class.tolist(), *self.class_index.tolist(), *of_masks} - {-1})

    def absent_classes(self, class_count: int) -> NDArray[np.int64]:
        """Return the classes of a model, 0 to `class_count` - 1, that no category of the data is."""
        return np.setdiff1d(np.arange(class_count), self.category_class)
