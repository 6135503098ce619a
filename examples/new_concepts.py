"""A network learns a concept that it was never trained on: `python examples/new_concepts.py MODEL DATA OUT.png`.

Zhou et al. 2016, section 4: a linear classifier is trained on a network's pooled features, and its weights make class
activation maps of the concept. Then the paper's way with birds: find the box, crop the photo to it, take the features
again, and classify anew.

DATA is a folder with photos in `images` and their boxes in `boxes.csv` (file, coco_category, x0, y0, x1, y1). The
concept is "person", of which ImageNet has no class. Every other photo is for training; OUT.png shows where the concept
is in that one of the others which is surest to have it. Needs scikit-learn.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression

import fastcam

CONCEPT = "person"


def read(folder: Path, limit: int) -> tuple[list[Image.Image], np.ndarray]:
    """Return photos, and whether the concept is in each."""
    with open(folder / "boxes.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["file"] for row in rows})[:limit]
    having = {row["file"] for row in rows if row["coco_category"] == CONCEPT}
    photos = [Image.open(folder / "images" / name).convert("RGB") for name in names]
    return photos, np.array([name in having for name in names])


def crops(model: fastcam.Classifier, photos: list[Image.Image]) -> list[Image.Image]:
    """Return each photo cropped to the box of its concept and a quarter of its sides around; whole without a box."""
    boxes = model.explain(photos, class_index=0).boxes
    found = []
    for photo, (x0, y0, x1, y1), area in zip(photos, boxes.xyxy[:, 0].tolist(), boxes.area[:, 0], strict=True):
        dx, dy = (x1 - x0) // 4, (y1 - y0) // 4
        box = (max(0, x0 - dx), max(0, y0 - dy), min(photo.width, x1 + dx), min(photo.height, y1 + dy))
        found.append(photo.crop(box) if area else photo)
    return found


def main(model_path: str, data: str, out: str, limit: str = "128") -> dict[str, float]:
    model = fastcam.load(model_path, preprocess="inception,fit=stretch")
    photos, wanted = read(Path(data), int(limit))
    train = np.arange(len(photos)) % 2 == 0
    features = model.features(photos)

    learned = LogisticRegression(C=0.1, max_iter=1000).fit(features[train], wanted[train])
    concept = model.with_classes(learned.coef_, learned.intercept_, labels=[CONCEPT])

    cropped = model.features(crops(concept, photos))
    both = np.concatenate([features, cropped], axis=1)  # the whole photo and what is in the box
    again = LogisticRegression(C=0.1, max_iter=1000).fit(both[train], wanted[train])
    accuracy = {
        "always the same": float(max(wanted[~train].mean(), 1 - wanted[~train].mean())),
        "whole photos": float(learned.score(features[~train], wanted[~train])),
        "with crops": float(again.score(both[~train], wanted[~train])),
    }
    best = int(np.argmax(np.where(train, -np.inf, concept.explain(photos).logits[:, 0])))
    picture = fastcam.overlay(photos[best], concept.explain(photos[best]))
    Image.fromarray(picture).save(out)
    return accuracy


if __name__ == "__main__":
    for name, value in main(*sys.argv[1:]).items():
        print(f"{value:.1%}  {name}")
