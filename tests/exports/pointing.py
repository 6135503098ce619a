"""`python -m tests.exports.pointing [PAIRS]`: pointing game and energy of the shared models, by method, and of baselines.

On the photos and classes of the manifest's reference numbers; 95 % intervals by bootstrap over the pairs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import fastcam
from fastcam.evaluate import (
    EnergyInBox,
    PointingGame,
    Truth,
    bootstrap,
    centre_gaussian,
    centre_point,
    peak_points,
    photo_map,
    truth_of,
)
from fastcam.images import photo_pixels
from tests.conftest import PREPROCESS
from tests.pairs import Pairs, coco_pairs, open_images_pairs

METHODS = ("cam", "gradcam", "gradcam++", "layercam", "eigencam")
MODELS = [name for name in PREPROCESS if "cifar" not in name]
BASELINES: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {
    "image centre": centre_point,
    "centre Gaussian": centre_gaussian,
    "constant (its peak is a corner)": lambda size: np.ones(size, np.float32),
}


def row(name: str, maps: Iterable[np.ndarray], truth: Truth) -> str:
    """Figures of one map for each image of the truth."""
    metrics = (PointingGame(), PointingGame(tolerance=15), EnergyInBox())
    tallies: list[list[np.ndarray]] = [[] for _ in metrics]
    for n, one in enumerate(maps):
        own = truth_of([truth.of(n)])
        for metric, rows in zip(metrics, tallies, strict=True):
            rows.append(metric.update(peak_points([one]) if isinstance(metric, PointingGame) else [one], own))
    cells = []
    for metric, rows, figure in zip(metrics, tallies, ("accuracy", "accuracy", "energy"), strict=True):
        low, high = bootstrap(metric, np.concatenate(rows))[figure]
        cells.append(f"{getattr(metric.summary(), figure):.3f} ({low:.2f}–{high:.2f})")
    return " | ".join([f"| {name}", str(metrics[0].images), *cells]) + " |\n"


def of_model(model: fastcam.Classifier, method: str, pairs: Pairs) -> Iterable[np.ndarray]:
    background = model.head.classes - 1000
    for path, index in zip(pairs.paths, pairs.class_index, strict=True):
        yield photo_map(model.explain(path, class_index=index + background, method=method), 0)


def main() -> None:
    say = sys.stdout.write
    count = int(sys.argv[1]) if len(sys.argv) > 1 else None
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    shared = Path(os.environ.get("FASTCAM_SHARED_DATA", beside))
    for title, pairs in (("COCO", coco_pairs(shared)), ("Open Images", open_images_pairs(shared))):
        chosen = Pairs(pairs.paths[:count], pairs.class_index[:count], pairs.truth)
        say(f"\n## {title}\n\n| maps | pairs | pointing game | within 15 pixels | energy in boxes |\n{'| --- ' * 5}|\n")
        sizes = [photo_pixels(path).shape[:2] for path in chosen.paths]
        for name, make in BASELINES.items():
            say(row(name, (make(size) for size in sizes), pairs.truth))
        for name in MODELS:
            model = fastcam.load(shared / "models" / f"{name}.onnx", preprocess=PREPROCESS[name])
            for method in METHODS:
                say(row(f"{name}, {method}", of_model(model, method, chosen), pairs.truth))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
