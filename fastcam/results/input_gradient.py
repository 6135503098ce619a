"""Results of `Classifier.input_gradient`: frozen values, which show themselves as heatmaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.arrays.scalars import check_index
from fastcam.results.heatmap import heatmap_of
from fastcam.results.text import counted, legible, lines_of


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class InputGradient:
    """Gradients at the network input of N images × M classes, as `Classifier.input_gradient` returns them.

    Attributes
    ----------
    class_index
        (N, M) int64, the classes, best first when they were chosen by `top`.
    logits
        (N, K) float32, of all classes.
    gradients
        (N, M, C, H, W) float32, raw: d logit / d network input, in the network input's own channels and units, channels
        first whatever the model's layout; or what the method has in place of that. (N, M, C, h, w) of a layer.
    activation_maps
        (N, M, H, W) float32, 0 and more: what the method makes of them, for `heatmap`, `find_boxes` and `overlay`.
    network_inputs
        (N, C, H, W) float32: where the gradients were taken, noise aside; integers as they are.
    image_sizes, regions
        (N, 2) and (N, 4) int64, as of `Explanation`: the region is what the gradients cover. (N, 1) and (N, 2) of
        signals, (N, 3) and (N, 6) of volumes; then the arrays above have those places in place of H and W.
    labels
        Class names by class index, or None.
    method
        Its name.
    layer
        The tensor that the gradients are of.
    samples, noise, seed
        Of SmoothGrad; one sample is none.
    preprocess, provider
        As of `Explanation`.
    """

    class_index: NDArray[np.int64]
    logits: NDArray[np.float32]
    gradients: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    network_inputs: NDArray[np.float32]
    image_sizes: NDArray[np.int64]
    regions: NDArray[np.int64]
    labels: tuple[str, ...] | None
    method: str
    layer: str
    samples: int
    noise: float
    seed: int
    preprocess: str
    provider: str

    def heatmap(self, n: int = 0, m: int = 0, *, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return map m of image n as a heatmap (H, W) in [0, 1] over the image: see `Explanation.heatmap`."""
        n, m = (check_index(*one) for one in zip(("n", "m"), (n, m), self.class_index.shape, strict=True))
        region, size = tuple(self.regions[n].tolist()), tuple(self.image_sizes[n].tolist())
        return heatmap_of(self.activation_maps[n, m], region, size, dtype=dtype)

    def __repr__(self) -> str:
        count, maps = self.class_index.shape
        shape = f"{counted(count, 'image', 'images')} × {counted(maps, 'class', 'classes')}"
        of = "×".join(map(str, self.gradients.shape[2:]))
        title = f"InputGradient({shape}, method={self.method!r}, layer={legible(self.layer)!r}, gradients {of})"
        return lines_of(title, range(count), maps, self._cells)

    def _cells(self, n: int, m: int) -> tuple[str, ...]:
        index = int(self.class_index[n, m])
        name = f"{index} {legible(self.labels[index], 40)}" if self.labels else f"class {index}"
        return name, f"logit {self.logits[n, index]:.4g}"
