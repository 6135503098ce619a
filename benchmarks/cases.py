"""Feature maps, class weights and image sizes for the contenders."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Case:
    """Feature maps (batch, C, h, w) of a network, the (H, W) of the image, and the count of classes, of 1000."""

    channels: int
    shape: tuple[int, int]
    size: tuple[int, int]
    classes: int = 1
    batch: int = 1

    @property
    def name(self) -> str:
        (h, w), (height, width) = self.shape, self.size
        extra = f", {self.classes} classes" * (self.classes > 1) + f", batch {self.batch}" * (self.batch > 1)
        return f"{self.channels}×{h}×{w} → {width}×{height}{extra}"


RESNET50, RESNET18, MOBILENET = (2048, (7, 7)), (512, (7, 7)), (1280, (7, 7))
SQUEEZENET, DENSE, WIDE = (1000, (13, 13)), (1024, (14, 14)), (2048, (15, 20))

CASES = [
    Case(*RESNET50, (224, 224)),
    Case(*RESNET18, (224, 224)),
    Case(*MOBILENET, (224, 224)),
    Case(*SQUEEZENET, (224, 224)),
    Case(*DENSE, (448, 448)),
    Case(*RESNET50, (720, 1280)),
    Case(*SQUEEZENET, (720, 1280)),
    Case(*RESNET50, (1080, 1920)),
    Case(*WIDE, (1080, 1920)),
    Case(*RESNET50, (2160, 3840)),
    Case(*RESNET50, (224, 224), classes=5),
    Case(*SQUEEZENET, (720, 1280), classes=5),
    Case(*WIDE, (1080, 1920), classes=5),
    Case(*RESNET50, (224, 224), batch=32),
    Case(*RESNET50, (720, 1280), batch=32),
]
BY_NAME = {case.name: case for case in CASES}


@dataclass(frozen=True)
class Arrays:
    """float32 feature maps (N, C, h, w), class weights (1000, C), class index (M,), and (H, W)."""

    feature_maps: np.ndarray
    class_weights: np.ndarray
    class_index: np.ndarray
    size: tuple[int, int]


@lru_cache(maxsize=1)
def arrays(case: Case) -> Arrays:
    """Return random feature maps after a ReLU, stronger around an object in each image, and random weights.

    Their maps are like those of trained networks on photos in what decides the time: at 224×224 the best classes of
    MobileNetV2 and SqueezeNet have 125 and 268 runs above the threshold on the test photos, those of their shapes here
    136 and 295.
    """
    rng = np.random.default_rng(0)
    y, x = np.indices(case.shape) / np.reshape(case.shape, (2, 1, 1))
    centers = rng.uniform(0.3, 0.7, (case.batch, 1, 1, 2))
    distance = (y - centers[..., 0]) ** 2 + (x - centers[..., 1]) ** 2
    noise = rng.standard_normal((case.batch, case.channels, *case.shape))
    feature_maps = np.maximum(noise + 2 * np.exp(-distance / 0.15)[:, None], 0).astype(np.float32)
    weights = 0.05 * rng.standard_normal((1000, case.channels)) + 0.005
    return Arrays(feature_maps, weights.astype(np.float32), np.arange(3, 3 + case.classes), case.size)
