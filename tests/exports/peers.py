"""`python -m tests.exports.peers [MODEL...]`: maps against those of pytorch-grad-cam and torchcam, same weights, real photos.

Each map is scaled as the peer scales its own, by the peer's own function, and the largest difference in [0, 1] is kept.
Where a peer computes something else than the paper, the paper's formula in NumPy on PyTorch's values is the oracle.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import fastcam
from fastcam.methods import eigencam
from fastcam.model.file.source import read_source
from fastcam.model.graph.read import read_graph
from fastcam.model.head.cuts import find_cuts
from fastcam.model.run.session import Opening
from tests.conftest import shared_folder
from tests.exports.gradients import outputs_of, smooth
from tests.exports.torch_export import import_torchvision, quiet
from tests.exports.torch_models import timm_model, torchvision_model

PHOTOS = ("bird.jpg", "pets.jpg")
METHODS = {"gradcam": "GradCAM", "hirescam": "HiResCAM", "layercam": "LayerCAM", "xgradcam": "XGradCAM"}
TORCHCAM = {"gradcam": "GradCAM", "layercam": "LayerCAM", "xgradcam": "XGradCAM"}


@dataclass(frozen=True)
class Network:
    """A model of a library, side of its input, paths of the modules whose results are explained, and their layout."""

    make: Callable[..., Any]
    name: str
    size: int
    layers: tuple[str, ...]
    layout: str = "NCHW"


NETWORKS = {
    "VGG-16": Network(torchvision_model, "vgg16", 224, ("features.30", "features.22")),
    "AlexNet": Network(torchvision_model, "alexnet", 224, ("features.12", "features.7")),
    "ResNet-18": Network(torchvision_model, "resnet18", 224, ("layer4", "layer3")),
    "ResNet-50": Network(torchvision_model, "resnet50", 224, ("layer4", "layer3")),
    "MobileNetV3-large": Network(torchvision_model, "mobilenet_v3_large", 224, ("features.16", "features.12")),
    "EfficientNet-B0": Network(torchvision_model, "efficientnet_b0", 224, ("features.8", "features.5")),
    "DenseNet-121": Network(torchvision_model, "densenet121", 224, ("features.norm5", "features.denseblock3")),
    "Inception-v3": Network(torchvision_model, "inception_v3", 299, ("Mixed_7c", "Mixed_6e")),
    "ConvNeXt-tiny": Network(torchvision_model, "convnext_tiny", 224, ("features.7", "features.5")),
    "ViT-tiny": Network(timm_model, "vit_tiny_patch16_224", 224, ("blocks.10", "blocks.5"), "NLC"),
    "Swin-tiny": Network(torchvision_model, "swin_t", 224, ("features.7", "features.5"), "NHWC"),
}
WITHOUT_KINKS = ("ResNet-50", "DenseNet-121", "Inception-v3")  # also with SiLU in place of ReLU


def channels_first(layout: str) -> Callable[[Any], Any] | None:
    """Return the function that peers need where feature maps aren't (N, C, h, w)."""
    if layout == "NHWC":
        return lambda tensor: tensor.permute(0, 3, 1, 2)
    if layout == "NLC":  # after one class token
        return lambda tensor: tensor[:, 1:].transpose(1, 2).unflatten(2, (14, 14))
    return None


def made(network: Network, smoothed: bool) -> Any:
    """Return a network with random weights, in which every layer counts."""
    import torch

    torch.manual_seed(0)
    model = network.make(network.name).eval()
    if smoothed:
        smooth(model)
    for module in model.modules():
        if hasattr(module, "running_var"):
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
        if hasattr(module, "layer_scale"):
            torch.nn.init.constant_(module.layer_scale, 0.3)
        if hasattr(module, "inplace"):
            module.inplace = False  # it would change what a hook has kept
    return model


def exported(model: Any, size: int) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.onnx.export(model, (torch.zeros(1, 3, size, size),), buffer, opset_version=17, dynamo=False)
    return buffer.getvalue()


