"""A frame or photo with what was found in it, drawn the way a view asks for."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.arrays import conventions
from fastcam.arrays.boxes import find_boxes
from fastcam.arrays.conventions import Convention
from fastcam.arrays.values import Boxes
from fastcam.errors import InputError
from fastcam.export.lines import map_records
from fastcam.export.overlays import legible_scale, overlay
from fastcam.results import Explanation

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

BEST = 5  # classes that are listed, as far as the model has as many
LARGEST = 1920  # pixels of the longer side; larger pictures are reduced for the browser
QUALITY = 85  # of JPEG
KEPT = 8  # drawings, and explanations of other classes, of one picture


class Settings(NamedTuple):
    """How a view wants its picture: which pixels make a box, the heatmap's opacity, the class; None for the best."""

    rule: Convention
    opacity: float
    class_index: int | None


def settings_of(query: str, classes: int) -> Settings:
    """Settings from a URL's query, all of them optional: convention, threshold, opacity and class (an index).

    Raises
    ------
    InputError
        Another name, a name twice, or a value out of range.

    Examples
    --------
    >>> settings_of("convention=gradcam&opacity=0.7", 1000)
    Settings(rule=Convention(name='gradcam', threshold=0.15, rectify=True, minmax=False), opacity=0.7, class_index=None)
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs) or not given.keys() <= {"convention", "threshold", "opacity", "class"}:
        names = ", ".join(name for name, _ in pairs)
        raise InputError(f"settings: expected convention, threshold, opacity and class, each once; got {names}")
    threshold = _number("threshold", given["threshold"]) if "threshold" in given else None
    rule = conventions.named(given.get("convention", "paper"), threshold)
    opacity = _number("opacity", given.get("opacity", "0.5"))
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity: expected 0 to 1; got {opacity!r}")
    index = given.get("class")
    if index is not None and not (index.isascii() and index.isdigit() and len(index) < 10 and int(index) < classes):
        raise InputError(f"class: expected an index from 0 to {classes - 1}; got {index!r}")
    return Settings(rule, opacity, None if index is None else int(index))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name}: expected a number; got {text!r}") from None


def under(explanation: Explanation, rule: Convention) -> Explanation:
    """The same maps of one image, boxed under another convention or threshold: the network isn't run again."""
    if (explanation.convention, explanation.threshold) == (rule.name, rule.threshold):
        return explanation
    part = explanation.part()
    boxes = find_boxes(
        explanation.activation_maps,
        part.sides,
        convention=rule.name,
        threshold=rule.threshold,
        connectivity=explanation.connectivity,
        window=part.window,
    )
    boxes = Boxes(part.in_photo(boxes.xyxy, boxes.area), boxes.area, boxes.peak)
    return replace(explanation, boxes=boxes, convention=rule.name, threshold=rule.threshold)


class Picture:
    """An (H, W, 3) uint8 frame or photo and the explanation of its best classes. May be used from many threads.

    Views with the same settings share one drawing. For a class that isn't among the best the network runs once more,
    however many views ask for that class.
    """

    def __init__(self, model: Classifier, pixels: NDArray[np.uint8], explanation: Explanation) -> None:
        self.explanation = explanation
        self._model, self._pixels = model, pixels
        self._lock = threading.Lock()
        self._others: list[Explanation] = []  # of classes that aren't among the best
        self._drawn: dict[Settings, bytes] = {}

    @property
    def number(self) -> int:
        """The frame's in its source; -1 of a photo."""
        index = self.explanation.frame_index
        return -1 if index is None else index

    def record(self, settings: Settings) -> dict[str, Any]:
        """Size, the best classes and the chosen one, as plain values; boxes in pixels of the frame or photo."""
        with self._lock:
            chosen, m = self._chosen(settings)
        height, width = self.explanation.image_sizes[0].tolist()
        best = map_records(under(self.explanation, settings.rule), 0)
        return {"width": width, "height": height, "maps": best, "chosen": map_records(chosen, 0)[m]}

    def jpeg(self, settings: Settings) -> bytes:
        """A JPEG file of the heatmap and box of the chosen class, drawn over the frame or photo."""
        with self._lock:
            if settings not in self._drawn:
                if len(self._drawn) == KEPT:
                    self._drawn.clear()
                self._drawn[settings] = self._draw(settings)
            return self._drawn[settings]

    def _draw(self, settings: Settings) -> bytes:
        explanation, m = self._chosen(settings)
        scale = legible_scale((self._pixels.shape[0], self._pixels.shape[1]))
        drawn = overlay(self._pixels, explanation, map=m, opacity=settings.opacity, label=False, scale=scale)
        image, file = Image.fromarray(drawn), io.BytesIO()
        image.thumbnail((LARGEST, LARGEST))
        image.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()

    def _chosen(self, settings: Settings) -> tuple[Explanation, int]:
        """An explanation of the chosen class, and which of its maps that is."""
        index = settings.class_index
        if index is None:
            return under(self.explanation, settings.rule), 0
        for explanation in (self.explanation, *self._others):
            for m, one in enumerate(explanation.class_index[0].tolist()):
                if one == index:
                    return under(explanation, settings.rule), m
        self._others.insert(0, self._model.explain(self._pixels, class_index=index))
        del self._others[KEPT:]
        return under(self._others[0], settings.rule), 0


def explained(model: Classifier, pixels: NDArray[np.uint8]) -> Picture:
    """A photo (H, W, 3) uint8, explained."""
    return Picture(model, pixels, model.explain(pixels, top=best_of(model)))


def best_of(model: Classifier) -> int:
    """How many classes are listed."""
    return min(BEST, model.head.classes)
