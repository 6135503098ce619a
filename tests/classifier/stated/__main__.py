"""Network inputs by vendors' own packages beside ours: `python -m tests.classifier.stated` compares on 40 real photos.

Packages that aren't installed are passed over: torchvision, timm, ultralytics, paddleclas, openvino-model-api.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

import fastcam
from tests.classifier.stated.made import PADDLE, TIMM, ULTRALYTICS, changed
from tests.classifier.stated.test_transforms import MODEL_API, large, timm_file
from tests.conftest import shared_folder

Transform = Callable[[Image.Image], Any]  # to (3, 32, 32)


def ultralytics() -> Transform:
    """Return the transformation of classifiers."""
    from ultralytics.data.augment import classify_transforms  # pyright: ignore[reportMissingImports]

    transform = classify_transforms((32, 32))
    return lambda photo: transform(photo).numpy()


def timms(**changes: Any) -> Callable[[], Transform]:
    """Return what makes timm's transformation of a configuration."""

    def make() -> Transform:
        from timm.data import create_transform, resolve_data_config  # pyright: ignore[reportMissingImports]

        config = {**TIMM["pretrained_cfg"], "input_size": (3, 32, 32), **changes}
        transform: Any = create_transform(**resolve_data_config({}, pretrained_cfg=config))
        return lambda photo: transform(photo).numpy()

    return make


def paddle_clas() -> Transform:
    """Return the operators of its deployment."""
    from paddleclas.deploy.python.preprocess import create_operators  # pyright: ignore[reportMissingImports]

    normalize = {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "order": ""}
    operators = create_operators(
        [{"ResizeImage": {"resize_short": 40}}, {"CropImage": {"size": 32}}, {"NormalizeImage": normalize}]
    )

    def transform(photo: Image.Image) -> Any:
        pixels = np.asarray(photo)
        for operator in operators:
            pixels = operator(pixels)
        return pixels.transpose(2, 0, 1)

    return transform


def model_api(kind: str) -> Callable[[], Transform]:
    """Return what makes the preprocessing of its ONNX adapter."""

    def make() -> Transform:
        from model_api.adapters import utils  # pyright: ignore[reportMissingImports]

        transform = utils.setup_python_preprocessing_pipeline(
            layout="NCHW",
            resize_mode=kind,
            interpolation_mode="LINEAR",
            target_shape=(32, 32),
            pad_value=0,
            mean=[123.675, 116.28, 103.53],
            scale=[58.395, 57.12, 57.375],
        )
        return lambda photo: transform(np.asarray(photo))[0]

    return make


CASES = {
    "ultralytics": (large(changed(ULTRALYTICS, imgsz="[32, 32]")), ultralytics),
    "timm": (large(files=timm_file()), timms()),
    "timm, 0.9, bilinear": (
        large(files=timm_file(crop_pct=0.9, interpolation="bilinear")),
        timms(crop_pct=0.9, interpolation="bilinear"),
    ),
    "timm, squash": (large(files=timm_file(crop_mode="squash")), timms(crop_mode="squash")),
    "paddle": (
        large(files={"inference.yml": PADDLE.replace("short: 20", "short: 40").replace("size: 16", "size: 32")}),
        paddle_clas,
    ),
    **{
        f"model api, {kind}": (large(changed(MODEL_API, **{"model_info resize_type": kind})), model_api(kind))
        for kind in ("standard", "fit_to_window_letterbox", "crop")
    },
}


def main() -> None:
    """Print the largest and the mean difference in grey levels, of each vendor."""
    paths = sorted(shared_folder().glob("photos/coco/images/*.jpg"))[::3][:40]
    photos = [Image.open(path).convert("RGB") for path in paths]
    for name, (made, make) in CASES.items():
        try:
            vendor = make()
        except ImportError as error:
            print(f"{name}: not compared ({error})", flush=True)
            continue
        with TemporaryDirectory() as folder:
            model = fastcam.load(made.write(Path(folder)))
        std = np.broadcast_to(np.asarray(model.preprocess.std), (3,))[:, None, None] / model.preprocess.scale
        found = [np.abs((model.vision.see(photo).network_input[0] - vendor(photo)) * std) for photo in photos]
        largest, mean = max(one.max() for one in found), np.mean([one.mean() for one in found])
        print(f"{name}, {len(photos)} photos: at most {largest:.3f}, {mean:.3f} grey levels on average", flush=True)


if __name__ == "__main__":
    main()
