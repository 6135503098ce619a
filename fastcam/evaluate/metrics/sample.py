"""A photo as metrics get it: what is true of it, its maps, and the boxes of these maps by the terms of a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.arrays.sweeps import Sweep, sweep
from fastcam.classifier.classifier import Classifier
from fastcam.errors import InputError
from fastcam.evaluate.metrics.group import Group
from fastcam.evaluate.metrics.iou import Truth, wsol_truth
from fastcam.evaluate.metrics.maps import peak_points
from fastcam.evaluate.metrics.terms import Terms
from fastcam.images.regions import Part
from fastcam.methods.options import Seen

SIDE = 224  # of the maps of wsolevaluation
TIGHT = 100 / 255  # of the heuristics: the threshold after 20 in the code that came with Zhou et al. 2016


class Subject(NamedTuple):
    """The truth about one photo.

    Attributes
    ----------
    size
        (height, width).
    classes
        (P,) int64, the classes that it has boxes of, ascending.
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


class Best(NamedTuple):
    """The best classes of a model, best first: class_index (T,) int64 and maps (T, h, w)."""

    class_index: NDArray[np.int64]
    maps: NDArray[np.float32]


class Network(NamedTuple):
    """A model, and what it made of the photo, with the network input in the host's memory."""

    model: Classifier
    seen: Seen


@dataclass(frozen=True, eq=False)
class Sample:
    """The maps of a photo by one model and method, or by a baseline, and what is true of the photo.

    Attributes
    ----------
    terms
        On which boxes are made.
    part
        The part of the photo that the maps cover.
    maps
        (M, h, w) float32, one for each of `Subject.explained`.
    best
        The best classes with their maps; None of a baseline.
    network
        To run the model again; None of a baseline, or where no metric asks for it.
    """

    terms: Terms
    subject: Subject
    part: Part
    maps: NDArray[np.float32]
    best: Best | None = None
    network: Network | None = None

    def has(self, group: Group) -> bool:
        """Return whether the photo has what a group of metrics counts."""
        return group.truth is None or len(self.subject.classes if group.truth == "boxes" else self.subject.masks) > 0

    @property
    def boxed(self) -> NDArray[np.float32]:
        """The maps (P, h, w) of the classes that the photo has boxes of."""
        return self.maps[np.isin(self.subject.explained, self.subject.classes)]

    @property
    def masked(self) -> NDArray[np.float32]:
        """The maps (Q, h, w) of the classes that the photo has masks of."""
        return self.maps[np.isin(self.subject.explained, list(self.subject.masks))]

    @property
    def masks(self) -> list[NDArray[np.uint8]]:
        """The masks of these Q classes, each as large as the photo."""
        return list(self.subject.masks.values())

    @cached_property
    def cutter(self) -> Cutter:
        """The maker of boxes from maps."""
        return Cutter(self.terms, self.part, self.subject.size)

    @cached_property
    def truth(self) -> Truth:
        """The true boxes of P images, one for each class that the photo has boxes of, in the pixels of `boxes`."""
        return self.cutter.truth(self.subject.truth)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """The boxes (P, 4) of the classes that the photo has boxes of, at the protocol's own threshold."""
        return self.cutter.largest(self.boxed, np.array([self.terms.rule.threshold]))[:, 0]

    @cached_property
    def guesses(self) -> tuple[NDArray[np.int64], NDArray[np.float64], Truth]:
        """The best classes (1, T), their boxes (1, T, 2, 4) at the protocol's threshold and `TIGHT`, and all true ones.

        By "cam-release", which pools its own thresholds, the boxes are (1, T, 1, 4).
        """
        assert self.best, "baselines have no best classes, and no metric that asks for them"
        boxes = self.cutter.largest(self.best.maps, np.array([self.terms.rule.threshold, TIGHT]))
        return self.best.class_index[None], boxes[None], self.cutter.truth(self.subject.whole)

    @cached_property
    def peaks(self) -> NDArray[np.int64]:
        """The highest points (P, 2) of the maps of the classes with boxes: x and y in the photo."""
        found = [peak_points([seen]) for seen in self.pixels()]
        return np.concatenate(found) + np.array(self.part.place[:2])

    def pixels(self) -> Iterator[NDArray[np.float32]]:
        """Yield the raw values of the map of each class with boxes, at the size of the part that it covers."""
        for one in self.boxed:
            yield heatmaps(one, self.part.sides, normalize=False, window=self.part.window)


