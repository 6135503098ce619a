"""How images are to be explained, what is kept of each, and how that becomes one `Explanation`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.conventions import Convention
from fastcam.arrays.engines.engine import Engine
from fastcam.arrays.resampling import Region
from fastcam.model.gradient.at_layers import LayerRun
from fastcam.model.run.batches import Progress


class Plan(NamedTuple):
    """The checked options of `Classifier.explain`.

    `wanted`: so many of the best classes, or indices (N, M); `layers`: tensors in place of the head's feature maps;
    `batch_size`, `progress`: of methods that ask the model again.
    """

    method: str
    rule: Convention
    connectivity: int
    run: Engine
    wanted: int | NDArray[np.int64]
    layers: tuple[str, ...] = ()
    batch_size: int | None = None
    progress: Progress | None = None

    def classes(self, n: int) -> int | NDArray[np.int64]:
        """What is wanted of image n."""
        return self.wanted if isinstance(self.wanted, int) else self.wanted[n]

    def of_image(self, n: int, count: int) -> Plan:
        """The plan for image n of so many, whose progress is that of all of them."""
        tell = self.progress
        if tell is None:
            return self
        return self._replace(progress=lambda done, total: tell(n * total + done, count * total))


class Seen(NamedTuple):
    """What the network made of one image.

    Logits and scores (K,), feature maps (1, ...) in the model's own layout, where the engine works; the network input
    (1, ...); the image's size, the region that was seen, and the seconds that preprocessing and inference took; what
    other layers made of it for the first class, where that came along.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    feature_maps: Any
    network_input: NDArray[Any]
    size: tuple[int, int]
    region: Region
    seconds: tuple[float, float]
    at_layers: LayerRun | None = None
