"""One class of one image: what iterating over an `ImageExplanation` yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.results.heatmap import heatmap_of
from fastcam.results.text import legible, score_text


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Found:
    """One class of one image: its score, its activation map and the box of that.

    Attributes
    ----------
    label
        Name of the class, or None where no names are known; `name` always has a text.
    class_index, score, logit
        The class, its score as in `Explanation.scores`, and its logit.
    is_probability
        True if the score is a probability, not a value of another kind.
    rank
        Place of the class among all K by logit, from 1: the class of rank 1 is what the model predicts.
    box
        x0, y0, x1, y1 in the image's pixels, half-open: `image[y0:y1, x0:x1]` is the crop; of a signal x0, x1, of a
        volume x0, y0, z0, x1, y1, z1. None if the map has no component.
    area, peak
        Number of pixels of the box's component, and maximum of the upsampled map.
    activation_map
        (h, w) float32, raw: a view of `Explanation.activation_maps`.
    limits
        (2,) float32, the raw values between which the map is to be coloured; None: the map's own.
    image_index, map_index
        Number of the image, as in `Explanation.image_index`, and which of its maps this is.
    image_size, region
        (height, width) of the image, and xyxy of the part of its plane that the map covers; (length,) and xx of a
        signal, (depth, height, width) and xyzxyz of a volume.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea, coffee
    >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
    >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
    >>> for found in model.explain([chelsea(), coffee()]):
    ...     for item in found:
    ...         print(item.image_index, item.label, item.rank, item.activation_map.shape, item.heatmap().shape)
    0 Egyptian cat 1 (13, 13) (300, 451)
    1 espresso 1 (13, 13) (400, 600)
    """

    label: str | None
    class_index: int
    score: float
    logit: float
    is_probability: bool
    rank: int
    box: tuple[int, ...] | None
    area: int
    peak: float
    activation_map: NDArray[np.float32]
    limits: NDArray[np.float32] | None
    image_index: int
    map_index: int
    image_size: tuple[int, ...]
    region: tuple[int, ...]

    @property
    def name(self) -> str:
        """The class for people: its label, or its number where no names are known."""
        return f"class {self.class_index}" if self.label is None else self.label

    @property
    def score_text(self) -> str:
        """The score for people: a share in per cent, or a value of four digits."""
        return score_text(self.score, self.is_probability)

    @property
    def box_text(self) -> str:
        """The box for people."""
        return "no box" if self.box is None else f"box {list(self.box)}"

    def heatmap(self, *, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return the map as a heatmap (H, W) in [0, 1] over the image: see `Explanation.heatmap`."""
        return heatmap_of(self.activation_map, self.region, self.image_size, self.limits, dtype)

    def cells(self) -> tuple[str, str, str]:
        """Return class, score and box for people."""
        name = f"class {self.class_index}" if self.label is None else f"{self.class_index} {legible(self.label, 40)}"
        return name, self.score_text, self.box_text

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: class, label, logit, score, rank, box, area and peak."""
        return {
            "class_index": self.class_index,
            "label": self.label,
            "logit": self.logit,
            "score": self.score,
            "is_probability": self.is_probability,
            "rank": self.rank,
            "box": None if self.box is None else list(self.box),
            "area": self.area,
            "peak": self.peak,
        }

    def __repr__(self) -> str:
        return f"Found({', '.join(self.cells())}, image {self.image_index})"
