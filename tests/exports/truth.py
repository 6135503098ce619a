"""The truth about an exported model's head, kept beside the model: values in .npz, facts in .json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

NOT_EXACT = ("gap-nonlinear", "pool-nonlinear", "generic", "none")


@dataclass(frozen=True)
class Facts:
    """The truth about the head of one model.

    Attributes
    ----------
    name, file
        Of the model, and of its file in the folder.
    kinds
        The right answers for the kind of its head, best first.
    size
        (height, width) of the test image.
    framework, exporter, opset
        Where the file comes from.
    dtype
        "float32", "float16" or "int8": how exactly weights and maps can agree.
    source
        The model that a derived one was made of.
    drift
        How far ONNX Runtime's output is from the framework's, relative to the largest: rounding, but for int8.
    """

    name: str
    file: str
    kinds: tuple[str, ...]
    size: tuple[int, int]
    framework: str
    exporter: str
    opset: int
    dtype: str = "float32"
    source: str = ""
    drift: float = 0.0


@dataclass(frozen=True, eq=False)
class Truth:
    """The facts, and the framework's own values.

    Attributes
    ----------
    image
        Network input, (1, ...), in the model's own layout and type.
    output
        What the model returns for it, (1, K).
    maps
        (C, h, w): the feature maps for it; None unless the head is exact.
    weights, bias
        (K, C) and (K,), likewise.
    """

    facts: Facts
    image: np.ndarray
    output: np.ndarray
    maps: np.ndarray | None = None
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None

    def logits(self) -> np.ndarray:
        """(K,): the mean of the class activation maps, and the bias; only of exact heads."""
        assert self.maps is not None
        assert self.weights is not None
        assert self.bias is not None
        return self.weights.astype(np.float64) @ self.maps.astype(np.float64).mean((1, 2)) + self.bias

    def save(self, folder: Path) -> None:
        arrays = {k: v for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        np.savez(folder / f"{self.facts.name}.npz", allow_pickle=False, **arrays)
        text = json.dumps(asdict(self.facts), indent=1)
        (folder / f"{self.facts.name}.json").write_text(text + "\n", encoding="utf-8")


def read(folder: Path, name: str) -> Truth:
    values: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    values.update(kinds=tuple(values["kinds"]), size=tuple(values["size"]))
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return Truth(Facts(**values), **{key: arrays[key] for key in arrays.files})


def distance(found: np.ndarray, expected: np.ndarray, scale: float | None = None) -> float:
    """Largest difference, relative to the largest value expected; infinite for other shapes."""
    if found.shape != expected.shape:
        return float("inf")
    largest = np.abs(expected).max() if scale is None else scale
    return float(np.abs(found.astype(np.float64) - expected).max() / max(float(largest), 1e-30))


def smooth_images(count: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """(count, 3, H, W) float32: random fields from coarse to fine, about as bright and as varied as normalised photos."""
    rng, (height, width) = np.random.default_rng(seed), size
    images = np.zeros((count, 3, height, width), np.float32)
    for cell in (32, 16, 8, 4, 1):
        coarse = rng.normal(size=(count, 3, -(-height // cell), -(-width // cell))).astype(np.float32)
        images += np.kron(coarse, np.ones((1, 1, cell, cell), np.float32))[..., :height, :width]
    return (images / 2).astype(np.float32)


def run_onnx(path: Path, image: np.ndarray, optimise: bool = True) -> np.ndarray:
    """The first output of a model, by ONNX Runtime, as (N, K)."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (name,) = [put.name for put in session.get_inputs()]
    output = np.asarray(session.run([session.get_outputs()[0].name], {name: image})[0])
    return output.reshape(len(output), -1)


def opset_of(path: Path) -> int:
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
