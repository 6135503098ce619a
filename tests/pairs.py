"""Real photos, each with an ImageNet class and the boxes of it, as the manifest of the shared data counts them."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastcam.evaluate import Truth, read_annotations, truth_of


class Pairs(NamedTuple):
    """P photos with a class each; the boxes in pixels, rounded outwards, as the manifest has them."""

    paths: list[Path]
    class_index: list[int]
    truth: Truth


def outwards(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1)


def coco_pairs(shared: Path) -> Pairs:
    """96 of COCO's categories that two networks have among their five best classes."""
    coco = shared / "photos" / "coco"
    columns = {"path": "file", "label": "coco_category"}
    data = read_annotations(coco / "boxes.csv", root=coco / "images", columns=columns, classes="order")
    found = data.pairs()
    place = {
        (data.paths[n].name, data.categories[index]): p
        for p, (n, index) in enumerate(zip(found.image.tolist(), found.class_index.tolist(), strict=True))
    }
    with (coco / "pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    places = [place[row["file"], row["coco_category"]] for row in rows]
    return Pairs(
        [data.paths[found.image[p]] for p in places],
        [int(row["imagenet_id"]) for row in rows],
        truth_of([outwards(found.truth.of(p)) for p in places]),
    )


def open_images_pairs(shared: Path) -> Pairs:
    """8 photos of one class each."""
    folder = shared / "photos" / "openimages_cc"
    data = read_annotations(folder / "boxes.csv", columns={"path": "file", "label": "imagenet_id"})
    return Pairs(list(data.paths), data.class_index.tolist(), data.truth())
