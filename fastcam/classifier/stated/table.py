"""All vendors, in the order in which their statements count: what is in the model's file, then the files beside it."""

from __future__ import annotations

from fastcam.classifier.stated import (
    class_lists,
    custom_vision,
    hugging_face,
    model_api,
    onnx_image,
    paddle_clas,
    text_lists,
    timm,
    ultralytics,
)
from fastcam.classifier.stated.vendor import Vendor

VENDORS: tuple[Vendor, ...] = (
    ultralytics.VENDOR,
    model_api.VENDOR,
    class_lists.VENDOR,
    custom_vision.VENDOR,
    onnx_image.VENDOR,
    hugging_face.VENDOR,
    timm.VENDOR,
    paddle_clas.VENDOR,
    text_lists.VENDOR,
)
