"""Overlays of the worst cases of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam import conventions
from fastcam.classifier import Classifier
from fastcam.evaluate.outcome import protocol_of
from fastcam.overlays import overlay


class Pictures:
    """The overlay of a row of results for any of the worst cases: its photo and class, by that row's model and method.

    Parameters
    ----------
    models
        By name, as they were evaluated.
    results
        Of `fastcam.evaluate.evaluate`.
    """

    def __init__(self, models: Mapping[str, Classifier], results: Mapping[str, Any]) -> None:
        self._models, self._results = models, results
        self._protocol = protocol_of(results["plan"])

    def __call__(self, row: int, case: int) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8, RGB, of a row and the number of a worst case; None for a baseline, or for another model.

        The box is the row's own, where the convention is one of `fastcam.find_boxes`; else there is none.

        Raises
        ------
        InputError, ModelError
            As `Classifier.explain`.
        """
        of, one = self._results["rows"][row], self._results["worst"][case]
        model, rule = self._models.get(of["model"]), self._protocol.rule
        if model is None:
            return None
        layers: Sequence[str] | None = self._results["plan"]["layers"] or None
        explanation = model.explain(
            one["path"],
            class_index=one["class_index"],
            method=of["method"],
            layer=layers,
            convention=rule.name,
            threshold=rule.threshold,
        )
        has_box = self._protocol.convention in conventions.CONVENTIONS
        return np.asarray(overlay(one["path"], explanation, box=has_box, label=False))