class Cutter:
    """Boxes of maps (M, h, w) of one photo, by the convention of a protocol, and true boxes that go with them.

    Parameters
    ----------
    part
        The part of the photo that the maps cover.
    size
        (height, width) of the photo.

    Raises
    ------
    InputError
        The convention wants the whole photo to be seen, and it isn't.
    """

    def __init__(self, terms: Terms, part: Part, size: tuple[int, int]) -> None:
        self._terms, self._part, self._size = terms, part, size
        self._is_wsol = terms.convention == "wsol"
        if self._is_wsol and part.place != (0, 0, part.sides[1], part.sides[0]):
            raise InputError(
                "convention: 'wsol' expects a model that sees whole photos, as its source does; this one sees "
                f"{part.place} of {size[1]}×{size[0]} pixels. Load it with preprocess='...,fit=stretch'"
            )

    def truth(self, truth: Truth) -> Truth:
        """Return true boxes of the photo in the pixels of `largest` and `all`."""
        if self._is_wsol:
            return wsol_truth(truth, np.array([self._size] * len(truth)).reshape(-1, 2), (SIDE, SIDE))
        if self._terms.convention == "cam-release":
            return Truth(truth.boxes - (0, 0, 1, 1), truth.offsets, truth.class_index)
        return truth

    def largest(self, maps: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the boxes (M, T, 4) of the largest components, all zero where there is none.

        Of "cam-release" T is 1, whatever the thresholds.
        """
        if self._terms.convention == "cam-release":
            found = self._swept(maps, None, "all")
            xyxy = np.zeros((len(maps), 1, 4))
            items, first = np.unique(np.asarray(found.item), return_index=True)
            xyxy[items, 0] = self._in_photo(found)[first]
            return xyxy
        return self._in_photo(self._swept(maps, thresholds, "largest"))

    def all(
        self, maps: NDArray[np.float32], thresholds: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the boxes (B, 4) of all components, and offsets (M * T + 1,), as MaxBoxAccV2 takes them."""
        found = self._swept(maps, thresholds, "all")
        cells, count = (
            np.asarray(found.item) * len(thresholds) + np.asarray(found.threshold_index),
            len(maps) * len(thresholds),
        )
        return self._in_photo(found), np.searchsorted(cells, np.arange(count + 1)).astype(np.int64)

    def in_photo(self, xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return boxes of `largest` as half-open ones in the photo's pixels, all zero where they were."""
        if self._terms.corners == "half-open":
            return xyxy
        scale = np.array(self._size[::-1] * 2) / SIDE if self._is_wsol else 1.0
        return np.where(xyxy.any(axis=-1, keepdims=True), (xyxy + np.array([0, 0, 1, 1])) * scale, 0.0)

    def _swept(self, maps: NDArray[np.float32], thresholds: NDArray[np.float64] | None, components: str) -> Sweep:
        options: dict[str, Any] = {"convention": self._terms.convention, "components": components}
        if self._is_wsol:
            return sweep(maps, (SIDE, SIDE), thresholds, **options)
        height, width = self._part.sides
        x0, y0, x1, y1 = self._part.window
        return sweep(maps, (height, width), thresholds, window=(x0, y0, x1, y1), **options)

    def _in_photo(self, found: Sweep) -> NDArray[np.float64]:
        xyxy = found.xyxy if self._is_wsol else self._part.in_photo(found.xyxy, found.area)
        return xyxy.astype(np.float64)
