"""`python -m tests.exports.gradients [MODEL...]`: gradients at tensors of many depths, against PyTorch's autograd on the same weights.

Tensors of the ONNX file are matched with outputs of modules by value. ReLU networks have kinks: two float32 forwards
may differ in which side of one they are on, so beside each error stands how far PyTorch's own float32 is from its
float64.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import io
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from fastcam.model.file.source import read_source
from fastcam.model.gradient.backward import backward_model
from fastcam.model.gradient.tape import GRADIENT, SEED
from fastcam.model.graph.read import read_graph
from fastcam.model.head.cuts import find_cuts
from fastcam.model.head.probes import image_input, look
from fastcam.model.run.limits import Watch
from fastcam.model.run.session import Opening
from tests.exports.torch_export import import_torchvision, quiet
from tests.exports.torch_models import timm_model, torchvision_model

CLASS = 3
MODELS: dict[str, tuple[Callable[..., Any], str, int]] = {
    "VGG-11": (torchvision_model, "vgg11", 224),
    "AlexNet": (torchvision_model, "alexnet", 224),
    "ResNet-18": (torchvision_model, "resnet18", 128),
    "ResNet-50": (torchvision_model, "resnet50", 128),
    "MobileNetV3-small": (torchvision_model, "mobilenet_v3_small", 128),
    "EfficientNet-B0": (torchvision_model, "efficientnet_b0", 128),
    "DenseNet-121": (torchvision_model, "densenet121", 128),
    "Inception-v3": (torchvision_model, "inception_v3", 160),
    "ConvNeXt-tiny": (torchvision_model, "convnext_tiny", 128),
    "Swin-tiny": (torchvision_model, "swin_t", 224),
    "ViT-tiny": (timm_model, "vit_tiny_patch16_224", 224),
}


def outputs_of(model: Any, image: Any) -> tuple[dict[str, Any], Any]:
    """Return the output of each module, by name, and the logits: tensors that autograd knows."""
    held, hooks = {}, []

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: Any, _given: Any, made: Any) -> None:
            if hasattr(made, "requires_grad") and made.dim() in (3, 4):
                held[name] = made

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in model.named_modules() if name]
    logits = model(image)
    for hook in hooks:
        hook.remove()
    return held, logits


def autograd(model: Any, image: Any, names: list[str]) -> dict[str, np.ndarray]:
    import torch

    held, logits = outputs_of(model, image)
    wanted = [held[name] for name in names]
    found = torch.autograd.grad(logits[0, CLASS], wanted)
    return {name: gradient.double().numpy() for name, gradient in zip(names, found, strict=True)}


def matched(data: bytes, image: np.ndarray, held: dict[str, Any]) -> dict[str, str]:
    """A tensor of the file, one that every path to the logits passes, for each module's output of the same values."""
    model, graph = onnx.load_from_string(data), read_graph(read_source(data), Opening())
    names = [name for name in find_cuts(graph, graph.outputs[0]) if name in graph.producers]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = ort.InferenceSession(model.SerializeToString())
    values = dict(zip(names, session.run(None, {session.get_inputs()[0].name: image}), strict=True))
    pairs = {}
    for module, tensor in held.items():
        value = tensor.detach().numpy()
        for name, other in values.items():
            same_shape = getattr(other, "shape", None) == value.shape
            if same_shape and np.abs(other - value).max() <= 1e-4 * max(1e-6, np.abs(value).max()):
                pairs[name] = module
    return {module: name for name, module in pairs.items()}


def gradient_of(data: bytes, image: np.ndarray, tensor: str) -> np.ndarray:
    graph = read_graph(read_source(data), Opening())
    output, watch = graph.outputs[0], Watch("model", 1 << 30)
    with watch:
        scene, _ = look(graph, image, [output], [tensor], image_input(graph), watch)
        tail, values = scene.tail_run(tensor, [output]).tail, scene.values[tensor]
        written = backward_model(tail, values, None, watch)
    session = ort.InferenceSession(written.SerializeToString())
    seed = np.zeros(scene.values[output].shape, np.float32)
    seed[0, CLASS] = 1
    return np.asarray(session.run([GRADIENT], {tail.start: values, SEED: seed})[0], np.float64)


def distance(got: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def smooth(model: Any) -> None:
    """SiLU in place of ReLU, which has kinks."""
    import torch

    for name, module in list(model.named_children()):
        if isinstance(module, torch.nn.ReLU):
            setattr(model, name, torch.nn.SiLU())
        else:
            smooth(module)


def row(label: str, make: Callable[..., Any], name: str, size: int, smoothed: bool) -> str:
    import torch

    torch.manual_seed(0)
    model = make(name, num_classes=10).eval()
    if smoothed:
        smooth(model)
    for module in model.modules():
        if hasattr(module, "running_var"):  # else it hardly changes anything, and its result is taken for its input
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    image = torch.randn(1, 3, size, size)
    held, _ = outputs_of(model, image)
    buffer = io.BytesIO()
    torch.onnx.export(model, (image,), buffer, opset_version=17, dynamo=False)
    pairs = matched(buffer.getvalue(), image.numpy(), held)
    modules = [module for module in held if module in pairs and held[module].requires_grad]
    modules = modules[:: max(1, len(modules) // 8)][-8:]
    exact = autograd(model.double(), image.double(), modules)
    plain = autograd(model.float(), image, modules)
    errors, own = [], []
    for module in modules:
        got = gradient_of(buffer.getvalue(), image.numpy(), pairs[module])
        errors.append(distance(got, plain[module]))
        own.append(distance(plain[module], exact[module]))
    kind = " (SiLU)" if smoothed else ""
    if not errors:
        return f"| {label}{kind} | 0 | – | – | – | – |"
    return (
        f"| {label}{kind} | {len(errors)} | {statistics.median(errors):.1e} | {max(errors):.1e} | "
        f"{statistics.median(own):.1e} | {max(own):.1e} |"
    )


def main() -> None:
    quiet()
    import_torchvision()
    say = sys.stdout.write
    say(
        "| model | tensors | median | worst | PyTorch's float32 from its float64: median | worst |\n"
        + "| --- " * 6
        + "|\n"
    )
    for label in sys.argv[1:] or MODELS:
        make, name, size = MODELS[label]
        for smoothed in (False, True) if name in ("resnet50", "densenet121") else (False,):
            say(row(label, make, name, size, smoothed) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
