"""The input of a model that takes images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fastcam.errors import ModelError

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True)
class ImageInput:
    """The image input of a classifier; a size that the model leaves open is None."""

    name: str
    dtype: Any
    layout: Literal["NCHW", "NHWC"]
    batch: int | None
    channels: int
    height: int | None
    width: int | None

    @classmethod
    def of(cls, name: str, kind: str, shape: Sequence[Any], likely: tuple[str, int] | None = None) -> ImageInput:
        """Return the input of ONNX Runtime's type and shape, such as "tensor(float)" and ["N", 3, 224, 224].

        Parameters
        ----------
        name, kind, shape
            Name, type and shape of the input, from ONNX Runtime.
        likely
            Layout and channels by the model's first operators, if the shape leaves the axis of the channels open.

        Returns
        -------
        ImageInput
            Its channels are the axis of 1 or 3 if there is one, else as is likely, else the smaller one of the first
            and the last, and of equals the first: ONNX's own order.

        Raises
        ------
        ModelError
            Not a batch of images.
        """
        described = f"{name!r} {kind} {list(shape)}"
        if kind not in DTYPES or len(shape) != 4:
            raise ModelError(
                f"expected an input of four axes, (N, C, H, W) or (N, H, W, C), of floats or uint8; got {described}"
            )
        batch, *rest = (side if isinstance(side, int) and side > 0 else None for side in shape)
        layout, found = _channel_axis(rest, likely)
        if layout == "NHWC":
            height, width, channels = rest
        else:
            channels, height, width = rest
        return cls(name, DTYPES[kind], layout, batch, channels or found, height, width)

    def sides(self, preferred: tuple[int, int] | None = None) -> tuple[int, int]:
        """Return (height, width): the model's own; if it leaves them open, the preferred ones, else 224."""
        height, width = preferred or (224, 224)
        return self.height or height, self.width or width

    def batch_shape(self, preferred: tuple[int, int] | None = None) -> tuple[int, int, int, int]:
        """Return the shape of the smallest batch that the model takes, at the size of `sides`."""
        height, width = self.sides(preferred)
        sides = (self.channels, height, width) if self.layout == "NCHW" else (height, width, self.channels)
        return (self.batch or 1, *sides)

    @property
    def shape(self) -> str:
        """Shape and dtype for people, with the letters of the documentation."""
        sides = f"{self.height or 'H'}, {self.width or 'W'}"
        inner = f"{self.channels}, {sides}" if self.layout == "NCHW" else f"{sides}, {self.channels}"
        return f"({self.batch or 'N'}, {inner}) {np.dtype(self.dtype).name}"


def _channel_axis(sides: Sequence[int | None], likely: tuple[str, int] | None) -> tuple[Literal["NCHW", "NHWC"], int]:
    """Return the layout of an input, given its sides without the batch, and its channels where these are open."""
    first, _, last = sides
    usual = first in (1, 3) or last in (1, 3)
    if likely is not None and not usual:
        layout, channels = likely
        if (last if layout == "NHWC" else first) in (None, channels):
            return "NHWC" if layout == "NHWC" else "NCHW", channels
    is_last = first not in (1, 3) if usual else last is not None and (first is None or last < first)
    return "NHWC" if is_last else "NCHW", 3
