"""One image of an explanation: what iterating over an `Explanation` yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fastcam.results import html
from fastcam.results.found import Found
from fastcam.results.text import lines_of

SIDES = {1: ("length",), 2: ("width", "height"), 3: ("width", "height", "depth")}  # x first, by the rank of an image


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ImageExplanation(Sequence[Found]):
    """The explanation of one image: a sequence of its classes, as `Found`, in the order of `Explanation.class_index`.

    Attributes
    ----------
    found
        The M classes.
    image_index
        Number of the image, as in `Explanation.image_index`.
    image_size, region
        (height, width) of the image, and xyxy of the part of its plane that the network saw; (length,) and xx of a
        signal, (depth, height, width) and xyzxyz of a volume.
    logits
        (K,) float32, of all classes: a view.
    image
        The image's pixels (H, W, 3) uint8 if the explanation has them (`explain(keep_images=True)`), else None.
    settings
        How maps and boxes were made: method, how, layers, convention, threshold, connectivity and engine, as in
        `Explanation`.
    moment
        Of a frame of a stream, its number, time stamp, timings in milliseconds and description of `steady`.
    """

    found: tuple[Found, ...]
    image_index: int
    image_size: tuple[int, ...]
    region: tuple[int, ...]
    logits: NDArray[np.float32]
    image: NDArray[np.uint8] | None
    settings: Mapping[str, Any]
    moment: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, index: int) -> Found: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Found, ...]: ...
    def __getitem__(self, index: int | slice) -> Found | tuple[Found, ...]:
        return self.found[index]

    def __repr__(self) -> str:
        return lines_of(self._title(), [self.image_index], len(self.found), lambda _, m: self.found[m].cells())

    def _repr_html_(self) -> str:
        """Return the table that notebooks show."""
        return html.table(self._title(), [html.Row(self.image_index, self.image_size, self.found, self.image)], 1)

    def _title(self) -> str:
        made = ", ".join(f"{name}={self.settings[name]!r}" for name in ("method", "convention", "engine"))
        return f"ImageExplanation(image {self.image_index}, size {self.image_size}, {made})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: size, part that the network saw, and a record of each class.

        Returns
        -------
        The entry of this image in `Explanation.to_dict()["images"]`, but for its number, `image_index`.
        """
        sides = zip(SIDES[len(self.image_size)], reversed(self.image_size), strict=True)
        maps = [item.to_dict() | {**self.settings, "layers": list(self.settings["layers"])} for item in self.found]
        return {**self.moment, "size": dict(sides), "seen": list(self.region), "maps": maps}
