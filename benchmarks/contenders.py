"""One table of contenders: each gives a box from feature maps, and drives the parity check and the timing alike."""

from collections.abc import Callable

import numpy as np

Box = tuple[int, int, int, int]
Contender = Callable[[np.ndarray, np.ndarray, tuple[int, int]], Box]


def fastcam_cpu(feature_maps: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> Box:
    """This package, from feature maps (C, h, w) and one row of class weights (C,) to the box in (H, W) pixels."""
    import fastcam

    maps = fastcam.activation_maps(feature_maps[None], weights[None], 0)
    return tuple(fastcam.find_boxes(maps[0, 0], size).xyxy.tolist())


def numpy_skimage(feature_maps: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> Box:
    """What the documentation of NumPy and scikit-image suggests."""
    from skimage.measure import label, regionprops
    from skimage.transform import resize

    one = np.tensordot(weights, feature_maps, 1)
    up = np.asarray(resize(one, size, order=1, mode="edge", anti_aliasing=False, preserve_range=True))
    largest = max(regionprops(label(up > 0.2 * up.max(), connectivity=2)), key=lambda region: region.area)
    y0, x0, y1, x1 = largest.bbox
    return x0, y0, x1, y1


def numpy_opencv(feature_maps: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> Box:
    """What most people write who care for speed."""
    import cv2

    one = (weights @ feature_maps.reshape(len(weights), -1)).reshape(feature_maps.shape[1:])
    up = cv2.resize(one, size[::-1], interpolation=cv2.INTER_LINEAR)
    mask = (up > np.float32(0.2) * up.max()).view(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    x, y, width, height, _ = statistics[1 + statistics[1:, cv2.CC_STAT_AREA].argmax()]
    return int(x), int(y), int(x + width), int(y + height)


CONTENDERS: dict[str, Contender] = {
    "fastcam": fastcam_cpu,
    "NumPy + OpenCV": numpy_opencv,
    "NumPy + scikit-image": numpy_skimage,
}

# (C, h, w) → (H, W): ResNet-50, MobileNetV2 and SqueezeNet shapes.
CASES = {
    "2048x7x7-224x224": ((2048, 7, 7), (224, 224)),
    "1280x7x7-480x640": ((1280, 7, 7), (480, 640)),
    "1000x13x13-720x1280": ((1000, 13, 13), (720, 1280)),
}


def case(name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Feature maps with one bright blob, class weights, and the image size."""
    (channels, h, w), size = CASES[name]
    rng = np.random.default_rng(0)
    y, x = np.indices((h, w))
    blob = np.exp(-((y - 0.6 * h) ** 2 + (x - 0.4 * w) ** 2) / (0.15 * h * w))
    features = np.maximum(rng.standard_normal((channels, h, w)) + 2 * blob, 0).astype(np.float32)
    return features, (0.05 * rng.standard_normal(channels) + 0.02).astype(np.float32), size
