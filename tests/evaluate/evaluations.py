"""Quick evaluations of a real model on annotated photos of CIFAR-10."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from fastcam.evaluate import Protocol, evaluate

QUICK = ("localization", "known", "pointing", "energy")


def annotate(shared: Path, folder: Path) -> Path:
    """A table of the 20 photos, with made-up boxes, one or two classes a photo, and masks of some."""
    rows = ["path,label,x0,y0,x1,y1,mask"]
    rng = np.random.default_rng(0)
    for n, path in enumerate(sorted(shared.glob("photos/cifar10/*.png"))):
        shutil.copy(path, folder)
        label = int(path.stem.split("_")[2]) if path.stem.split("_")[2].isdigit() else n % 10
        x0, y0 = rng.integers(0, 12, 2).tolist()
        x1, y1 = rng.integers(18, 33, 2).tolist()
        mask = ""
        if n % 3 == 0:
            mask = f"mask{n}.png"
            pixels = np.zeros((32, 32), np.uint8)
            pixels[y0:y1, x0:x1] = 7
            Image.fromarray(pixels).save(folder / mask)
        rows.append(f"{path.name},{label},{x0},{y0},{x1},{y1},{mask}")
        if n % 4 == 1:
            rows.append(f"{path.name},{(label + 1) % 10},1,2,20.5,30,{'mask0.png' if n == 9 else ''}")
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "boxes.csv"


def again(model_and_data, folder, **options):
    """Run the same evaluation, except for some options."""
    model, data = model_and_data
    given = {"methods": ("cam", "layercam"), "protocol": Protocol(metrics=QUICK), "data": "boxes.csv"}
    return evaluate(model, data, folder, **(given | options))
