"""`python -m tests.exports.input_gradients [MODEL...]`: gradients at the network input, and their variants, against Captum's on the same weights.

Networks of rectifiers have kinks: two float32 forwards may differ in which side of one they are on, so beside each
error stands how far Captum in float32 is from Captum in float64. Captum treats `torch.nn.ReLU` only. So that it does
what fastcam does, ReLU6 is a ReLU with an upper end for it, and DenseNet's last ReLU, a function, a module.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import copy
import io
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from skimage.data import chelsea

import fastcam
from tests.exports.telling import say_rows
from tests.exports.torch_export import import_torchvision, quiet
from tests.exports.torch_models import timm_model, torchvision_model

CLASS = 3
RECTIFIED = ("saliency", "deconvolution", "guidedbackprop", "guidedgradcam")
# How it is made, its name, side of the image, name of the module of feature maps ("" without rectifiers).
MODELS: dict[str, tuple[Callable[..., Any], str, int, str]] = {
    "VGG-11": (torchvision_model, "vgg11", 224, "features"),
    "ResNet-18": (torchvision_model, "resnet18", 128, "layer4"),
    "ResNet-50": (torchvision_model, "resnet50", 128, "layer4"),
    "MobileNetV2": (torchvision_model, "mobilenet_v2", 128, "features"),
    "DenseNet-121": (torchvision_model, "densenet121", 128, "rectifier"),
    "EfficientNet-B0": (torchvision_model, "efficientnet_b0", 128, ""),
    "ConvNeXt-tiny": (torchvision_model, "convnext_tiny", 128, ""),
    "Swin-tiny": (torchvision_model, "swin_t", 224, ""),
    "ViT-tiny": (timm_model, "vit_tiny_patch16_224", 224, ""),
    "LeViT-128S": (timm_model, "levit_128s", 224, ""),
}


def made(make: Callable[..., Any], name: str) -> Any:
    """A network with random weights, and statistics that change what is normalised."""
    import torch

    torch.manual_seed(0)
    model = make(name, num_classes=10).eval()
    for module in model.modules():
        if hasattr(module, "running_var"):
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
    return model


def for_captum(model: Any) -> Any:
    """Return the network with a module of its own for each rectifier."""
    import torch
    from torch import nn

    class Six(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rectifier = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return torch.clamp(self.rectifier(x), max=6)

    def replace(parent: Any) -> None:
        for name, module in list(parent.named_children()):
            if isinstance(module, nn.ReLU6):
                setattr(parent, name, Six())
            elif isinstance(module, nn.ReLU):
                setattr(parent, name, nn.ReLU())
            else:
                replace(module)

    model = copy.deepcopy(model)
    replace(model)
    if type(model).__name__ == "DenseNet":
        parts = {"features": model.features, "rectifier": nn.ReLU(), "pool": nn.AdaptiveAvgPool2d(1)}
        parts |= {"flat": nn.Flatten(), "classifier": model.classifier}
        model = nn.Sequential()
        for name, part in parts.items():
            model.add_module(name, part)
    return model.eval()


def by_captum(model: Any, method: str, layer: str, image: np.ndarray, dtype: str) -> np.ndarray:
    import torch
    from captum import attr

    kind = getattr(torch, dtype)
    model, given = copy.deepcopy(model).to(kind), torch.from_numpy(image).to(kind).requires_grad_(True)
    if method == "guidedgradcam":
        asked = attr.GuidedGradCam(model, model.get_submodule(layer))
        found = asked.attribute(given, target=CLASS, interpolate_mode="bilinear")
    else:
        kinds = {"deconvolution": attr.Deconvolution, "guidedbackprop": attr.GuidedBackprop, "saliency": attr.Saliency}
        found = kinds[method](model).attribute(given, target=CLASS, **({"abs": False} if method == "saliency" else {}))
    return found.detach().double().numpy()


def distance(got: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Largest difference relative to the largest value, and the share of the norm that differs."""
    worst = np.abs(got - expected).max() / np.abs(expected).max()
    return float(worst), float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def rows(label: str, make: Callable[..., Any], name: str, side: int, layer: str) -> list[str]:
    import torch

    model, buffer = made(make, name), io.BytesIO()
    torch.onnx.export(model, (torch.zeros(1, 3, side, side),), buffer, opset_version=17, dynamo=False)
    ours = fastcam.load(buffer.getvalue(), preprocess="imagenet,fit=stretch")
    theirs, lines = for_captum(model), []
    for method in RECTIFIED if layer else ("saliency",):
        found = ours.input_gradient(chelsea(), class_index=CLASS, method=method)
        plain, exact = (by_captum(theirs, method, layer, found.network_inputs, kind) for kind in ("float32", "float64"))
        got = found.gradients[0].astype(np.float64)
        figures = [*distance(got, plain), *distance(got, exact), *distance(plain, exact)]
        lines.append(f"| {label} | {method} | " + " | ".join(f"{one:.1e}" for one in figures) + " |")
    return lines


def main() -> None:
    quiet()
    import_torchvision()
    say = sys.stdout.write
    say("| model | method | from Captum's float32: worst | norm | from its float64: worst | norm |")
    say(" its float32 from its float64: worst | norm |\n" + "| --- " * 8 + "|\n")
    say_rows(rows, MODELS)


if __name__ == "__main__":
    main()
