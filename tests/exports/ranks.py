"""`python -m tests.exports.ranks make DIR`: export models of other ranks and channels, with PyTorch's values beside them.

`check DIR` compares fastcam's with those: the CAM identity, and Grad-CAM at the head's feature maps and at an earlier
layer, on inputs of two sizes where the export leaves them open. `make` needs PyTorch, torchvision, timm, monai and
onnxscript; `check` needs none of them.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from tests.exports.rank_models import Spec, specs
from tests.exports.torch_export import folded, import_torchvision, quiet
from tests.exports.truth import distance

EXPORTS = ("ts17", "dy20")
LIMIT = 1e-5


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fields(count: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return (count, C, *places) float32: random fields from coarse to fine."""
    rng, total = np.random.default_rng(seed), np.zeros((count, *shape), np.float32)
    for cell in (32, 16, 8, 4, 1):
        coarse = rng.normal(size=(count, shape[0], *(-(-side // cell) for side in shape[1:])))
        fine = np.kron(coarse, np.ones((1, 1, *[cell] * (len(shape) - 1))))
        total += fine[tuple(slice(0, side) for side in total.shape)].astype(np.float32)
    return (total / 2).astype(np.float32)


def built(spec: Spec) -> Any:
    """Return the module in eval mode: random weights, and batch norms calibrated on random inputs."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = spec.make().eval()
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
    layers = [m for m in module.modules() if isinstance(m, nn.Linear)]
    nn.init.normal_(layers[-1].weight, std=layers[-1].in_features ** -0.5)
    nn.init.normal_(layers[-1].bias, std=0.3)
    with torch.no_grad():
        for seed in range(2):
            module(given(spec, fields(6, spec.shape, 100 + seed)))
    return module.eval()


def given(spec: Spec, inputs: np.ndarray) -> Any:
    """Return inputs (N, C, *places) as the module takes them."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(inputs, 1, -1) if spec.last else inputs))


def steady_values_of(module: Any, spec: Spec, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return `values_of` an input far from the kinks of ReLU, at which PyTorch's float32 is close to its float64."""
    found = [values_of(module, spec, shape, 7)]
    while found[-1]["drift"] > LIMIT / 3 and len(found) < 8:
        found.append(values_of(module, spec, shape, 7 + len(found)))
    return min(found, key=lambda one: float(one["drift"]))


def values_of(module: Any, spec: Spec, shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """Return input, logits (K,), feature maps, and Grad-CAM there and at the earlier layer, by autograd in float64.

    The float32 values stand beside: how far rounding alone takes them apart.
    """
    import torch

    found: dict[str, np.ndarray] = {}
    for kind, suffix in ((torch.float32, "_float32"), (torch.float64, "")):
        put = given(spec, fields(1, shape, seed)).to(kind).requires_grad_(True)
        seen, logits = seen_by(module.to(kind), spec, put)
        if kind == torch.float32:
            found["class_index"] = np.array(visible_class(seen["maps"], logits))
        score = logits[0, int(found["class_index"])]
        gradients = torch.autograd.grad(score, list(seen.values()))
        for (name, tensor), gradient in zip(seen.items(), gradients, strict=True):
            value, slope = tensor.detach().numpy(), gradient.numpy()
            weights = slope.mean(axis=tuple(range(2, slope.ndim)), keepdims=True)
            found[f"gradcam_{name}{suffix}"] = (weights * value).sum(axis=1)[0]
            found[f"{name}{suffix}"] = value
        found["logits"] = logits.detach().numpy()[0]
        found["input"] = put.detach().float().numpy()
    module.float()
    kept = ("input", "logits", "class_index", "maps_float32", "earlier_float32", "gradcam_maps", "gradcam_earlier")
    drift = max(distance(found[f"gradcam_{n}_float32"], found[f"gradcam_{n}"]) for n in ("maps", "earlier"))
    return {**{name: found[name] for name in kept}, "drift": np.array(drift)}


def visible_class(maps: Any, logits: Any) -> int:
    """Return the class whose Grad-CAM at the head is largest somewhere: of others, nothing may be left after ReLU."""
    import torch

    largest = []
    for score in logits[0]:
        (slope,) = torch.autograd.grad(score, maps, retain_graph=True)
        weights = slope.mean(dim=tuple(range(2, slope.ndim)), keepdim=True)
        largest.append(float((weights * maps).sum(dim=1).max()))
    return int(np.argmax(largest))


def seen_by(module: Any, spec: Spec, put: Any) -> tuple[dict[str, Any], Any]:
    """Return the feature maps of the head ("maps") and those of the earlier layer, and the logits."""
    seen: dict[str, Any] = {}
    hooks = [
        module.get_submodule(spec.maps).register_forward_pre_hook(lambda _, given: seen.update(maps=given[0])),
        module.get_submodule(spec.earlier).register_forward_hook(lambda _, __, made: seen.update(earlier=made)),
    ]
    logits = module(put)
    for hook in hooks:
        hook.remove()
    return {name: seen[name] for name in ("maps", "earlier")}, logits


def export(module: Any, spec: Spec, how: str, path: Path) -> None:
    import torch

    axes = {0: "batch"}
    for axis, (side, other) in enumerate(zip(spec.shape[1:], spec.open or spec.shape[1:], strict=True)):
        if side != other:
            axes[axis + (1 if spec.last else 2)] = f"side{axis}"
    example, opset = given(spec, fields(2, spec.shape, 3)), int(how[2:])
    options: dict[str, Any] = {"opset_version": opset, "input_names": ["input"], "output_names": ["logits"]}
    if how.startswith("ts"):
        torch.onnx.export(module, (example,), str(path), dynamo=False, dynamic_axes={"input": axes}, **options)
        return
    shapes = (dict.fromkeys(axes, torch.export.Dim.AUTO),)  # InceptionTime's length can't be left open
    torch.onnx.export(
        module, (example,), str(path), dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False, **options
    )


def fits(declared: list[Any], shape: tuple[int, ...]) -> bool:
    return all(not isinstance(side, int) or side == given for side, given in zip(declared, shape, strict=True))


def tensor_of(path: Path, put: np.ndarray, value: np.ndarray) -> str:
    """Return the name of the last tensor of the file that has these values."""
    import onnx
    import onnxruntime as ort

    model = onnx.load(str(path))
    outputs = {output.name for output in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name and name not in outputs]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    found = dict(zip(names, session.run(names, {session.get_inputs()[0].name: put}), strict=True))
    alike = [name for name in names if distance(np.asarray(found[name]), value) < 1e-4]
    if not alike:
        raise AssertionError("no tensor of the file has the values of the earlier layer")
    return alike[-1]


def export_one(module: Any, spec: Spec, how: str, folder: Path, truths: list[dict[str, np.ndarray]]) -> None:
    import onnxruntime as ort

    name = f"{spec.name}-{how}"
    path = folder / f"{name}.onnx"
    export(module, spec, how, path)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options)
    truths = [truth for truth in truths if fits(session.get_inputs()[0].shape, truth["input"].shape)]
    for truth in truths:
        logits = np.asarray(session.run(None, {session.get_inputs()[0].name: truth["input"]})[0])[0]
        if distance(logits, truth["logits"]) > 1e-4:
            raise AssertionError(f"the export's logits are {distance(logits, truth['logits']):.1e} from PyTorch's")
    facts = {
        "name": name,
        "rank": len(spec.shape) - 1,
        "kind": spec.kind,
        "input": session.get_inputs()[0].shape,
        "layer": tensor_of(path, truths[0]["input"], truths[0]["earlier_float32"]),
        "drift": max(float(truth["drift"]) for truth in truths),
    }
    kept = {
        f"{key}_{i}": value for i, truth in enumerate(truths) for key, value in truth.items() if "float32" not in key
    }
    if spec.head and spec.kind == "cam":
        kept["weights"], kept["bias"] = folded(module, spec.head, truths[0]["maps_float32"].shape[1])
    np.savez_compressed(folder / f"{name}.npz", allow_pickle=False, **kept)
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def make(folder: Path, wanted: Callable[[str], bool]) -> int:
    quiet()
    import_torchvision()
    folder.mkdir(parents=True, exist_ok=True)
    failures = 0
    for spec in specs():
        exports = [how for how in EXPORTS if wanted(f"{spec.name}-{how}")]
        if not exports:
            continue
        module = built(spec)
        truths = [steady_values_of(module, spec, shape) for shape in spec.shapes()]
        for how in exports:
            try:
                export_one(module, spec, how, folder, truths)
                say(f"made    {spec.name}-{how}")
            except Exception as error:
                failures += 1
                say(f"FAILED  {spec.name}-{how}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return failures


def check(folder: Path, wanted: Callable[[str], bool]) -> int:
    from fastcam.errors import AssumedPreprocessWarning

    warnings.simplefilter("ignore", AssumedPreprocessWarning)
    names = [path.stem for path in sorted(folder.glob("*.json")) if wanted(path.stem)]
    say(
        "| export | input | kind | CAM identity | Grad-CAM: head | earlier layer | PyTorch's float32 from its float64 |"
    )
    say("| --- " * 7 + "|")
    wrong = []
    for name in names:
        facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        try:
            line, errors = row(folder, facts)
        except Exception as error:
            line, errors = f"| {name} | {type(error).__name__}: {' '.join(str(error).split())[:300]} |", [np.inf]
        say(line)
        if max(errors) > max(LIMIT, 3 * facts["drift"]):
            wrong.append(name)
    say(f"\n{len(names)} exports, {len(names) - len(wrong)} within {LIMIT:g}: wrong are {', '.join(wrong) or 'none'}")
    return int(bool(wrong) or not names)


def row(folder: Path, facts: dict[str, Any]) -> tuple[str, list[float]]:
    """Return the line of one export, and its errors: the largest of all inputs."""
    import fastcam

    model = fastcam.load(folder / f"{facts['name']}.onnx")
    errors: dict[str, list[float]] = {"identity": [], "maps": [], "earlier": []}
    with np.load(folder / f"{facts['name']}.npz", allow_pickle=False) as truth:
        inputs = [key for key in truth.files if key.startswith("input")]
        for key in inputs:
            number, put = key.removeprefix("input"), truth[key]
            logits, index = truth[f"logits{number}"].astype(np.float64), int(truth[f"class_index{number}"])
            if facts["kind"] in ("cam", "cam-spatial"):
                errors["identity"].append(identity_error(model, put, logits))
            for name, layer in (("maps", None), ("earlier", facts["layer"])):
                found = model.explain(tensors=put, class_index=index, method="gradcam", layer=layer)
                expected = truth[f"gradcam_{name}{number}"]
                rectified, largest = np.maximum(expected, 0), float(np.abs(expected).max())
                errors[name].append(distance(found.activation_maps[0, 0], rectified, largest))
    kind = model.head.kind if model.head.kind == facts["kind"] else f"{model.head.kind}, not {facts['kind']}"
    numbers = [f"{max(found):.1e}" if found else "–" for found in errors.values()]
    shape = "×".join(map(str, facts["input"]))
    line = f"| {facts['name']} | {shape}, {len(inputs)} sizes | {kind} | {' | '.join(numbers)} | {facts['drift']:.1e} |"
    worst = [error for found in errors.values() for error in found]
    return line, [*worst, *([np.inf] if model.head.kind != facts["kind"] else [])]


def identity_error(model: Any, put: np.ndarray, logits: np.ndarray) -> float:
    """Return how far `mean(M_c) + b_c` is from PyTorch's logits, relative to the largest."""
    found = model.explain(tensors=put, class_index=np.arange(len(logits)), method="cam")
    maps = found.activation_maps[0].astype(np.float64).reshape(len(logits), -1)
    return distance(maps.mean(axis=1) + model.head.bias, logits)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.exports.ranks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("make", "check"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="*", metavar="NAME", help="files whose name matches, as clip_* does")
    options = parser.parse_args()

    def wanted(name: str) -> bool:
        return fnmatch(name, options.only)

    return make(options.folder, wanted) if options.command == "make" else check(options.folder, wanted)


if __name__ == "__main__":
    raise SystemExit(main())
