"""Average drop and increase in confidence, when the model sees no more than the map shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcam.evaluate.metrics.faithfulness import Faithfulness, Floats
from fastcam.evaluate.metrics.metric import Figure


@dataclass(eq=False, kw_only=True)
class AverageDrop(Faithfulness):
    """Average drop and increase in confidence, when the model sees the image times the map.

    Chattopadhyay et al. 2018, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional
    Networks", section 4.1: with Y the score of a class on the image, and O that on the explanation map `E = L · I`, the
    image I times the map L,

    - `average_drop` is the mean of `max(0, Y - O) / Y` (0 where Y is 0), in [0, 1]: less is better;
    - `increase_in_confidence` is the share of maps with `O > Y`: more is better.

    L is the heatmap at the size of the network input, bilinear, between 0 and 1 by its own extrema there. Cost: a
    forward for each map and image. The paper gives percent.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
    >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
    >>> measure = AverageDrop()
    >>> measure.update(model, chelsea(), model.explain(chelsea()))
    >>> {name: round(value, 2) for name, value in measure.summary().items() if name != "method"}
    {'maps': 1, 'average_drop': 0.69, 'increase_in_confidence': 0.0}
    """

    name = "average_drop"
    title = "Confidence"
    figures = (
        Figure("average_drop", "average drop", -1, column="average drop"),
        Figure("increase_in_confidence", "increase in confidence", 1, column="increase"),
    )

    @property
    def points(self) -> int:
        return 1

    def changed(self, image: Floats, relevance: Floats) -> Iterator[Floats]:
        low, high = relevance.min(), relevance.max()
        yield image * ((relevance - low) / (high - low) if high > low else np.zeros_like(relevance))

    def values_of(self, rows: Floats) -> dict[str, NDArray[np.float64]]:
        before, after = rows.T.astype(np.float64)
        drop = np.divide(np.maximum(0, before - after), before, out=np.zeros_like(before), where=before > 0)
        return {"average_drop": drop, "increase_in_confidence": (after > before).astype(np.float64)}