def tensors_of(model: Any, data: bytes, network: Network) -> dict[str, str]:
    """The tensor of the file that each layer makes: the last one of the same values among those that all paths cross."""
    import torch

    image = torch.randn(1, 3, network.size, network.size)
    graph, file = read_graph(read_source(data), Opening()), onnx.load_from_string(data)
    names = [name for name in find_cuts(graph, graph.outputs[0]) if name in graph.producers]
    file.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in graph.outputs)
    session = ort.InferenceSession(file.SerializeToString())
    values = dict(zip(names, map(np.asarray, session.run(names, {graph.image: image.numpy()})), strict=True))
    with torch.no_grad():
        held, _ = outputs_of(model, image)
    found = {}
    for layer in network.layers:
        wanted = held[layer].numpy()
        same = [name for name in names if values[name].shape == wanted.shape]
        far = {name: np.abs(values[name] - wanted).max() / np.abs(wanted).max() for name in same}
        close = [name for name in same if far[name] < 1e-3 and far[name] <= 2 * min(far.values())]
        if not close:
            raise LookupError(f"{layer}: no tensor of the file has its values")
        found[layer] = close[-1]
    return found


def pytorch_grad_cam(method: str, model: Any, module: Any, image: Any, index: int, reshape: Any) -> np.ndarray:
    """(H, W) in [0, 1]."""
    import pytorch_grad_cam as peer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with getattr(peer, method)(model=model, target_layers=[module], reshape_transform=reshape) as cam:
        return cam(input_tensor=image, targets=[ClassifierOutputTarget(index)])[0]


def as_pytorch_grad_cam(one: np.ndarray, size: int) -> np.ndarray:
    """A map of ours, scaled by its function."""
    from pytorch_grad_cam.utils.image import scale_cam_image

    return scale_cam_image(scale_cam_image(np.maximum(one, 0)[None], (size, size)))[0]


def torchcam(method: str, model: Any, module: Any, image: Any, index: int, reshape: Any) -> np.ndarray:
    """(h, w) in [0, 1]."""
    from torchcam import methods

    options = {"reshape_transform": reshape} if reshape else {}
    with getattr(methods, method)(model, module, tuple(image.shape[1:]), **options) as extractor:
        return extractor(index, model(image.requires_grad_(True)))[0][0].detach().numpy()


def as_torchcam(one: np.ndarray) -> np.ndarray:
    import torch
    from torchcam.methods.core import _CAM

    return _CAM._normalize(torch.from_numpy(np.maximum(one, 0)[None].copy()))[0].numpy()


