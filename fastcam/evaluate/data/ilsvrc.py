"""ILSVRC's `LOC_val_solution.csv`: ImageId, and wnid x0 y0 x1 y1 again and again; pixels from 0, the last ones inside.

Of Kaggle's "ImageNet Object Localization Challenge".
"""

from __future__ import annotations

from pathlib import Path

from fastcam.errors import InputError
from fastcam.evaluate.data.classes import Category
from fastcam.evaluate.data.draft import Draft, DraftBox, DraftImage
from fastcam.evaluate.data.text import number, read_rows

COLUMNS = {"ImageId", "PredictionString"}


def read(path: Path, root: Path | None) -> Draft:
    """Read a file; photos are in ILSVRC/Data/CLS-LOC/val beside it if that is there, else beside it, or in the root."""
    usual = path.parent / "ILSVRC" / "Data" / "CLS-LOC" / "val"
    images: list[DraftImage] = []
    for where, row in read_rows(path):
        if not set(row) >= COLUMNS:
            raise InputError(f"{where}: expected the columns ImageId and PredictionString; got {', '.join(row)}")
        image = DraftImage(row["ImageId"], row["ImageId"], where, is_stem=True)
        words = row["PredictionString"].split()
        if len(words) % 5:
            raise InputError(f"{where}: expected groups of a wnid and four numbers; got {len(words)} words")
        for n in range(0, len(words), 5):
            x0, y0, x1, y1 = (number(where, word) for word in words[n + 1 : n + 5])
            image.boxes.append(DraftBox(words[n], (x0, y0, x1 + 1, y1 + 1), where))
        images.append(image)
    wnids = sorted({str(box.category) for image in images for box in image.boxes})
    root = root or (usual if usual.is_dir() else path.parent)
    return Draft("ilsvrc", root, images, [Category(wnid, wnid) for wnid in wnids])
