"""PyTorch models to ONNX, with the values of their heads taken from the modules themselves."""

# pyright: reportMissingImports=false

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.exports.truth import Facts, Truth, distance, opset_of, run_onnx, smooth_images

KEPT: list[Any] = []


@dataclass(frozen=True)
class Spec:
    """A model, and where its head is.

    Attributes
    ----------
    name
        Starts the names of its files.
    make
        Returns the module.
    exports
        One file each, in words: "ts13" (TorchScript exporter, opset 13) or "dy20" (dynamo), then "batch" and "sides"
        for what is left open.
    kind
        Verified on the module: see `measured_kind`.
    maps
        "<path": what goes into that submodule; ">path": what comes out. Then "relu" where that follows.
    layout
        "NCHW", "NHWC" or "NLC"; "NLC1": the first token is no patch.
    head
        Paths of the linear layers after the mean, in order; "a|b": mean of two heads; "": channels are classes.
    also
        Other right answers for the kind.
    logits
        Path of the submodule that returns them, where the model itself returns something else.
    """

    name: str
    make: Callable[[], Any]
    exports: tuple[str, ...]
    kind: str
    maps: str
    head: str = ""
    size: tuple[int, int] = (96, 128)
    layout: str = "NCHW"
    also: tuple[str, ...] = ()
    framework: str = "torch"
    logits: str = ""


def quiet() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)


def import_torchvision() -> None:
    """Torchvision's compiled operators don't load beside a torch built without CUDA; no classifier needs them."""
    import torch

    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)  # its operators are defined as long as it lives
        import torchvision  # noqa: F401


def built(spec: Spec) -> Any:
    """The module in eval mode: random weights, no zero heads, batch norms calibrated on random images."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = spec.make().eval()
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
        if norm.affine:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.3, 0.3)
    with torch.no_grad():
        for parameter in module.parameters():
            # LayerScales, gains and tables of position biases start out so small that their blocks do nothing.
            if 0 < parameter.abs().max() < 0.05 and (parameter == parameter.flatten()[0]).all():
                nn.init.uniform_(parameter, 0.2, 0.6)
            elif parameter.ndim != 1 and not parameter.any():
                nn.init.normal_(parameter)
        for path in filter(None, spec.head.replace("|", " ").split()):
            layer = module.get_submodule(path)
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5 if hasattr(layer, "in_features") else 0.05)
                if layer.bias is not None:
                    nn.init.normal_(layer.bias, std=0.3)
        for seed in range(2 if norms else 0):
            module(torch.from_numpy(smooth_images(8, spec.size, 100 + seed)))
    return module.eval()


def folded(module: Any, head: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(K, C) and (K,) of a head of linear layers, in float64."""
    import torch

    chains = head.split("|")
    totals = []
    for chain in chains:
        weights, bias = np.eye(channels), np.zeros(channels)
        for path in chain.split():
            layer = module.get_submodule(path)
            if hasattr(layer, "running_var"):
                scale = (layer.weight / torch.sqrt(layer.running_var + layer.eps)).detach().double().numpy()
                shift = layer.bias.detach().double().numpy() - scale * layer.running_mean.double().numpy()
                weights, bias = scale[:, None] * weights, scale * bias + shift
            else:
                matrix = layer.weight.detach().double().flatten(1).numpy()
                weights, bias = matrix @ weights, matrix @ bias
                bias = bias if layer.bias is None else bias + layer.bias.detach().double().numpy()
        totals.append((weights, bias))
    return sum(w for w, _ in totals) / len(totals), sum(b for _, b in totals) / len(totals)  # pyright: ignore


