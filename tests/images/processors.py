"""Hugging Face's own image processors beside ours: `python -m tests.images.processors` compares all families on 20 photos."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from fastcam import InputError
from fastcam.images import frames
from fastcam.images.frames import pillow_input
from fastcam.images.hugging_face import from_hugging_face
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import Preprocess
from fastcam.images.processors import REFUSED
from fastcam.images.regions import view_of

RESIZED = {"do_center_crop": True}
# Changes of a class's defaults, as published files have them: plain numbers, keys left out, odd sizes.
VARIANTS: dict[str, dict[str, Any]] = {
    "its defaults": {},
    "a number": {"size": 96},
    "a number, cropped": {"size": 110, "crop_size": 96, **RESIZED},
    "a list, cropped": {"size": [100, 120], "crop_size": [96, 81], **RESIZED},
    "sides": {"size": {"height": 72, "width": 120}},
    "sides, cropped": {"size": {"height": 110, "width": 110}, "crop_size": {"height": 96, "width": 96}, **RESIZED},
    "shorter side": {"size": {"shortest_edge": 75}, "do_center_crop": False},
    "shorter side, cropped": {"size": {"shortest_edge": 101}, "crop_size": {"height": 90, "width": 64}, **RESIZED},
    "shorter side, bordered": {"size": {"shortest_edge": 60}, "crop_size": {"height": 91, "width": 300}, **RESIZED},
    "large": {"size": {"shortest_edge": 400}},
    "its own size, cropped": {"do_resize": False, "crop_size": 100, **RESIZED},
    "neither": {"do_resize": False, "do_center_crop": False},
    "no scale": {"do_rescale": False},
    "another scale": {"rescale_factor": 1 / 127.5, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]},
    "no mean": {"do_normalize": False},
    "other means": {"image_mean": [0.1, 0.5, 0.9], "image_std": [0.2, 0.3, 0.4], "do_normalize": True},
    "neither scale nor mean": {"do_rescale": False, "do_normalize": False},
    "flipped": {"do_flip_channel_order": True, "do_convert_rgb": False},
    "not flipped": {"do_flip_channel_order": False},
    "offset": {"rescale_offset": True, "rescale_factor": 1 / 127.5},
    "not the top": {"include_top": False},
    "top alone": {"include_top": True, "do_normalize": False, "image_std": [0.5, 0.6, 0.7]},
    "crop_pct": {"crop_pct": 0.875, "size": {"shortest_edge": 64}, "crop_size": 64},
    **{
        f"no {key}": {key: None}
        for key in ("crop_pct", "image_mean", "size", "resample", "crop_size", "rescale_factor")
    },
    **{f"null for {key}": {key: None} for key in ("do_normalize", "do_rescale", "do_center_crop", "do_resize")},
    "proportional": {"size": {"height": 56, "width": 56}, "crop_size": {"height": 64, "width": 64}, **RESIZED},
    **{f"resample {number}": {"resample": number} for number in range(6)},
}


@cache
def families() -> dict[str, str | None]:
    """Return the processor's class with Pillow for every model type that classifies images; None without one."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    from transformers.models.auto import image_processing_auto
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS

    listed = vars(image_processing_auto)["IMAGE_PROCESSOR_MAPPING_NAMES"]
    return {kind: listed.get(kind, {}).get("pil") for kind in CLASSIFIERS}


def theirs(name: str, config: dict[str, Any], photos: list[Image.Image]) -> list[np.ndarray] | None:
    """Return (C, H, W) of each photo by the class of that name; None if it fails."""
    from transformers.models.auto.image_processing_auto import get_image_processor_class_from_name

    kind: Any = get_image_processor_class_from_name(name)
    try:
        processor = kind(**config)
        return [np.asarray(processor(photo, return_tensors="np")["pixel_values"][0]) for photo in photos]
    except (ValueError, TypeError, KeyError, ImportError, AttributeError):
        return None


def ours(spec: Preprocess, photo: Image.Image) -> np.ndarray:
    """Return the network input (C, H, W) of `Classifier.explain`."""
    assert spec.size
    height, width = spec.size
    model = ImageInput("pixel_values", np.float32, "NCHW", 1, 3, spec.size)
    view = view_of((photo.height, photo.width), (height, width), spec)
    if spec.interpolation in frames.INTERPOLATIONS:
        return frames.network_input(np.asarray(photo), view, spec, model)[0]
    return pillow_input(photo, view, spec, model)[0]


def grey_levels(spec: Preprocess, mine: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of two network inputs, in grey levels of the photo."""
    assert mine.shape == other.shape
    std = np.broadcast_to(np.asarray(spec.std), (3,))[:, None, None]
    return float((np.abs(mine.astype(float) - other) * np.abs(std)).max() / abs(spec.scale))


def difference(name: str, change: dict[str, Any], photos: list[Image.Image]) -> float | str | None:
    """Return the difference in grey levels, the reason of our refusal, or None if neither has one network input."""
    expected = theirs(name, change, photos)
    try:
        spec = from_hugging_face({"image_processor_type": name.removesuffix("Pil"), **change}, {}).preprocess
    except (InputError, KeyError, TypeError) as error:
        return None if expected is None or len({one.shape for one in expected}) > 1 else str(error)
    if expected is None:
        return "accepted what Hugging Face's class refuses"
    return max(grey_levels(spec, ours(spec, photo), one) for photo, one in zip(photos, expected, strict=True))


def classes() -> list[str]:
    """Return the classes with Pillow of all families, and two more that classifiers use, without refused ones."""
    listed = {name for name in families().values() if name} | {"BlipImageProcessorPil", "ChineseCLIPImageProcessorPil"}
    return sorted(name for name in listed if own_name(name) not in REFUSED)


def own_name(name: str) -> str:
    """Return the name of a class in `fastcam.images.processors`."""
    return name.removesuffix("Pil").removesuffix("ImageProcessor")


def main() -> None:
    """Print the largest difference of each class, over all variants and 20 photos."""
    from tests.conftest import shared_folder

    paths = sorted(shared_folder().glob("photos/coco/images/*.jpg"))[::6][:20]
    photos = [Image.open(path).convert("RGB") for path in paths]
    for name in classes():
        found = {variant: difference(name, change, photos) for variant, change in VARIANTS.items()}
        numbers = [one for one in found.values() if isinstance(one, float)]
        refused = {variant: one for variant, one in found.items() if isinstance(one, str)}
        largest = f"{max(numbers):.3f} grey levels in {len(numbers)} variants" if numbers else "never followed"
        reasons = "".join(
            f"\n    {why}: {', '.join(k for k in refused if refused[k] == why)}" for why in set(refused.values())
        )
        print(f"{name}, {len(photos)} photos: {largest}{reasons}", flush=True)


if __name__ == "__main__":
    main()
