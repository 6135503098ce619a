"""Network inputs as the vendors' own code makes them, written out in terms of Pillow, OpenCV and NumPy.

torchvision resizes PIL images by Pillow. `python -m tests.classifier.stated` compares with the vendors' packages.
"""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

import fastcam
from tests.classifier.stated.made import (
    CUSTOM_VISION,
    IMAGENET,
    MADE,
    MODEL_API,
    PADDLE,
    TIMM,
    ULTRALYTICS,
    Made,
    changed,
)
from tests.model.models import build

MEAN, STD = np.array(IMAGENET.mean), np.array(IMAGENET.std)
SIZES = [(160, 121), (61, 180), (97, 133), (333, 250), (64, 64), (1, 90)]  # width, height


@pytest.fixture(scope="module")
def pictures(photos):
    found = [Image.open(path).convert("RGB") for path in photos[3:5]]
    return [photo.resize(size) for photo in found for size in SIZES]


def torchvision(photo, resize, crop, kind):
    """Resize(resize), CenterCrop(crop), ToTensor() of torchvision 0.29, for PIL images."""
    width, height = photo.size
    if isinstance(resize, int):
        longer = int(resize * max(photo.size) / min(photo.size))
        resize = (longer, resize) if width <= height else (resize, longer)
    pixels = np.asarray(photo.resize(resize[::-1], kind))
    top, left = (round((have - want) / 2.0) for have, want in zip(pixels.shape, crop, strict=False))
    return pixels[top : top + crop[0], left : left + crop[1]] / 255


def ultralytics(photo):
    """classify_transforms(32) of ultralytics 8.4."""
    return torchvision(photo, 32, (32, 32), Image.Resampling.BILINEAR)


def timms(photo):
    """create_transform of timm 1.0 for crop_pct 0.9."""
    return (torchvision(photo, 35, (32, 32), Image.Resampling.BICUBIC) - MEAN) / STD


def timms_squash(photo):
    return (torchvision(photo, (35, 35), (32, 32), Image.Resampling.BICUBIC) - MEAN) / STD


def custom_vision(photo):
    """Model.predict of onnxruntime_predict.py in exports of Azure Custom Vision."""
    return np.asarray(photo.resize((32, 32)), np.float32)[..., ::-1]


def paddle_clas(photo):
    """ResizeImage(resize_short=40), CropImage(32), NormalizeImage of PaddleClas 2.6."""
    pixels = np.asarray(photo)
    height, width = pixels.shape[:2]
    share = 40.0 / min(width, height)
    pixels = cv2.resize(pixels, (round(width * share), round(height * share)))
    top, left = (pixels.shape[0] - 32) // 2, (pixels.shape[1] - 32) // 2
    return (pixels[top : top + 32, left : left + 32] / 255 - MEAN) / STD


def paddle_clas_pil(photo):
    """ResizeImage(size=[32, 32], interpolation="bicubic", backend="pil") and NormalizeImage."""
    return np.asarray(photo.resize((32, 32), Image.Resampling.BICUBIC)) / 127.5 - 1


def model_api(photo):
    """resize_image_ocv and InputTransform of openvino-model-api 0.4."""
    return (cv2.resize(np.asarray(photo), (32, 32)) - 255 * MEAN) / (255 * STD)


def model_api_turned(photo):
    return (cv2.resize(np.asarray(photo), (32, 32))[..., ::-1] - 255 * MEAN) / (255 * STD)


def model_api_letterbox(photo):
    """resize_image_letterbox_ocv, with pad_value 114."""
    width, height = photo.size
    share = min(32 / width, 32 / height)
    wide, high = max(1, round(width * share)), max(1, round(height * share))
    left, top = (32 - wide) // 2, (32 - high) // 2
    borders = ((top, 32 - high - top), (left, 32 - wide - left), (0, 0))
    pixels = np.pad(cv2.resize(np.asarray(photo), (wide, high)), borders, constant_values=114)
    return (pixels - 255 * MEAN) / (255 * STD)


def model_api_crop(photo):
    """crop_resize_ocv, to a square."""
    pixels = np.asarray(photo)
    side = min(photo.size)
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return (cv2.resize(pixels[top : top + side, left : left + side], (32, 32)) - 255 * MEAN) / (255 * STD)


def large(metadata=None, files=None):
    """A vendor's model with an input of 32×32."""
    body = "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)"

    def make():
        import onnx

        model = onnx.ModelProto.FromString(build(body, inputs="float[N, 3, 32, 32] image", k=(5, 3, 1, 1)))
        for key, value in (metadata or {}).items():
            model.metadata_props.add(key=key, value=value)
        return model

    return Made(make, files or {})


def timm_file(**changes):
    return {
        "config.json": json.dumps({"pretrained_cfg": {**TIMM["pretrained_cfg"], "input_size": [3, 32, 32], **changes}})
    }


CASES = {
    "ultralytics": (large(changed(ULTRALYTICS, imgsz="[32, 32]")), ultralytics, 1),
    "timm": (large(files=timm_file(crop_pct=0.9)), timms, 0),
    "timm, squash": (large(files=timm_file(crop_pct=0.9, crop_mode="squash")), timms_squash, 0),
    "custom vision": (large(CUSTOM_VISION), custom_vision, 0),
    "paddle": (
        large(files={"inference.yml": PADDLE.replace("short: 20", "short: 40").replace("size: 16", "size: 32")}),
        paddle_clas,
        0,
    ),
    "paddle, pil": (
        large(files={"inference.yml": MADE["paddle, a file of names"].files["infer_cfg.yml"].replace("16", "32")}),
        paddle_clas_pil,
        0,
    ),
    "model api": (large(MODEL_API), model_api, 0),
    "model api, turned": (
        large(changed(MODEL_API, **{"model_info reverse_input_channels": "YES"})),
        model_api_turned,
        0,
    ),
    "model api, letterbox": (
        large(
            changed(MODEL_API, **{"model_info resize_type": "fit_to_window_letterbox", "model_info pad_value": "114"})
        ),
        model_api_letterbox,
        0,
    ),
    "model api, crop": (
        large(changed(MODEL_API, **{"model_info resize_type": "crop"})),
        model_api_crop,
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::fastcam.errors.LabelsWarning")
def test_network_inputs_are_those_of_the_vendor(tmp_path, pictures, name):
    made, vendor, levels = CASES[name]
    model = fastcam.load(made.write(tmp_path))
    std = np.broadcast_to(np.asarray(model.preprocess.std), (3,))[:, None, None]
    for photo in pictures:
        mine, expected = model.vision.see(photo).network_input[0], vendor(photo).transpose(2, 0, 1)
        difference = np.abs(mine - expected) * np.abs(std) / model.preprocess.scale  # in grey levels
        assert difference.max() <= levels + 2e-3, photo.size
