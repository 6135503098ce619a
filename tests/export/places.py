"""Explanations of a signal, a volume or a clip, made by hand of one map, with its box."""

from typing import Any

import numpy as np

import fastcam
from fastcam.results import Explanation
from fastcam.results.boxes import corners


def explained(one: Any, size: Any, labels=("a", "b"), **more: Any) -> Explanation:
    """Return the explanation of an image of that size and class 1, whose map covers all of it."""
    maps, rank = np.asarray(one, np.float32)[None, None], len(size)
    boxes: Any = fastcam.find_boxes(maps, size)
    assert corners(boxes).shape == (1, 1, 2 * rank)
    values: dict[str, Any] = {
        "class_index": np.array([[1]]),
        "scores": np.array([[0.75]], np.float32),
        "logits": np.array([[0.0, 1.1]], np.float32),
        "activation_maps": maps,
        "boxes": boxes,
        "image_sizes": np.array([size]),
        "regions": np.array([(*[0] * rank, *size[::-1])]),
        "labels": labels,
        "head": None,
    }
    words = {"method": "gradcam", "convention": "paper", "preprocess": "", "provider": "", "engine": "cpu"}
    return Explanation(**{**values, **words, "threshold": 0.2, "connectivity": 2, **more})