class Head:
    """The tensor of feature maps in a module: its value, and the logits with another value in its place."""

    def __init__(self, module: Any, spec: Spec) -> None:
        where, *self.after = spec.maps.split()
        self.module, self.spec, self.before = module, spec, where[0] == "<"
        self.submodule = module.get_submodule(where[1:])
        self.last = module.get_submodule(spec.logits)

    def run(self, images: np.ndarray, change: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Logits (N, K) and maps (N, C, h, w), with `change` made to the maps on their way."""
        import torch

        seen, last = [], []

        def hook(_: Any, given: Any, returned: Any = None) -> Any:
            whole = given if self.before else returned
            value = whole[0] if isinstance(whole, tuple) else whole
            maps = self.unpacked(value)
            maps = torch.relu(maps) if "relu" in self.after else maps
            maps = maps if change is None else change(maps)
            seen.append(maps.detach().numpy())
            packed = self.packed(maps, value)
            return (packed, *whole[1:]) if isinstance(whole, tuple) else packed

        attach = self.submodule.register_forward_pre_hook if self.before else self.submodule.register_forward_hook
        handles = [attach(hook), self.last.register_forward_hook(lambda _, __, value: last.append(value.numpy()))]
        with torch.no_grad():
            self.module(torch.from_numpy(images))
        for handle in handles:
            handle.remove()
        return last[0].reshape(len(images), -1), seen[0]

    def unpacked(self, value: Any) -> Any:
        if self.spec.layout == "NHWC":
            return value.permute(0, 3, 1, 2)
        if self.spec.layout.startswith("NLC"):
            tokens = value[:, int(self.spec.layout[3:] or 0) :].transpose(1, 2)
            height = round((tokens.shape[2] * self.spec.size[0] / self.spec.size[1]) ** 0.5)
            return tokens.unflatten(2, (height, -1))
        return value

    def packed(self, maps: Any, like: Any) -> Any:
        import torch

        if self.spec.layout == "NHWC":
            return maps.permute(0, 2, 3, 1)
        if self.spec.layout.startswith("NLC"):
            prefix = like[:, : int(self.spec.layout[3:] or 0)]
            return torch.cat([prefix, maps.flatten(2).transpose(1, 2)], 1)
        return maps


def measured_kind(head: Head, images: np.ndarray) -> str:
    """Return the kind of a module's head, by trying: "cam", "cam-spatial", "gap-nonlinear", ..."""
    import torch

    logits, maps = head.run(images)
    first, second = torch.from_numpy(maps[:1]), torch.from_numpy(maps[1:])
    order = torch.from_numpy(np.random.default_rng(5).permutation(first.shape[2] * first.shape[3]))

    def same(change: Callable[[Any], Any], expected: np.ndarray) -> bool:
        found = head.run(images[:1], change)[0]
        spread = np.abs(logits[0] - logits[0].mean()).max()
        return distance(found, expected, spread) < 1e-3

    pooled = same(lambda f: f.mean((2, 3), keepdim=True).expand(f.shape).contiguous(), logits[:1])
    affine = same(lambda _: 0.75 * first + 0.25 * second, 0.75 * logits[:1] + 0.25 * logits[1:])
    if affine:
        return "cam" if pooled else "cam-spatial"
    if pooled:
        return "gap-nonlinear"
    shuffled = same(lambda f: f.flatten(2)[..., order].reshape(f.shape), logits[:1])
    return "pool-nonlinear" if shuffled else "generic"


def export(module: Any, spec: Spec, how: str, path: Path) -> None:
    import torch

    exporter, *free = how.split()
    axes = {**({0: "batch"} if "batch" in free else {}), **({2: "height", 3: "width"} if "sides" in free else {})}
    example = torch.from_numpy(smooth_images(2 if "batch" in free else 1, spec.size, 3))
    options: dict[str, Any] = {"opset_version": int(exporter[2:]), "input_names": ["image"], "output_names": ["logits"]}
    if exporter.startswith("ts"):
        torch.onnx.export(module, (example,), str(path), dynamo=False, dynamic_axes={"image": axes}, **options)
        return
    shapes = (dict.fromkeys(axes, torch.export.Dim.DYNAMIC),) if axes else None
    torch.onnx.export(module, (example,), str(path), dynamo=True, dynamic_shapes=shapes, verbose=False, **options)


def plain(module: Any, images: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        return module(torch.from_numpy(images)).flatten(1).numpy()


def truth_of(module: Any, spec: Spec) -> Truth:
    """The module's truth, proven on the module."""
    images = smooth_images(2, spec.size, 7)
    head = Head(module, spec) if spec.maps else None
    facts = Facts(spec.name, "", (spec.kind, *spec.also), spec.size, spec.framework, "", 0)
    output = plain(module, images[:1])
    if head is None:
        return Truth(facts, images[:1], output)
    logits, maps = head.run(images)
    kind = measured_kind(head, images)
    if kind != spec.kind:
        raise AssertionError(f"expected kind {spec.kind}; {kind} was measured on the module")
    if maps[0].std((1, 2)).max() < 1e-3 * np.abs(maps).max():
        raise AssertionError("the feature maps hardly vary over space: a poor test")
    if spec.kind != "cam":
        return Truth(facts, images[:1], output)
    weights, bias = (a.astype(np.float32) for a in folded(module, spec.head, maps.shape[1]))
    truth = Truth(facts, images[:1], output, maps[0], weights, bias)
    if distance(truth.logits(), logits[0]) > 1e-4:
        raise AssertionError(f"weights and maps miss the logits by {distance(truth.logits(), logits[0]):.1e}")
    return truth


def make(spec: Spec, exports: tuple[str, ...], folder: Path) -> list[tuple[str, str]]:
    """Export one model in several ways; each file's name, and what failed or ""."""
    import torch

    quiet()
    torch.set_num_threads(1)
    import_torchvision()
    try:
        if spec.framework == "timm":
            import timm

            # Attention as one operator has no translation below opset 14.
            timm.layers.set_fused_attn(not any(how.startswith(("ts11", "ts13")) for how in exports))
        module = built(spec)
        truth = truth_of(module, spec)
    except Exception as error:
        return [(f"{spec.name} (the module)", f"{type(error).__name__}: {error}")]
    return [export_one(module, spec, truth, how, folder) for how in exports]


def file_name(spec: Spec, how: str) -> str:
    return "-".join([spec.name, *how.split()])


def export_one(module: Any, spec: Spec, truth: Truth, how: str, folder: Path) -> tuple[str, str]:
    name = file_name(spec, how)
    path = folder / f"{name}.onnx"
    for stale in folder.glob(f"{name}.*"):
        stale.unlink()
    try:
        export(module, spec, how, path)
        # Unoptimised: ONNX Runtime 1.31 changes the results of BiT (weights that a BatchNormalization standardises).
        off = distance(run_onnx(path, truth.image, optimise=False), truth.output)
        if off > 1e-3:
            raise AssertionError(f"the export's logits are {off:.1e} away from the framework's")
    except Exception as error:
        return name, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    kinds, exporter = truth.facts.kinds, "TorchScript" if how.startswith("ts") else "dynamo"
    drift = distance(run_onnx(path, truth.image), truth.output)
    facts = Facts(name, path.name, kinds, spec.size, spec.framework, exporter, opset_of(path), drift=drift)
    Truth(facts, truth.image, truth.output, truth.maps, truth.weights, truth.bias).save(folder)
    return name, ""
