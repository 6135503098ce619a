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
            Layout and channels, if the shape leaves the channels open.

        Returns
        -------
        ImageInput

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
        last = rest[2] in (1, 3) and rest[0] not in (1, 3)
        if rest[0] is None and rest[2] is None and likely is not None:
            last = likely[0] == "NHWC"
            rest[2 if last else 0] = likely[1]
        channels, height, width = (rest[2], rest[0], rest[1]) if last else rest
        if channels not in (None, 1, 3):
            raise ModelError(f"expected an input of 1 or 3 channels; got {described}")
        return cls(name, DTYPES[kind], "NHWC" if last else "NCHW", batch, channels or 3, height, width)

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
