"""A frame or photo with its explanation, drawn by the settings of a view."""

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
from fastcam.arrays.colors import colormap
from fastcam.arrays.conventions import Convention
from fastcam.arrays.values import Boxes
from fastcam.errors import InputError
from fastcam.export.lines import map_records
from fastcam.export.overlays import legible_scale, overlay
from fastcam.methods.table import METHODS
from fastcam.results import Explanation

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

BEST = 5  # classes that are listed, or all of fewer
LARGEST = 1920  # pixels of the longer side; larger pictures are reduced
QUALITY = 85  # of JPEG
SETTINGS = ("convention", "threshold", "opacity", "class", "method", "colormap")
KEPT = 8  # drawings, and explanations of other classes, that a picture keeps


class Settings(NamedTuple):
    """The settings of a view: the rule of its boxes, the heatmap's opacity and colors, class and method of the maps.

    A class of None is the best one; the method "auto" is the model's own.
    """

    rule: Convention
    opacity: float
    class_index: int | None
    method: str = "auto"
    colormap: str = "turbo"


def settings_of(query: str, classes: int) -> Settings:
    """Return the settings of a URL's query, all optional.

    They are convention, threshold, opacity, class (an index), method (of `fastcam.methods.METHODS`) and colormap.

    Raises
    ------
    InputError
        An unknown name, a name twice, or a value out of range.

    Examples
    --------
    >>> settings_of("opacity=0.7&method=layercam&class=3", 1000)._replace(rule=None)
    Settings(rule=None, opacity=0.7, class_index=3, method='layercam', colormap='turbo')
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs) or not given.keys() <= set(SETTINGS):
        names = ", ".join(name for name, _ in pairs)
        raise InputError(f"settings: expected {', '.join(SETTINGS)}, each once; got {names}")
    threshold = _number("threshold", given["threshold"]) if "threshold" in given else None
    rule = conventions.named(given.get("convention", "paper"), threshold)
    opacity = _number("opacity", given.get("opacity", "0.5"))
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity: expected 0 to 1; got {opacity!r}")
    index = given.get("class")
    if index is not None and not (index.isascii() and index.isdigit() and len(index) < 10 and int(index) < classes):
        raise InputError(f"class: expected an index from 0 to {classes - 1}; got {index!r}")
    method, colors = given.get("method", "auto"), given.get("colormap", "turbo")
    if method not in ("auto", *METHODS):
        raise InputError(f"method: expected one of {', '.join(('auto', *METHODS))}; got {method!r}")
    colormap(colors)
    return Settings(rule, opacity, None if index is None else int(index), method, colors)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name}: expected a number; got {text!r}") from None


def under_rule(explanation: Explanation, rule: Convention) -> Explanation:
    """Return an explanation of one image with boxes by another convention or threshold, from the same maps."""
    if (explanation.convention, explanation.threshold) == (rule.name, rule.threshold):
        return explanation
    part = explanation.part()
    (height, width), (x0, y0, x1, y1) = part.sides, part.window
    boxes = find_boxes(
        explanation.activation_maps,
        (height, width),
        convention=rule.name,
        threshold=rule.threshold,
        connectivity=explanation.connectivity,
        window=(x0, y0, x1, y1),
    )
    boxes = Boxes(part.in_photo(boxes.xyxy, boxes.area), boxes.area, boxes.peak)
    return replace(explanation, boxes=boxes, convention=rule.name, threshold=rule.threshold)


class ExplainedPicture:
    """An (H, W, 3) uint8 frame or photo and the explanation of its best classes; threads may share it.

    Views with the same settings share one drawing. For another method, or another class than the best ones, the network
    runs once more, for all views of these together.
    """

    def __init__(self, model: Classifier, pixels: NDArray[np.uint8], explanation: Explanation) -> None:
        self.explanation = explanation
        self._model, self._pixels = model, pixels
        self._lock = threading.Lock()
        self._others: list[tuple[str, Explanation]] = []  # of other methods, or classes that aren't among the best
        self._drawn: dict[Settings, bytes] = {}

    @property
    def number(self) -> int:
        """The frame's number in its source; -1 of a photo."""
        index = self.explanation.frame_index
        return -1 if index is None else index

    def record(self, settings: Settings) -> dict[str, Any]:
        """Return size, best classes and chosen class as plain values; boxes in pixels of the frame or photo."""
        with self._lock:
            chosen, m = self._chosen(settings)
            best = map_records(under_rule(self._best(settings.method), settings.rule), 0)
        height, width = self.explanation.image_sizes[0].tolist()
        return {"width": width, "height": height, "maps": best, "chosen": map_records(chosen, 0)[m]}

    def jpeg(self, settings: Settings) -> bytes:
        """Return a JPEG file of the frame or photo under the heatmap and box of the chosen class."""
        with self._lock:
            if settings not in self._drawn:
                if len(self._drawn) == KEPT:
                    self._drawn.clear()
                self._drawn[settings] = self._draw(settings)
            return self._drawn[settings]

    def _draw(self, settings: Settings) -> bytes:
        explanation, m = self._chosen(settings)
        scale = legible_scale((self._pixels.shape[0], self._pixels.shape[1]))
        drawn = overlay(
            self._pixels,
            explanation,
            map=m,
            opacity=settings.opacity,
            colormap=settings.colormap,
            label=False,
            scale=scale,
        )
        image, file = Image.fromarray(drawn), io.BytesIO()
        image.thumbnail((LARGEST, LARGEST))
        image.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()

    def _best(self, method: str) -> Explanation:
        """Return the explanation of the best classes by a method."""
        if method in ("auto", self.explanation.method):
            return self.explanation
        best = self.explanation.class_index
        for name, explanation in self._others:
            if name == method and explanation.class_index.tolist() == best.tolist():
                return explanation
        return self._explained(method, best[0].tolist())

    def _chosen(self, settings: Settings) -> tuple[Explanation, int]:
        """Return an explanation of the chosen class by the chosen method, and the index of its map."""
        best, index = self._best(settings.method), settings.class_index
        if index is None:
            return under_rule(best, settings.rule), 0
        others = [explanation for name, explanation in self._others if name == settings.method]
        for explanation in (best, *others):
            for m, one in enumerate(explanation.class_index[0].tolist()):
                if one == index:
                    return under_rule(explanation, settings.rule), m
        return under_rule(self._explained(settings.method, [index]), settings.rule), 0

    def _explained(self, method: str, classes: list[int]) -> Explanation:
        """Return a new explanation, which is kept for the next ones who ask."""
        explanation = self._model.explain(self._pixels, class_index=[classes], method=method)
        self._others.insert(0, (method, explanation))
        del self._others[KEPT:]
        return explanation


def explain(model: Classifier, pixels: NDArray[np.uint8]) -> ExplainedPicture:
    """Return the picture of a photo (H, W, 3) uint8, with the explanation of its best classes."""
    return ExplainedPicture(model, pixels, model.explain(pixels, top=best_of(model)))


def best_of(model: Classifier) -> int:
    """Return the count of classes that are listed."""
    return min(BEST, model.head.classes)
