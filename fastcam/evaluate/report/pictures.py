"""Overlays of the worst cases of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.values import Boxes
from fastcam.classifier.classifier import Classifier
from fastcam.errors import FastcamError
from fastcam.evaluate.data.annotations import Annotations
from fastcam.evaluate.metrics.sample import Cutter
from fastcam.evaluate.protocol import protocol_of
from fastcam.export.overlays import overlay
from fastcam.images.photos import read_photo
from fastcam.results import Explanation


class Pictures:
    """Overlays of a row of results for any of the worst cases: its photo and class, by that row's model and method.

    Parameters
    ----------
    models
        By name, as they were evaluated.
    results
        Of `fastcam.evaluate.evaluate`.
    annotations
        The photos' paths now, by their ids; photos that they lack are looked for where they were.
    """

    def __init__(
        self, models: Mapping[str, Classifier], results: Mapping[str, Any], annotations: Annotations | None = None
    ) -> None:
        self._models, self._results = models, results
        self._protocol = protocol_of(results["plan"])
        self._paths = dict(zip(annotations.ids, annotations.paths, strict=True)) if annotations else {}

    def __call__(self, row: int, case: int) -> NDArray[np.uint8] | str | None:
        """Return the overlay of a row and the number of a worst case.

        The box is the row's own by the convention of the results, in whole pixels.

        Returns
        -------
        (H, W, 3) uint8, str or None
            RGB; a text why there is no picture, where the photo can't be read or explained any more; None of a
            baseline, or of another model.
        """
        of, one = self._results["rows"][row], self._results["worst"][case]
        model = self._models.get(of["model"])
        if model is None:
            return None
        try:
            return self._drawn(model, of["method"], one)
        except (FastcamError, OSError) as error:
            return str(error)

    def _drawn(self, model: Classifier, method: str, one: Mapping[str, Any]) -> NDArray[np.uint8]:
        path, rule = self._paths.get(one["id"]) or one["path"], self._protocol.rule
        photo = read_photo(path, model.preprocess.levels, model.preprocess.background)
        layers: Sequence[str] | None = self._results["plan"]["layers"] or None
        found = model.explain(
            photo,
            class_index=one["class_index"],
            method=method,
            layer=layers,
            convention=rule.name,
            threshold=rule.threshold,
        )
        return np.asarray(overlay(photo, replace(found, boxes=self._boxes(found)), label=False))

    def _boxes(self, found: Explanation) -> Boxes:
        """Return the box of the one map as results have it: those of an explanation know no dense convention."""
        height, width = found.image_sizes[0].tolist()
        cutter = Cutter(self._protocol, found.part(), (height, width))
        box = cutter.largest(found.activation_maps[0], np.array([self._protocol.rule.threshold]))
        xyxy = np.rint(cutter.in_photo(box)).astype(np.int32)
        return replace(found.boxes, xyxy=xyxy, area=xyxy.any(axis=-1).astype(np.int32))
