"""A model's values for one image, tensor by tensor, and its tails between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ValueInfoProto

from fastcam.images.inputs import FIRST, LAST
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.quantization import is_quantized
from fastcam.model.graph.tail import Tail, cut_tail
from fastcam.model.head.layouts import Layout, Places, planar, possible_layouts
from fastcam.model.head.tail_run import TailRun
from fastcam.model.run.limits import Watch

# A ReLU is folded into a quantisation whose least value is at most so many steps below zero, where values before it
# fall below that by more than an error of rounding.
NEAR_ZERO, BELOW = 16.0, 2.0

UPRIGHT = frozenset({*FIRST.values(), *LAST.values()})
NOT_FINITE = (
    "its values aren't finite on the probe image",
    "its values aren't finite on the probe image: float16 ends at 65504",
)


def _variants(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the values with other weights along the second or last axis, one of which is the channels'."""
    rng, found = np.random.default_rng(6), []
    for axis in (1, values.ndim - 1):
        shape = [1] * values.ndim
        shape[axis] = values.shape[axis]
        factors = [rng.uniform(0, 2, shape), rng.choice([0.0, 4.0], shape)]
        found += [(values * factor).astype(np.float32) for factor in factors]
    return found


@dataclass(frozen=True, eq=False)
class Scene:
    """Values of a model for one image.

    Attributes
    ----------
    values
        Of tensors that were looked at, and of shapes; real numbers throughout, (N, ...).
    image
        Sizes of the image's places: (W,), (H, W) or (D, H, W).
    grids
        Those of feature maps that were seen, and their halves.
    planes
        Tensors whose positions are places of the image by construction (`planes`).
    folder
        Where the model's weights are, if not inside.
    """

    graph: Graph
    values: Mapping[str, NDArray[Any]]
    image: Places
    grids: frozenset[Places]
    planes: Mapping[str, str]
    folder: Path | None
    watch: Watch

    @property
    def lead(self) -> int:
        """Number of images that the model was run on."""
        return len(self.values[self.graph.image])

    def tail(self, start: str, ends: Sequence[str], clipped: Collection[str] | None = None) -> Tail:
        """Cut out the tail between tensors.

        Parameters
        ----------
        clipped
            Tensors that their quantisation clips, as known from a longer tail; None: what is seen at the start decides.

        Raises
        ------
        ModelError
            The ends depend on the image by a path that doesn't pass the start.
        """
        if clipped is None:
            clipped = self._clipped(start, ends) if self._is_quantized else ()
        return cut_tail(self.graph, start, ends, self.values, clipped)

    def tail_run(self, start: str, ends: Sequence[str], clipped: Collection[str] | None = None) -> TailRun:
        """Open the tail between tensors; parameters and errors as of `tail`, or ONNX Runtime can't load it."""
        tail = self.tail(start, ends, clipped)
        return TailRun(tail, self.folder, self.lead, self.values[start].shape[1:], self.watch)

    @cached_property
    def _is_quantized(self) -> bool:
        return is_quantized(self.graph)

    def _clipped(self, start: str, ends: Sequence[str]) -> set[str]:
        """Return results with a ReLU folded in: values before them fall below their range, on the image or variants."""
        tail = cut_tail(self.graph, start, ends, self.values, None)
        if not tail.clips:
            return set()
        names = [name for _, *three in tail.clips for name in three]
        body = tail.model.graph
        del body.output[:]
        body.output.extend(ValueInfoProto(name=name) for name in dict.fromkeys(names))
        seen = self.values[start].astype(np.float32)
        run = TailRun(tail, self.folder, len(seen), seen.shape[1:], self.watch)
        found: set[str] = set()
        for values in (seen[:1], *_variants(seen[:1])):
            got = dict(zip(dict.fromkeys(names), run.run(np.repeat(values, len(seen), axis=0)), strict=True))
            for result, value, least, scale in tail.clips:
                if got[least].size != 1 or got[scale].size != 1:
                    continue
                lowest, step = float(got[least].item()), float(got[scale].item())
                if -lowest <= NEAR_ZERO * step and got[value].min() < lowest - BELOW * step:
                    found.add(result)
        return found

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """Return the shape of a tensor for this image; None for what is no array."""
        return self.values[tensor].shape if tensor in self.values else None

    def holds_scores(self, tensor: str) -> bool:
        """Return whether a tensor is a vector for each image, axes of one entry aside: not a map of scores, nor boxes.

        The first axis has to be that of the images; a model of one image may leave it out.
        """
        values = self.values.get(tensor)
        if values is None or not values.size:
            return False
        if values.ndim == 1:
            return self.lead in (1, len(values))
        return self.is_by_image(tensor) and np.squeeze(values[0]).ndim <= 1

    def is_by_image(self, tensor: str) -> bool:
        """Return whether a tensor's first axis is that of the images."""
        shape = self.shape(tensor)
        return bool(shape) and shape[0] == self.lead

    def unfit(self, tensor: str) -> str:
        """Return the reason why a tensor can't hold feature maps of any layout; empty if it can."""
        maps = self.values.get(tensor)
        if maps is None or tensor == self.graph.image or maps.dtype.kind != "f":
            return "it holds no real numbers that the model makes of the image"
        if not self.is_by_image(tensor):
            return f"its first axis isn't that of the images (here {self.lead})"
        if tensor in self.planes and self.planes[tensor] not in UPRIGHT:
            return "its rows are columns of the image"
        if not np.isfinite(maps).all():
            return NOT_FINITE[maps.dtype == np.float16]
        return "" if maps.ndim in (3, len(self.image) + 2) else "it has no axes of places"

    def layouts(self, tensor: str, *, insisted: bool = False) -> list[Layout]:
        """Return every layout that a tensor can have; none if it can't hold feature maps.

        Parameters
        ----------
        insisted
            The caller says that it does: maps of any proportions will do.
        """
        if self.unfit(tensor):
            return []
        shape = self.values[tensor].shape
        plane = self.planes.get(tensor)
        if len(shape) == len(self.image) + 2 and (plane or insisted):
            return [layout for layout in planar(shape, plane and (plane,)) if layout.count > 1]
        return possible_layouts(shape, self.image, self.grids)

    def is_convolution(self, tensor: str) -> bool:
        """Return whether a convolution made the tensor, with as many axes of places as the image."""
        node, axes = self.graph.producers.get(tensor), len(self.image) + 2
        return node is not None and "Conv" in node.op_type and self.values.get(tensor, np.zeros(0)).ndim == axes

    def plane(self, tensor: str) -> Layout:
        """Return the layout of a convolution's result, or of the image."""
        first, last = planar(self.values[tensor].shape)
        node = self.graph.producers.get(tensor)
        if node is None:
            return last if self.planes.get(tensor) == last.order else first
        return last if self.graph.attribute(node, "channels_last", 0) else first

    def spread(self, tensor: str) -> float:
        """Return the standard deviation of a tensor's values; 1 where they are all the same."""
        return float(self.values[tensor].std(dtype=np.float64)) or 1.0
