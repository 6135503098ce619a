"""The table of contenders, for parity checks and timings.

A contender is given the arrays of a case and returns two functions without arguments: one makes boxes (N, M, 4), the
other the same and heatmaps (N, M, H, W) in [0, 1]. What it needs to convert or to allocate first isn't timed. Images of
a batch: fastcam shares them out over threads and PyTorch takes them at once; with NumPy they are done one by one, with
what threads BLAS and OpenCV have of their own.
"""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks.cases import Arrays

Made = tuple[np.ndarray, np.ndarray | None]
Task = Callable[[], Made]


def fastcam_cpu(given: Arrays, threads: int) -> tuple[Task, Task]:
    """Return the public functions of this package."""
    import fastcam

    features, weights, index, size = given.feature_maps, given.class_weights, given.class_index, given.size
    wanted = int(index[0]) if len(index) == 1 else index
    heat = np.empty((len(features), len(index), *size), np.float32)

    def boxes() -> Made:
        return fastcam.localize(features, weights, wanted, size, threads=threads).xyxy, None

    def both() -> Made:
        maps = fastcam.activation_maps(features, weights, wanted, threads=threads)
        found = fastcam.find_boxes(maps, size, threads=threads)
        return found.xyxy, fastcam.heatmaps(maps, size, out=heat, threads=threads)

    return boxes, both


Components = Callable[[np.ndarray], tuple[int, int, int, int]]


def opencv_components(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box of the largest component of a bool mask."""
    import cv2

    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    x, y, width, height, _ = statistics[1 + statistics[1:, cv2.CC_STAT_AREA].argmax()]
    return int(x), int(y), int(x + width), int(y + height)


def cc3d_components(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box of the largest component by connected-components-3d, which returns extents too."""
    import cc3d

    statistics = cc3d.statistics(cc3d.connected_components(mask, connectivity=8), no_slice_conversion=True)
    y0, y1, x0, x1 = statistics["bounding_boxes"][1 + statistics["voxel_counts"][1:].argmax()]
    return int(x0), int(y0), int(x1) + 1, int(y1) + 1


def opencv_resize(one: np.ndarray, size: tuple[int, int], out: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(one, size[::-1], dst=out, interpolation=cv2.INTER_LINEAR)


def skimage_resize(one: np.ndarray, size: tuple[int, int], out: np.ndarray) -> np.ndarray:
    from skimage.transform import resize

    return np.asarray(resize(one, size, order=1, mode="edge", anti_aliasing=False, preserve_range=True))


def skimage_components(mask: np.ndarray) -> tuple[int, int, int, int]:
    from skimage.measure import label, regionprops

    largest = max(regionprops(label(mask, connectivity=2)), key=lambda region: region.area)
    y0, x0, y1, x1 = largest.bbox
    return x0, y0, x1, y1


def numpy_with(resize: Callable[..., np.ndarray], components: Components) -> Callable[..., tuple[Task, Task]]:
    """Return a common implementation: NumPy, a library's resize and connected components, arrays made once."""

    def make(given: Arrays, threads: int) -> tuple[Task, Task]:
        features, weights, size = given.feature_maps, given.class_weights[given.class_index], given.size
        n, channels, h, w = features.shape
        upsampled, mask = np.empty(size, np.float32), np.empty(size, bool)
        boxes = np.empty((n, len(weights), 4), np.int32)
        heat = np.empty((n, len(weights), *size), np.float32)

        def each(heatmap: bool) -> Made:
            for i in range(n):
                maps = (weights @ features[i].reshape(channels, h * w)).reshape(-1, h, w)
                for m, one in enumerate(maps):
                    up = resize(one, size, upsampled)
                    high = up.max()
                    np.greater(up, np.float32(0.2) * high, out=mask)
                    boxes[i, m] = components(mask)
                    if heatmap:
                        low = up.min()
                        np.subtract(up, low, out=heat[i, m], casting="same_kind")
                        heat[i, m] *= np.float32(1 / (high - low))
            return boxes, heat if heatmap else None

        return lambda: each(False), lambda: each(True)

    return make


def pytorch(given: Arrays, threads: int) -> tuple[Task, Task]:
    """Tensors on the CPU: einsum and interpolate, then OpenCV, as PyTorch has no connected components."""
    import torch
    from torch.nn.functional import interpolate

    features = torch.from_numpy(given.feature_maps)
    weights = torch.from_numpy(given.class_weights[given.class_index])

    def each(heatmap: bool) -> Made:
        with torch.inference_mode():
            maps = torch.einsum("mc,nchw->nmhw", weights, features)
            up = interpolate(maps, given.size, mode="bilinear", align_corners=False)
            high = up.amax((2, 3), keepdim=True)
            masks = (up > 0.2 * high).numpy()
            boxes = np.array([[opencv_components(mask) for mask in row] for row in masks], np.int32)
            if not heatmap:
                return boxes, None
            low = up.amin((2, 3), keepdim=True)
            return boxes, up.sub_(low).div_(high - low).numpy()

    return lambda: each(False), lambda: each(True)


class Contender(NamedTuple):
    """A contender: the maker of its functions, and the modules that it needs."""

    make: Callable[[Arrays, int], tuple[Task, Task]]
    needs: tuple[str, ...] = ()

    def missing(self) -> str:
        """The reason to skip it; empty to run it."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f"not installed: {', '.join(absent)} (pip install 'fastcam[peers]')" if absent else ""


CONTENDERS: dict[str, Contender] = {
    "fastcam": Contender(fastcam_cpu),
    "NumPy + OpenCV": Contender(numpy_with(opencv_resize, opencv_components), ("cv2",)),
    "NumPy + OpenCV + cc3d": Contender(numpy_with(opencv_resize, cc3d_components), ("cv2", "cc3d")),
    "NumPy + scikit-image": Contender(numpy_with(skimage_resize, skimage_components)),
    "PyTorch + OpenCV": Contender(pytorch, ("torch", "cv2")),
}


def limits(given: Arrays) -> dict[str, Callable[[], Any]]:
    """Return the limits of the hardware: one read of the feature maps, by BLAS, and one write of the heatmaps."""
    features, row = given.feature_maps, given.class_weights[given.class_index[0]]
    heat = np.empty((len(features), len(given.class_index), *given.size), np.float32)
    flat = features.reshape(len(features), features.shape[1], -1)

    def sgemv() -> None:
        for one in flat:
            _ = row @ one

    return {"sgemv": sgemv, "memset": lambda: heat.fill(0)}
