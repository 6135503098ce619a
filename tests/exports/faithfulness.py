"""`python -m tests.exports.faithfulness [PEER...]`: measures of faithfulness against those of other packages.

A ResNet-18 with random weights, exported to ONNX, and smooth random maps with a little noise, so that no two pixels are
equal and all sort them alike, at the size of the network input, so that all normalise and upsample alike. Each peer gets
the same maps, classes, steps and baselines. openvino_xai's pointing game is played on maps and boxes of its own. Prints
the rows of benchmarks/results/faithfulness.md.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.data import astronaut, chelsea, coffee

import fastcam
from fastcam.evaluate import (
    AverageDrop,
    Deletion,
    Insertion,
    PointingGame,
    Road,
    Truth,
    impute,
    peak_points,
    photo_map,
    truth_of,
)
from tests.conftest import PREPROCESS, shared_folder
from tests.exports.torch_export import import_torchvision, quiet
from tests.exports.torch_models import torchvision_model
from tests.pairs import coco_pairs

SIZE, STEPS = 64, 16


class Given:
    """Stands in for torchcam's extractor: the maps that are given."""

    def __init__(self, model: Any, maps: Any) -> None:
        self.model, self.maps = model, maps

    def __call__(self, *_: Any, **__: Any) -> list[Any]:
        return [self.maps]

    def fuse_cams(self, cams: list[Any]) -> Any:
        return cams[0]

    def _hooks_off(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def row(name: str, ours: Any, theirs: Any) -> None:
    ours, theirs = np.atleast_1d(ours).astype(float), np.atleast_1d(theirs).astype(float)
    worst = np.abs(ours - theirs).max()
    sys.stdout.write(f"| {name} | {ours.mean():.6f} | {theirs.mean():.6f} | {worst:.1e} |\n")


def subject() -> tuple[Any, fastcam.Classifier, list[np.ndarray]]:
    """The network in both frameworks, and three photos."""
    import torch

    torch.manual_seed(0)
    model = torchvision_model("resnet18", num_classes=5).eval()
    with torch.no_grad():  # else all scores are alike
        model.fc.weight.mul_(8)
    buffer = io.BytesIO()
    torch.onnx.export(
        model, (torch.randn(2, 3, SIZE, SIZE),), buffer, opset_version=17, dynamo=False,
        input_names=["image"], dynamic_axes={"image": {0: "N"}},
    )  # fmt: skip
    photos = [np.asarray(Image.fromarray(one()).resize((SIZE, SIZE))) for one in (astronaut, chelsea, coffee)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet18.onnx"
        path.write_bytes(buffer.getvalue())
        return model, fastcam.load(path, preprocess="imagenet,fit=stretch"), photos


def against_torchcam(model: Any, ours: fastcam.Classifier, photos: Any, explanation: Any, images: Any) -> None:
    import torch
    from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

    maps = torch.from_numpy(explanation.activation_maps[:, 0])
    classes = explanation.class_index[:, 0].tolist()
    theirs = ClassificationMetric(Given(model, maps), lambda logits: logits.softmax(-1))
    theirs.update(images, classes)
    drop = AverageDrop()
    drop.update(ours, photos, explanation)
    mine, peer = drop.summary(), theirs.summary()
    row("torchcam: average drop", mine["average_drop"], peer["avg_drop"])
    row("torchcam: increase in confidence", mine["increase_in_confidence"], peer["conf_increase"])
    both = DeletionInsertionMetric(Given(model, maps), lambda logits: logits.softmax(-1), steps=STEPS)
    both.update(images, classes)
    for name, kind in (("deletion", Deletion), ("insertion", Insertion)):
        one = kind(steps=STEPS, baseline="zero")
        one.update(ours, photos, explanation)
        row(f"torchcam: {name} AUC", one.summary()[f"{name}_auc"], getattr(both, name) / both.total)


def against_openvino(model: Any, ours: fastcam.Classifier, photos: Any, explanation: Any, images: Any) -> None:
    import torch
    from openvino_xai.common.utils import scaling
    from openvino_xai.metrics import ADCC, InsertionDeletionAUC

    def predict(image: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(image.transpose(2, 0, 1)[None])).softmax(-1).numpy()[0]

    areas, masked = InsertionDeletionAUC.__new__(InsertionDeletionAUC), ADCC.__new__(ADCC)
    areas.model_predict = masked.model_predict = predict
    inputs, maps = images.numpy().transpose(0, 2, 3, 1).copy(), explanation.activation_maps[:, 0]
    classes = explanation.class_index[:, 0].tolist()
    theirs = [areas(maps[n], classes[n], inputs[n], STEPS) for n in range(3)]
    for name, kind in (("deletion", Deletion), ("insertion", Insertion)):
        one = kind(steps=STEPS, baseline="zero")
        one.update(ours, photos, explanation)
        row(f"openvino_xai: {name} AUC", one.values()[f"{name}_auc"], [values[name] for values in theirs])
    drop = AverageDrop()
    drop.update(ours, photos, explanation)
    seen = [inputs[n] * scaling(maps[n], cast_to_uint8=False, max_value=1)[..., None] for n in range(3)]
    drops = [masked.average_drop(seen[n], classes[n], predict(inputs[n])) for n in range(3)]
    row("openvino_xai: average drop, of ADCC", drop.values()["average_drop"], drops)
    against_pointing_game()


def against_pointing_game() -> None:
    """Every pixel of a small map as its only peak; and CAMs of real photos. The peer's boxes end in their last pixel."""
    from openvino_xai.metrics import PointingGame as Peer

    def play(name: str, maps: list[np.ndarray], truth: Truth) -> None:
        ours = PointingGame().update(peak_points(maps), truth)[:, 0]
        ends = [truth.of(n) - (0, 0, 1, 1) for n in range(len(maps))]
        theirs = [
            Peer()(one, [(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes])["pointing_game"]
            for one, boxes in zip(maps, ends, strict=True)
        ]
        row(f"openvino_xai: pointing game, {name}", ours, theirs)

    peaks = list(np.eye(12 * 15).reshape(-1, 12, 15))
    play("every pixel of 12×15, two boxes", peaks, truth_of([[[2, 3, 7, 5], [6, 4, 15, 12]]] * len(peaks)))
    shared, name = shared_folder(), "squeezenet1_1_nchw"
    network = fastcam.load(shared / "models" / f"{name}.onnx", preprocess=PREPROCESS[name])
    pairs = coco_pairs(shared)
    found = [
        photo_map(network.explain(path, class_index=index), 0)
        for path, index in zip(pairs.paths, pairs.class_index, strict=True)
    ]
    play(f"{len(found)} CAMs of photos", found, pairs.truth)


def against_grad_cam(model: Any, ours: fastcam.Classifier, photos: Any, explanation: Any, images: Any) -> None:
    import torch
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    imputer, maps = NoisyLinearImputer(noise=0), explanation.activation_maps[:, 0]
    for share in (0.1, 0.5, 0.9):
        removed = maps[0] > np.quantile(maps[0], 1 - share)
        theirs = imputer(images[0], torch.from_numpy((~removed).astype(np.float32))).numpy()
        row(f"pytorch-grad-cam: imputed pixels, {share:.0%} removed", impute(images[0].numpy(), removed), theirs)
    scores = []
    for n in range(3):
        for part in (maps[n], -maps[n]):
            removed = part >= np.sort(part.ravel())[-SIZE * SIZE // 2]
            filled = imputer(images[n], torch.from_numpy((~removed).astype(np.float32)))
            with torch.no_grad():
                scores.append(float(model(filled[None]).softmax(-1)[0, explanation.class_index[n, 0]]))
    one = Road(fractions=(0.5,), noise=0)
    one.update(ours, photos, explanation)
    row("pytorch-grad-cam: ROAD, most relevant first", one.values()["road_morf"], scores[::2])
    row("pytorch-grad-cam: ROAD, least relevant first", one.values()["road_lerf"], scores[1::2])


PEERS = {"torchcam": against_torchcam, "openvino_xai": against_openvino, "pytorch-grad-cam": against_grad_cam}


def main() -> None:
    import torch

    quiet()
    import_torchvision()
    model, ours, photos = subject()
    explanation = ours.explain(photos)
    rng = np.random.default_rng(0)
    maps = fastcam.heatmaps(rng.standard_normal((3, 1, 8, 8)), (SIZE, SIZE))
    maps += 0.01 * rng.random(maps.shape, np.float32)  # where edges are replicated, pixels would be equal
    maps -= maps.min(axis=(2, 3), keepdims=True)
    maps /= maps.max(axis=(2, 3), keepdims=True)  # torchcam takes maps from 0 to 1
    explanation = replace(explanation, activation_maps=maps, method="random")
    seen = [ours.vision.see(photo).network_input[0] for photo in photos]
    images = torch.from_numpy(np.stack(seen))
    sys.stdout.write("| measure | fastcam | peer | largest difference |\n" + "| --- " * 4 + "|\n")
    for peer in sys.argv[1:] or PEERS:
        PEERS[peer](model, ours, photos, explanation, images)


if __name__ == "__main__":
    main()
