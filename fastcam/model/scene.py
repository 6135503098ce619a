"""What a model gave for one image, tensor by tensor, and how to look closer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.model.graph import Graph
from fastcam.model.layouts import Layout, Size, layouts
from fastcam.model.probing import TailRun
from fastcam.model.quantised import is_quantised, nonnegative
from fastcam.model.tail import cut_tail
from fastcam.watch import Watch


@dataclass(frozen=True, eq=False)
class Scene:
    """What a model gave for one image.

    Attributes
    ----------
    values
        Of tensors that were looked at, and of shapes; real numbers throughout, (N, ...).
    image
        (height, width) of the image.
    grids
        (h, w) of feature maps that were seen, and of their halves.
    folder
        Where the model's weights are, if not inside.
    """

    graph: Graph
    values: Mapping[str, NDArray[Any]]
    image: Size
    grids: frozenset[Size]
    folder: Path | None
    watch: Watch

    def run(self, start: str, ends: Sequence[str]) -> TailRun:
        """The tail between tensors.

        Raises
        ------
        ModelError
            The ends depend on the image by a path that doesn't pass the start, or ONNX Runtime can't load the tail.
        """
        maps = self.values[start]
        tail = cut_tail(self.graph, start, ends, self.values, self._nonnegative)
        return TailRun(tail, self.folder, len(maps), maps.shape[1:], self.watch)

    @cached_property
    def _nonnegative(self) -> frozenset[str]:
        return nonnegative(self.graph) if is_quantised(self.graph) else frozenset()

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """As seen; None for what is no array."""
        return self.values[tensor].shape if tensor in self.values else None

    def holds_scores(self, tensor: str) -> bool:
        """A vector for each image, axes of one entry aside; not a map of scores, nor boxes."""
        values = self.values.get(tensor)
        return values is not None and values.size > 0 and np.squeeze(values[:1]).ndim <= 1

    def layouts(self, tensor: str) -> list[Layout]:
        """Every layout that a tensor can have; none if it can't hold feature maps."""
        maps = self.values.get(tensor)
        if maps is None or maps.dtype.kind != "f" or tensor == self.graph.image or not np.isfinite(maps).all():
            return []
        return layouts(maps.shape, self.image, self.grids)

    def spread(self, tensor: str) -> float:
        """The standard deviation of a tensor's values; 1 where they are all the same."""
        return float(self.values[tensor].std(dtype=np.float64)) or 1.0
