"""Options of an explanation, and what the network saw of one image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays import conventions, engines
from fastcam.arrays.conventions import Convention
from fastcam.arrays.engines.engine import Engine
from fastcam.methods.method import Method
from fastcam.model.gradient.at_layers import LayerRun
from fastcam.model.run.batches import Progress
from fastcam.model.run.constants import Constants


def _cpu() -> Engine:
    return engines.named("cpu")


def _paper() -> Convention:
    return conventions.named("paper")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Options:
    """Options of `Classifier.explain`, checked.

    Attributes
    ----------
    method
        Record of the method.
    wanted
        Number of best classes, or class indices (N, M), row n for image n.
    layers
        Tensors in place of the head's feature maps.
    convention, connectivity
        Rule that makes boxes, and which pixels are neighbours.
    engine
        What runs the kernels.
    batch_size, progress
        Masked images at once, and a function of (done, total), for methods that run the model again.
    """

    method: Method
    wanted: int | NDArray[np.int64] = 1
    layers: tuple[str, ...] = ()
    convention: Convention = field(default_factory=_paper)
    connectivity: int = 8
    engine: Engine = field(default_factory=_cpu)
    batch_size: int | None = None
    progress: Progress | None = None

    def classes(self, n: int) -> int | NDArray[np.int64]:
        """Return the number of best classes, or the class indices (M,), of image n."""
        return self.wanted if isinstance(self.wanted, int) else self.wanted[n]

    @property
    def reads_input(self) -> bool:
        """True if the method reads the network input, besides what the network makes of it."""
        return bool(self.layers) or self.method.reads_input

    def of_image(self, n: int, count: int) -> Options:
        """Return options for image n out of `count`, whose progress is that of all of them."""
        report = self.progress
        if report is None:
            return self

        def of_all(done: int, total: int) -> object:
            return report(n * total + done, count * total)

        return replace(self, progress=of_all)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Seen:
    """One image as the network saw it.

    Attributes
    ----------
    network_input
        (1, ...) in the model's own layout and dtype; on a CUDA device, if it was given there and the method doesn't
        read it.
    feature_maps
        (1, ...) in the model's own layout, where the engine works; None where `at_layers` is given.
    logits, scores
        (K,) float32.
    at_layers
        Feature maps and gradients at other layers, for the first class, if they were computed along with the logits.
    constants
        Values of further inputs of the model, other than at loading.
    holds
        False where the head is exact, but its class weights are others with these constants.
    """

    network_input: Any
    feature_maps: Any
    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    at_layers: LayerRun | None = None
    constants: Constants = field(default_factory=dict)
    holds: bool = True
