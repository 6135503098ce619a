"""`python -m tests.exports.tensors [MODEL...]`: PyTorch's tensors, as its own loaders make them, against the photo road.

For each model: the tensors of a batch, one that wants gradients, one with channels last in memory and a strided one give
the bits of NumPy's arrays, and what reaches the session is PyTorch's own memory; the photos, resized to the network's size
beforehand, give the bits of the photo road; and the logits are those of the network in PyTorch.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from skimage.data import chelsea, coffee

import fastcam
from fastcam.methods import METHODS
from tests.exports.masking import MODELS, built, exported
from tests.exports.telling import say_rows
from tests.exports.torch_export import import_torchvision, quiet

LARGE = ("scorecam", "ablationcam", "reciprocam", "reciprocam-gaussian")  # hundreds of forwards
FIELDS = ("activation_maps", "logits", "scores", "class_index", "regions", "image_sizes")


def resized(photo: Any, size: int) -> Any:
    """Return a photo (size, size, 3) uint8, which the photo road normalises and nothing else."""
    from PIL import Image

    return np.asarray(Image.fromarray(photo).resize((size, size)))


def differ(one: fastcam.Explanation, other: fastcam.Explanation) -> list[str]:
    """Return the names of what isn't the same to the bit."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in FIELDS}
    pairs["boxes"] = (one.boxes.xyxy, other.boxes.xyxy)
    return [name for name, (first, second) in pairs.items() if not np.array_equal(first, second)]


def reached(model: fastcam.Classifier, given: Any) -> list[int]:
    """Return the addresses of what reaches ONNX Runtime for tensors."""
    session, found = model.vision.session, []
    own = session._session

    class Noting:
        def run(self, outputs: Any, feeds: Any, options: Any = None) -> Any:
            found.append(feeds[session.input.name].__array_interface__["data"][0])
            return own.run(outputs, feeds, options)

    session._session = Noting()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        model.explain(tensors=given, method="eigencam")
    finally:
        session._session = own
    return found


def rows(label: str, make: Callable[..., Any], name: str, size: int) -> Iterator[str]:
    import torch

    network = built(make, name)
    model = fastcam.load(exported(network, size), preprocess="imagenet,fit=stretch")
    photos = [resized(photo, size) for photo in (chelsea(), coffee(), coffee()[::-1])]
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (model.preprocess.mean, model.preprocess.std))
    batch = torch.stack([(torch.tensor(photo).permute(2, 0, 1) / 255 - mean) / std for photo in photos])
    road = torch.tensor(np.concatenate([model.vision.prepare(photo).network_input for photo in photos]))
    with torch.no_grad():
        logits = network(batch).numpy()
    wrong: list[str] = []
    for method in METHODS:
        if (method == "cam" and not model.head.is_exact) or (method in LARGE and size > 128):
            continue
        try:
            expected = model.explain(photos, method=method, top=2)
        except fastcam.GradientError:
            continue  # an operator of a transformer without a rule of that method
        wide = torch.zeros(3, 3, size, size + 3)
        wide[..., 1:-2] = road
        ways = {
            "tensor": road,
            "with gradients": road.clone().requires_grad_(),
            "channels last": road.to(memory_format=torch.channels_last),
            "strided": wide[..., 1:-2],
            "items": list(road),
            "NumPy": road.numpy(),
        }
        for way, given in ways.items() if method in ("cam", "gradcam", "saliency") else [("tensor", road)]:
            if bad := differ(model.explain(tensors=given, method=method, top=2), expected):
                wrong.append(f"{method}, {way}: {', '.join(bad)}")
    step = road[0].numel() * road.element_size()
    if reached(model, road.requires_grad_()) != [road.data_ptr() + n * step for n in range(3)]:
        wrong.append("copied")
    got = model.explain(tensors=batch).logits
    error = np.abs(got - logits).max() / np.abs(logits).max()
    yield f"| {label} | {error:.1e} | {'; '.join(wrong) or 'same bits, no copy'} |"


def main() -> None:
    quiet()
    import_torchvision()
    sys.stdout.write("| model | logits from PyTorch's | tensors against photos |\n" + "| --- " * 3 + "|\n")
    say_rows(rows, MODELS)


if __name__ == "__main__":
    main()
