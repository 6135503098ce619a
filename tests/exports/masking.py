"""`python -m tests.exports.masking [MODEL...]`: Score-CAM and Ablation-CAM against pytorch-grad-cam on the same weights.

pytorch-grad-cam masks with aligned corners, and ablates a channel to far below zero where feature maps may be negative;
beside its own map stands the one that it makes with the paper's rules in their place: half-pixel upsampling, and 0.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fastcam
from tests.exports.gradients import matched, outputs_of
from tests.exports.input_gradients import made
from tests.exports.telling import say_rows
from tests.exports.torch_export import import_torchvision, quiet
from tests.exports.torch_models import timm_model, torchvision_model

MODELS: dict[str, tuple[Callable[..., Any], str, int]] = {
    "ResNet-18": (torchvision_model, "resnet18", 128),
    "AlexNet": (torchvision_model, "alexnet", 224),
    "SqueezeNet 1.1": (torchvision_model, "squeezenet1_1", 96),
    "MobileNetV3-small": (torchvision_model, "mobilenet_v3_small", 128),
    "ViT-tiny": (timm_model, "vit_tiny_patch16_224", 224),
}


def built(make: Callable[..., Any], name: str) -> Any:
    """Return a network with random weights, batch norms that change something, and logits that are far apart."""
    import torch

    model = made(make, name)
    last = [module for module in model.modules() if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight.mul_(30)  # else Score-CAM's softmax gives all channels the same weight
    return model


def exported(model: Any, size: int) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.onnx.export(
        model, (torch.zeros(1, 3, size, size),), buffer, opset_version=17, dynamo=False, input_names=["images"],
        output_names=["logits"], dynamic_axes={"images": {0: "N"}, "logits": {0: "N"}},
    )  # fmt: skip
    return buffer.getvalue()


@contextlib.contextmanager
def rules_of_the_papers() -> Iterator[None]:
    """Maps of pytorch-grad-cam, with half-pixel upsampling of masks, and 0 for ablated channels."""
    import torch
    from pytorch_grad_cam.ablation_layer import AblationLayer

    def half_pixel(size: tuple[int, int]) -> Callable[[Any], Any]:
        return lambda maps: torch.nn.functional.interpolate(maps, size=tuple(size), mode="bilinear")

    def ablate(layer: Any, _: Any) -> Any:
        output = layer.activations
        for i in range(len(output)):
            output[i, layer.indices[i]] = 0
        return output

    before = torch.nn.UpsamplingBilinear2d, AblationLayer.__call__
    torch.nn.UpsamplingBilinear2d, AblationLayer.__call__ = half_pixel, ablate  # pyright: ignore
    try:
        yield
    finally:
        torch.nn.UpsamplingBilinear2d, AblationLayer.__call__ = before  # pyright: ignore


def theirs(method: str, model: Any, layer: Any, image: np.ndarray, index: int, head: Any) -> np.ndarray:
    """The map of pytorch-grad-cam, (H, W) in [0, 1]."""
    import torch
    from pytorch_grad_cam import AblationCAM, ScoreCAM
    from pytorch_grad_cam.ablation_layer import AblationLayer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    def patches(tokens: Any) -> Any:
        return torch.from_numpy(head.arranged(tuple(tokens.shape)).channels_first(tokens.numpy()).copy())

    options: dict[str, Any] = {"reshape_transform": patches} if head.layout == "NLC" else {}
    options |= {"ablation_layer": AblationLayer()} if method == "ablationcam" else {}
    kind = {"scorecam": ScoreCAM, "ablationcam": AblationCAM}[method]
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stderr(stack.enter_context(open(os.devnull, "w"))))
        stack.enter_context(torch.no_grad())
        cam = stack.enter_context(kind(model=model, target_layers=[layer], **options))
        return cam(torch.from_numpy(image), [ClassifierOutputTarget(index)])[0]


def rows(label: str, make: Callable[..., Any], name: str, size: int) -> Iterator[str]:
    import torch
    from skimage.data import chelsea

    model = built(make, name)
    data = exported(model, size)
    ours = fastcam.load(data, preprocess=f"imagenet,fit=stretch,size={size}")
    image = ours.vision.see(chelsea()).network_input
    held, _ = outputs_of(model, torch.from_numpy(image))
    pairs = matched(data, image, {key: value for key, value in held.items() if hasattr(value, "detach")})
    modules = [module for module, tensor in pairs.items() if tensor == ours.head.feature_maps]
    if not modules:
        yield f"| {label} | – | no module returns {ours.head.feature_maps!r} | – | – |"
        return
    layer = model.get_submodule(modules[-1])
    for method in ("scorecam", "ablationcam"):
        if method == "ablationcam" and ours.head.layout == "NLC":
            continue  # pytorch-grad-cam ablates the class token as well
        found = ours.explain(chelsea(), method=method)
        mine = fastcam.heatmaps(found.activation_maps[0, 0], (size, size))
        index = int(found.class_index[0, 0])
        plain = theirs(method, model, layer, image, index, ours.head)
        with rules_of_the_papers():
            alike = theirs(method, model, layer, image, index, ours.head)
        yield f"| {label} | {method} | {found.how} | {np.abs(mine - plain).max():.1e} | {np.abs(mine - alike).max():.1e} |"


def main() -> None:
    quiet()
    import_torchvision()
    say = sys.stdout.write
    say("| model | method | fastcam | from pytorch-grad-cam | with the papers' rules |\n" + "| --- " * 5 + "|\n")
    say_rows(rows, MODELS)


if __name__ == "__main__":
    main()