def plus_plus(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Grad-CAM++ of feature maps and gradients (C, h, w), equations 10 and 19, in float64."""
    below = 2 * g**2 + a.sum(axis=(1, 2), keepdims=True) * g**3
    alpha = np.where(below == 0, 0, g**2 / np.where(below == 0, 1, below))
    return np.maximum(np.tensordot((alpha * np.maximum(g, 0)).sum(axis=(1, 2)), a, 1), 0)


def principal(a: np.ndarray) -> np.ndarray:
    """Eigen-CAM of feature maps (C, h, w) in float64; the sign with which it adds up to something positive."""
    rows = a.reshape(len(a), -1).T
    one = (rows @ np.linalg.svd(rows, full_matrices=False)[2][0]).reshape(a.shape[1:])
    return np.maximum(one if one.sum() >= 0 else -one, 0)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.float64) - other).max())


@dataclass
class Task:
    """A layer of a network, a photo as the network takes it, and the class that is explained."""

    model: Any
    module: Any
    layer: str
    image: Any
    index: int
    reshape: Any
    size: int
    maps: dict[str, np.ndarray]  # of ours, by method
    feature_maps: np.ndarray

    def against_the_peers(self) -> Iterator[tuple[str, float]]:
        given = (self.model, self.module, self.image, self.index, self.reshape)
        double = (self.model.double(), self.module, self.image.double(), self.index, self.reshape)
        exact = {method: pytorch_grad_cam(name, *double) for method, name in METHODS.items()}
        self.model.float()
        noise = []
        for method, name in METHODS.items():
            theirs = pytorch_grad_cam(name, *given)
            noise.append(apart(theirs, exact[method]))
            yield method, apart(as_pytorch_grad_cam(self.maps[method], self.size), theirs)
        yield "noise", max(noise)
        yield (
            "torchcam",
            max(apart(as_torchcam(self.maps[method]), torchcam(name, *given)) for method, name in TORCHCAM.items()),
        )

    def against_the_papers(self) -> Iterator[tuple[str, float]]:
        a, g = self.values()
        for method, exact, others in (
            ("gradcam++", plus_plus(a, g), (("GradCAMPlusPlus", "GradCAMpp"))),
            ("eigencam", principal(a), ("EigenCAM", "")),
        ):
            yield method, apart(as_torchcam(self.maps[method]), as_torchcam(exact))
            given = (self.model, self.module, self.image, self.index, self.reshape)
            theirs = pytorch_grad_cam(others[0], *given)
            yield f"{method}, pytorch-grad-cam", apart(as_pytorch_grad_cam(exact, self.size), theirs)
            if others[1]:
                yield f"{method}, torchcam", apart(as_torchcam(exact), torchcam(others[1], *given))
            else:
                yield f"{method}, centred", min(apart(one, theirs) for one in self.centred())

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Feature maps and gradients (C, h, w) in float64, as PyTorch has them in float32."""
        import torch

        held, logits = outputs_of(self.model, self.image)
        tensor = held[self.layer]
        (gradient,) = torch.autograd.grad(logits[0, self.index], tensor)
        plane = self.reshape or (lambda one: one)
        a, g = (plane(one.detach())[0].double().numpy() for one in (tensor, gradient))
        return a, g

    def centred(self) -> Iterator[np.ndarray]:
        """Our Eigen-CAM of feature maps without their means, as pytorch-grad-cam has it, with either sign."""
        maps = self.feature_maps - self.feature_maps.mean(axis=(1, 2), keepdims=True)
        one = np.tensordot(eigencam.weights(maps, np.zeros((1, len(maps), 1, 1), np.float32))[0], maps, 1)
        yield from (as_pytorch_grad_cam(sign * one, self.size) for sign in (1, -1))


def tasks(network: Network, smoothed: bool) -> Iterator[Task]:
    import torch

    model = made(network, smoothed)
    data = exported(model, network.size)
    for layer, tensor in tensors_of(model, data, network).items():
        ours = fastcam.load(data, head=tensor, preprocess=f"imagenet,fit=stretch,size={network.size}")
        for name in PHOTOS:
            photo = shared_folder() / "photos" / "openimages_cc" / name
            seen = ours.vision.see(photo)
            of_all = ours.explain(photo, class_index=list(range(10)), method="gradcam").activation_maps[0]
            index = int(of_all.max(axis=(1, 2)).argmax())
            methods = (*METHODS, "gradcam++", "eigencam")
            maps = {one: ours.explain(photo, class_index=index, method=one).activation_maps[0, 0] for one in methods}
            arranged = ours.head.arranged(seen.feature_maps.shape).channels_first(seen.feature_maps)[0]
            yield Task(
                model, model.get_submodule(layer), layer, torch.from_numpy(seen.network_input.copy()), index,
                channels_first(network.layout), network.size, maps, arranged,
            )  # fmt: skip


COLUMNS = {
    "gradcam": "Grad-CAM",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
    "xgradcam": "XGrad-CAM",
    "noise": "its float32 from its float64",
    "torchcam": "torchcam",
    "gradcam++": "Grad-CAM++",
    "eigencam": "Eigen-CAM",
    "gradcam++, pytorch-grad-cam": "pytorch-grad-cam's Grad-CAM++",
    "gradcam++, torchcam": "torchcam's Grad-CAM++",
    "eigencam, pytorch-grad-cam": "pytorch-grad-cam's Eigen-CAM",
    "eigencam, centred": "the same, against ours of centred maps",
}


def main() -> None:
    quiet()
    import_torchvision()
    say = sys.stdout.write
    say(f"| model @ layer | {' | '.join(COLUMNS.values())} |\n{'| --- ' * (len(COLUMNS) + 1)}|\n")
    for label in sys.argv[1:] or NETWORKS:
        for smoothed in (False, True) if label in WITHOUT_KINKS else (False,):
            worst: dict[str, dict[str, float]] = {}
            for task in tasks(NETWORKS[label], smoothed):
                found = worst.setdefault(task.layer, {})
                for name, value in (*task.against_the_peers(), *task.against_the_papers()):
                    found[name] = max(value, found.get(name, 0.0))
            for layer, found in worst.items():
                cells = " | ".join(f"{found[name]:.1e}" for name in COLUMNS)
                say(f"| {label}{' (SiLU)' * smoothed} @ {layer} | {cells} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
