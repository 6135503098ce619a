"""The input of a model: a batch of images, or of signals, volumes or clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from fastcam.arrays.checks import LONGEST
from fastcam.errors import InputError, ModelError
from fastcam.images.preprocessing import LARGEST_SIDE

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
Axes = Literal["NCW", "NWC", "NCHW", "NHWC", "NCDHW", "NDHWC"]
FIRST: dict[int, Axes] = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
"""Layouts with channels first, by rank, the number of axes of places; a clip's frames are its axis D."""
LAST: dict[int, Axes] = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
"""Layouts with channels last, by rank."""
OPEN = {1: (1024,), 2: (224, 224), 3: (32, 96, 96)}  # sizes where neither the model nor the caller says one
EXPECTED = (
    "(N, C, H, W) or (N, H, W, C) of images, (N, C, W) or (N, W, C) of signals, or (N, C, D, H, W) or (N, D, H, W, C) "
    "of volumes or clips"
)


class Likely(NamedTuple):
    """The axis of the channels, and their number, as the first operator that mixes channels shows them."""

    is_last: bool
    channels: int

    def fits(self, sides: Sequence[int | None]) -> bool:
        """Return whether an input with these sides behind the batch, None for open ones, can be so."""
        return sides[-1 if self.is_last else 0] in (None, self.channels)


@dataclass(frozen=True)
class ImageInput:
    """The input of a classifier, of images unless the layout says another rank; sizes that the model leaves open: None.

    Attributes
    ----------
    name, dtype
        Of the tensor.
    layout
        Its axes: "NCHW" or "NHWC"; "NCW" or "NWC" of signals; "NCDHW" or "NDHWC" of volumes, and clips with time as D.
    batch, channels
        N and C.
    places
        Sizes of the axes of places: (W,), (H, W) or (D, H, W).
    """

    name: str
    dtype: Any
    layout: Axes
    batch: int | None
    channels: int
    places: tuple[int | None, ...]

    @classmethod
    def of(cls, name: str, kind: str, shape: Sequence[Any], likely: Likely | None = None) -> ImageInput:
        """Return the input of ONNX Runtime's type and shape, such as "tensor(float)" and ["N", 3, 224, 224].

        Parameters
        ----------
        name, kind, shape
            Name, type and shape of the input, from ONNX Runtime.
        likely
            The axis of the channels, where the operators show it.

        Returns
        -------
        ImageInput
            Its channels are where `channel_axis` finds them.

        Raises
        ------
        ModelError
            Not a batch of images, signals or volumes.
        """
        described, rank = f"{name!r} {kind} {list(shape)}", len(shape) - 2
        if kind not in DTYPES or rank not in FIRST:
            raise ModelError(f"expected an input of floats or uint8, {EXPECTED}; got {described}")
        batch, *sides = (side if isinstance(side, int) and side > 0 else None for side in shape)
        last, channels = channel_axis(sides, likely)
        if rank != 2 and channels is None:
            raise ModelError(f"expected an input with a known number of channels; got {described}")
        layout = (LAST if last else FIRST)[rank]
        return cls(name, DTYPES[kind], layout, batch, channels or 3, tuple(sides[:-1] if last else sides[1:]))

    @property
    def rank(self) -> int:
        """Number of axes of places: 1 of signals, 2 of images, 3 of volumes and clips."""
        return len(self.places)

    @property
    def is_channels_last(self) -> bool:
        """True where the channels are the last axis."""
        return self.layout.endswith("C")

    @property
    def is_open(self) -> bool:
        """True if the model leaves a size of its places open."""
        return None in self.places

    @property
    def axes(self) -> tuple[int, ...]:
        """Numbers of the axes of places in the tensor."""
        first = 1 if self.is_channels_last else 2
        return tuple(range(first, first + self.rank))

    def sides(self, preferred: Sequence[int] | None = None) -> tuple[int, ...]:
        """Return sizes of the places: the model's own; those that it leaves open as preferred, else as in `OPEN`.

        Preferred sizes that are all the same are meant for any rank.

        Raises
        ------
        InputError
            Another number of preferred sizes than axes of places.
        """
        others = places_of(preferred, self.rank) if preferred else OPEN[self.rank]
        return tuple(own or other for own, other in zip(self.places, others, strict=True))

    def arranged(self, places: Sequence[Any]) -> tuple[Any, ...]:
        """Return channels and places in the order of the layout."""
        return (*places, self.channels) if self.is_channels_last else (self.channels, *places)

    def batch_shape(self, preferred: Sequence[int] | None = None) -> tuple[int, ...]:
        """Return the shape of the smallest batch that the model takes, at the size of `sides`."""
        return (self.batch or 1, *self.arranged(self.sides(preferred)))

    @property
    def shape(self) -> str:
        """Shape and dtype for people, with the letters of the documentation."""
        letters = self.layout[1:].replace("C", "")
        places = [size or letter for size, letter in zip(self.places, letters, strict=True)]
        inner = ", ".join(map(str, self.arranged(places)))
        return f"({self.batch or 'N'}, {inner}) {np.dtype(self.dtype).name}"


def places_of(size: Sequence[int], rank: int) -> tuple[int, ...]:
    """Return a size for an input of that rank: all of its sides, or of equal ones as many as are needed.

    Raises
    ------
    InputError
        A size of another rank, or longer sides than any image has.

    Examples
    --------
    >>> places_of((16, 112, 112), 3), places_of((64, 64), 3)
    ((16, 112, 112), (64, 64, 64))
    """
    sides = tuple(size) if len(set(size)) > 1 else tuple(size[:1]) * rank
    if len(sides) != rank or (rank > 1 and max(sides) > LONGEST):
        letters = ", ".join("DHW"[-rank:])
        raise InputError(f"size: expected ({letters}), as the model takes; got {sides}")
    if rank > 1 and max(sides) > LARGEST_SIDE:
        letters = "height, width" if rank == 2 else "depth, height, width"
        raise InputError(f"size: expected ({letters}), 1 to {LARGEST_SIDE}; got {sides}")
    return sides


def channel_axis(sides: Sequence[int | None], likely: Likely | None = None) -> tuple[bool, int | None]:
    """Return whether channels come last, and their number, of the sides of an input without its batch.

    What the operators show decides; then one or three entries, as of grey or colours; then the shorter axis, as images
    have more rows, and signals more samples, than channels; and of equals the first, as in ONNX's own order.

    Examples
    --------
    >>> channel_axis([24, 36, 3]), channel_axis([12, 5000]), channel_axis([128, 9], Likely(True, 9))
    ((True, 3), (False, 12), (True, 9))
    """
    first, last = sides[0], sides[-1]
    if likely is not None and likely.fits(sides):
        return likely.is_last, likely.channels
    if first in (1, 3) or last in (1, 3):
        is_last = first not in (1, 3)
    else:
        is_last = last is not None and (first is None or last < first)
    return is_last, last if is_last else first
