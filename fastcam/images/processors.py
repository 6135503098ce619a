"""Classes of Hugging Face's image processors, with the defaults of each.

From transformers 5.24, with Pillow ("pil") as its backend.
"""

from __future__ import annotations

from typing import Any

from fastcam.images.preprocessing import NAMED, PILLOWS

HALF = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
IMAGENET = {"image_mean": NAMED["imagenet"].mean, "image_std": NAMED["imagenet"].std}
CLIP = {
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
BILINEAR, BICUBIC = (PILLOWS.index(name) for name in ("bilinear", "bicubic"))


def _square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def _short(side: int) -> dict[str, int]:
    return {"shortest_edge": side}


# Defaults of all classes; default_to_square: a plain number as size means a square.
COMMON = {
    "do_resize": True,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "default_to_square": True,
}
_CROPPED = {"size": _short(224), "default_to_square": False, "crop_size": _square(224), "do_center_crop": True}
_CLIP = {**CLIP, **_CROPPED, "resample": BICUBIC}
_MOBILENET = {**HALF, **_CROPPED, "size": _short(256), "resample": BILINEAR}
_VIT = {**HALF, "size": _square(224), "resample": BILINEAR}

# By the class's name without "ImageProcessor".
PROCESSORS: dict[str, dict[str, Any]] = {
    "": {"resample": BILINEAR},  # a file without a name: it has to contain all other values
    "Beit": {**HALF, "size": _square(224), "crop_size": _square(224), "resample": BICUBIC},
    "Bit": _CLIP,
    "Blip": {**CLIP, "size": _square(384), "resample": BICUBIC},
    "CLIP": _CLIP,
    "ChineseCLIP": _CLIP,
    "ConvNext": {**HALF, "size": _short(384), "default_to_square": False, "crop_pct": 224 / 256, "resample": BICUBIC},
    "DeiT": {**HALF, **_CROPPED, "size": _square(256), "default_to_square": True, "resample": BICUBIC},
    "EfficientFormer": {**IMAGENET, **_CROPPED, "size": _square(224), "default_to_square": True, "resample": BICUBIC},
    "EfficientNet": {
        **HALF,
        "size": _square(346),
        "crop_size": _square(289),
        "resample": BICUBIC,
        "rescale_offset": False,
        "include_top": True,
    },
    "Gemma3": _VIT,
    "Levit": {**IMAGENET, **_CROPPED, "resample": BICUBIC},
    "MobileNetV1": _MOBILENET,
    "MobileNetV2": _MOBILENET,
    "MobileViT": {**_CROPPED, "crop_size": _square(256), "resample": BICUBIC, "do_flip_channel_order": True},
    "Perceiver": {
        **IMAGENET,
        "size": _square(224),
        "crop_size": _square(256),
        "do_center_crop": True,
        "resample": BICUBIC,
    },
    "PoolFormer": {**IMAGENET, **_CROPPED, "crop_pct": 0.9, "resample": BICUBIC},
    "Pvt": {**IMAGENET, "size": _square(224), "resample": BICUBIC},
    "Segformer": {**IMAGENET, "size": _square(512), "resample": BILINEAR},
    "Siglip": {**HALF, "size": _square(224), "default_to_square": False, "resample": BICUBIC},
    "ViT": _VIT,
    "ViTHybrid": _CLIP,
}

REFUSED = {
    "Donut": "resizes twice, and borders",
    "ImageGPT": "makes colour clusters of pixels",
    "PPLCNet": "rounds sides in its own way, for torchvision only",
    "Siglip2": "makes patches, as many as the photo's proportions ask for",
    "TextNet": "makes inputs of each photo's own proportions",
    "TimmWrapper": "reads timm's config.json, not this file",
}

# Processors by the model type of an image classifier, for files that don't name one.
MODEL_TYPES = {
    **dict.fromkeys(("beit", "data2vec-vision"), "Beit"),
    **dict.fromkeys(("bit", "dinov2", "focalnet", "hiera"), "Bit"),
    **dict.fromkeys(("clip", "metaclip_2"), "CLIP"),
    **dict.fromkeys(("convnext", "convnextv2", "cvt", "regnet", "resnet"), "ConvNext"),
    **dict.fromkeys(("dinat", "ijepa", "swiftformer", "swin", "swinv2", "vit", "vit_msn"), "ViT"),
    **dict.fromkeys(("mobilevit", "mobilevitv2"), "MobileViT"),
    **dict.fromkeys(("pvt", "pvt_v2"), "Pvt"),
    "deit": "DeiT",
    "donut-swin": "Donut",
    "efficientnet": "EfficientNet",
    "imagegpt": "ImageGPT",
    "levit": "Levit",
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    "perceiver": "Perceiver",
    "poolformer": "PoolFormer",
    "pp_lcnet": "PPLCNet",
    "segformer": "Segformer",
    "shieldgemma2": "Gemma3",
    "siglip": "Siglip",
    "siglip2": "Siglip2",
    "textnet": "TextNet",
    "timm_wrapper": "TimmWrapper",
}
