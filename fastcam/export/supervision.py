"""Explanations as detections of Roboflow's supervision."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from fastcam.errors import BackendError
from fastcam.export.masks import check_images, mask
from fastcam.results import Explanation


def to_supervision(explanation: Explanation, n: int = 0, *, masks: bool = True) -> Any:
    """Return `supervision.Detections` of image n: boxes, classes, scores, masks, and names of classes if known.

    Parameters
    ----------
    explanation
        Explanation of one or several images.
    n
        Index of the image.
    masks
        Add the mask of each box's component.

    Returns
    -------
    supervision.Detections
        `xyxy` (B, 4) float32, `mask` (B, H, W) bool, `confidence` (B,) float32, `class_id` (B,) int64, of the B maps
        with a box.

    Raises
    ------
    InputError
        An explanation of signals or volumes.
    BackendError
        supervision isn't installed.
    """
    check_images(explanation)
    try:
        detections = import_module("supervision").Detections
    except ImportError as error:
        raise BackendError(f"to_supervision needs supervision ({error}): pip install supervision") from error
    with_box = np.flatnonzero(explanation.boxes.area[n])
    index, size = explanation.class_index[n, with_box], explanation.image_sizes[n].tolist()
    pixels = [mask(explanation, n, m) for m in with_box.tolist()] if masks else []
    names = {"class_name": np.array([explanation.labels[i] for i in index.tolist()])} if explanation.labels else {}
    return detections(
        xyxy=explanation.boxes.xyxy[n, with_box].astype(np.float32).reshape(-1, 4),
        mask=np.array(pixels, np.bool_).reshape(-1, *size) if masks else None,
        confidence=explanation.scores[n, with_box],
        class_id=index.astype(np.int64),
        data=names,
    )
