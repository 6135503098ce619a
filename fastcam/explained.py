"""How images are to be explained, what is kept of each, and how that becomes one `Explanation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.conventions import Convention
from fastcam.engines import Engine
from fastcam.forwards import Progress
from fastcam.geometry import Region
from fastcam.layers import LayerRun
from fastcam.results import Boxes, Explanation


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


class Explained(NamedTuple):
    """What is kept of one image: class indices (M,), logits and scores (K,), maps (M, h, w), boxes, size, region, the
    seconds that preprocessing, inference and localisation took, and how the method got its weights.
    """

    class_index: NDArray[np.int64]
    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    boxes: Boxes
    size: tuple[int, int]
    region: Region
    seconds: tuple[float, float, float]
    how: str


def gather(found: Sequence[Explained], plan: Plan, **model: Any) -> Explanation:
    """All images in one, with what holds for the model: labels, head, preprocess and provider."""
    index = np.stack([one.class_index for one in found]).astype(np.int64)
    preprocessing, inference, localisation = (sum(times) for times in zip(*(one.seconds for one in found), strict=True))
    return Explanation(
        class_index=index,
        scores=np.take_along_axis(np.stack([one.scores for one in found]), index, axis=1),
        logits=np.stack([one.logits for one in found]),
        activation_maps=np.stack([one.activation_maps for one in found]),
        boxes=Boxes(
            np.stack([one.boxes.xyxy for one in found]),
            np.stack([one.boxes.area for one in found]),
            np.stack([one.boxes.peak for one in found]),
        ),
        image_sizes=np.array([one.size for one in found], np.int64),
        regions=np.array([one.region for one in found], np.int64),
        method=plan.method,
        how=found[0].how,
        layers=plan.layers,
        convention=plan.rule.name,
        threshold=plan.rule.threshold,
        connectivity=plan.connectivity,
        engine=plan.run.name,
        timings={"preprocessing": preprocessing, "inference": inference, "localisation": localisation},
        **model,
    )
