"""Offers of the page: a sample photo, the methods that suit the model, and the colors of its maps."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from fastcam.arrays.colors import NAMES, colormap
from fastcam.errors import FastcamError
from fastcam.methods.table import METHODS, named

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

STOPS = 33  # colors of a map that a gradient needs to look like it


@lru_cache(maxsize=1)
def sample_photo() -> bytes:
    """Return the photo 'coffee' of scikit-image, by Rachel Michetti (CC0), as a JPEG file."""
    from skimage.data import coffee

    file, photo = io.BytesIO(), np.asarray(cast(Any, coffee)())
    Image.fromarray(photo).save(file, "JPEG", quality=90)
    return file.getvalue()


def methods_of(model: Classifier) -> list[str]:
    """Return "auto" and the names of the methods that a model's head allows."""

    def suits(name: str) -> bool:
        try:
            named(name, model.head)
        except FastcamError:
            return False
        return True

    return ["auto", *filter(suits, METHODS)]


def colors() -> dict[str, list[str]]:
    """Return some colors of each color map, from the lowest value to the highest, as "#rrggbb"."""
    levels = np.linspace(0, 255, STOPS).round().astype(int)
    return {name: [f"#{bytes(color).hex()}" for color in colormap(name)[levels]] for name in ("turbo", *NAMES)}
