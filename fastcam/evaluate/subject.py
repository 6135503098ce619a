"""A photo with what is true of it, and the boxes of its maps by a convention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.errors import InputError
from fastcam.evaluate.data.annotations import Annotations
from fastcam.evaluate.data.headers import check_mask_mode
from fastcam.evaluate.metrics.iou import Truth, truth_of, wsol_truth
from fastcam.evaluate.metrics.px_ap import IGNORED
from fastcam.evaluate.protocol import Protocol
from fastcam.geometry import Part
from fastcam.image_formats import open_image
from fastcam.sweep import Sweep, sweep

SIDE = 224  # of the maps of wsolevaluation
PLAIN = ("1", "L", "P", "I", "I;16", "F")  # one number a pixel


class Subject(NamedTuple):
    """What is true of one photo.

    Attributes
    ----------
    size
        (height, width).
    classes
        (P,) int64, those that it has boxes of, ascending.
    truth
        Of P images: the boxes of each class, half-open, in the photo's pixels.
    whole
        Of one image: all its boxes.
    masks
        By class, ascending: (height, width) uint8, 1 for its objects, 255 where nobody knows.
    """

    size: tuple[int, int]
    classes: NDArray[np.int64]
    truth: Truth
    whole: Truth
    masks: dict[int, NDArray[np.uint8]]

    @property
    def explained(self) -> NDArray[np.int64]:
        """The classes whose maps are looked at, ascending."""
        return np.union1d(self.classes, np.array(list(self.masks), np.int64))


def subject_of(annotations: Annotations, n: int, size: tuple[int, int], *, masks: bool) -> Subject:
    """Image n; its masks only if they are wanted.

    Raises
    ------
    InputError
        A mask that can't be read, or has an alpha channel.
    """
    first, stop = annotations.offsets[n : n + 2]
    boxes, index = annotations.boxes[first:stop], annotations.box_class[first:stop]
    classes = np.unique(index)
    files: dict[int, list[Path]] = {}
    for file, one in zip(annotations.masks[n], annotations.mask_class[n], strict=True) if masks else ():
        files.setdefault(one, []).append(file)
    return Subject(
        size,
        classes,
        truth_of([boxes[index == one] for one in classes], classes.tolist()),
        truth_of([boxes], [index]),
        {one: read_mask(files[one], annotations.ignored[n], size) for one in sorted(files)},
    )


def read_mask(files: Sequence[Path], ignored: Path | None, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(height, width): 1 where any of the masks isn't zero, else 255 where `ignored` isn't, else 0.

    A pixel isn't zero if its grey value isn't, or its index in a palette, or any of its colours. Masks of another size
    than the photo's are scaled to it, by the nearest pixel.

    Raises
    ------
    InputError
        One can't be read, or has an alpha channel.
    """
    found = np.zeros(size, np.uint8)
    if ignored is not None:
        found[_nonzero(ignored, size)] = IGNORED
    for file in files:
        found[_nonzero(file, size)] = 1
    return found


def _nonzero(file: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        with open_image(file) as opened:
            check_mask_mode(file, opened.mode)
            image = opened if opened.mode in PLAIN else opened.convert("RGB")
            if image.size != (size[1], size[0]):
                image = image.resize((size[1], size[0]), Image.Resampling.NEAREST)
            values = np.asarray(image)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise all sorts on files that are broken
        raise InputError(f"{file}: expected a mask that can be read as an image ({error})") from error
    return np.asarray(values.reshape(*size, -1).any(axis=2))


class Cutter:
    """Boxes of maps (M, h, w) of one photo, by the convention of a protocol, and true boxes that go with them.

    Parameters
    ----------
    part
        What the maps cover of the photo.
    """

    def __init__(self, protocol: Protocol, part: Part, size: tuple[int, int]) -> None:
        self._protocol, self._part, self._size = protocol, part, size
        self._is_wsol = protocol.convention == "wsol"
        if self._is_wsol and part.place != (0, 0, part.sides[1], part.sides[0]):
            raise InputError(
                "convention: 'wsol' expects a model that sees whole photos, as its source does; this one sees "
                f"{part.place} of {size[1]}×{size[0]} pixels. Load it with preprocess='...,fit=stretch'"
            )

    def truth(self, truth: Truth) -> Truth:
        """True boxes of the photo, in the pixels of `largest` and `all`."""
        if self._is_wsol:
            return wsol_truth(truth, np.array([self._size] * len(truth)).reshape(-1, 2), (SIDE, SIDE))
        if self._protocol.convention == "cam-release":
            return Truth(truth.boxes - (0, 0, 1, 1), truth.offsets, truth.class_index)
        return truth

    def largest(self, maps: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M, T, 4), all zero where there is no component. Of "cam-release" T is 1, whatever the thresholds."""
        if self._protocol.convention == "cam-release":
            found = self._swept(maps, None, "all")
            xyxy = np.zeros((len(maps), 1, 4))
            items, first = np.unique(np.asarray(found.item), return_index=True)
            xyxy[items, 0] = self._in_photo(found)[first]
            return xyxy
        return self._in_photo(self._swept(maps, thresholds, "largest"))

    def all(
        self, maps: NDArray[np.float32], thresholds: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(B, 4) of all components, and offsets (M * T + 1,), as MaxBoxAccV2 takes them."""
        found = self._swept(maps, thresholds, "all")
        cells, count = (
            np.asarray(found.item) * len(thresholds) + np.asarray(found.threshold_index),
            len(maps) * len(thresholds),
        )
        return self._in_photo(found), np.searchsorted(cells, np.arange(count + 1)).astype(np.int64)

    def in_photo(self, xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes of `largest` as half-open ones in the photo's pixels, all zero where they were."""
        if self._protocol.corners == "half-open":
            return xyxy
        scale = np.array(self._size[::-1] * 2) / SIDE if self._is_wsol else 1.0
        return np.where(xyxy.any(axis=-1, keepdims=True), (xyxy + np.array([0, 0, 1, 1])) * scale, 0.0)

    def _swept(self, maps: NDArray[np.float32], thresholds: NDArray[np.float64] | None, components: str) -> Sweep:
        size, window = ((SIDE, SIDE), None) if self._is_wsol else (self._part.sides, self._part.window)
        convention = self._protocol.convention
        return sweep(maps, size, thresholds, convention=convention, components=components, window=window)

    def _in_photo(self, found: Sweep) -> NDArray[np.float64]:
        xyxy = found.xyxy if self._is_wsol else self._part.in_photo(found.xyxy, found.area)
        return xyxy.astype(np.float64)
