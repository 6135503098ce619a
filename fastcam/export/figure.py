"""Results as one picture: overlays in a grid with the images beside them, titles, a color bar and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fastcam.arrays.scalars import is_whole
from fastcam.arrays.values import Boxes
from fastcam.errors import InputError
from fastcam.export.masks import check_images, check_size, check_whole
from fastcam.export.overlays import name_of, overlay
from fastcam.export.pictures import picture_of
from fastcam.export.sheet import Cell, gap_of, legend, row_of, stacked
from fastcam.export.shown import count_of
from fastcam.export.text import Font
from fastcam.images.photos import Photo, each_photo
from fastcam.results import Explanation
from fastcam.results.class_names import class_numbers

PAGE = 1280  # pixels of a notebook's width
LEAST, USUAL, MOST = 160, 320, 4096  # pixels of a cell's width
TALLEST = 1.5  # times the width that a cell may be high
LARGEST = 2**26  # pixels of the whole picture


def show(
    images: Photo | Sequence[Photo] | None,
    explanation: Explanation,
    *,
    expected: int | str | Sequence[int | str] | None = None,
    together: bool = False,
    original: bool = True,
    width: int | None = None,
    columns: int | None = None,
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    font: Font = None,
) -> Image.Image:
    """Return an explanation as one picture: each image beside the overlays of its classes, with titles and a legend.

    Notebooks show it; `.save("grid.png")` writes it.

    Parameters
    ----------
    images
        The photo that was explained, or all of them in the explanation's order: paths, PIL images or (H, W, 3) uint8
        arrays. None: those of the explanation itself, if it keeps them.
    explanation
        Result of `Classifier.explain` for these images and one or several classes.
    expected
        The class that is right, by its index or name; of several images one for each, or the same for all. It has to be
        among the classes explained. Titles say then which class the model predicts, by its highest logit, and which
        was expected.
    together
        Whether to draw the classes of an image in one overlay, in place of one beside the other.
    original
        Whether to show the images themselves beside the overlays.
    width
        Of each cell in pixels, from 16 to 4096; photos are scaled to it. None: as wide as fits a notebook, 160 to 320.
    columns
        Number of images side by side. None: as many as fit a notebook.
    opacity, colormap, limits, font
        See `overlay`.

    Returns
    -------
    PIL.Image.Image
        Of mode RGB.

    Raises
    ------
    InputError
        Images that weren't explained, or not as many; a class that wasn't explained; an option that is out of range.

    Warns
    -----
    FontWarning
        There is no font for letters of a title.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> picture = show(chelsea(), model.explain(chelsea(), top=2), width=200)
    >>> picture.mode, picture.width
    ('RGB', 640)
    """
    photos = _photos(images, explanation)
    rights = _expected(expected, explanation)
    count = (1 if together else explanation.class_index.shape[1]) + bool(original)
    wide = _cell_width(width, count)
    groups = max(1, PAGE // (count * (wide + gap_of(wide)))) if columns is None else columns
    if not is_whole(groups) or groups < 1:
        raise InputError(f"columns: expected a whole number from 1; got {columns!r}")
    _check_total(len(photos) * count, wide)
    look = {"opacity": opacity, "colormap": colormap, "limits": limits, "font": font}
    rows: list[list[Cell]] = []
    for n, photo in enumerate(photos):
        cells = _cells(photo, explanation, n, rights[n], together, original, wide, look)
        if n % groups:
            rows[-1] += cells
        else:
            rows.append(cells)
    blocks = [row_of(cells, wide, font) for cells in rows]
    blocks.append(legend(colormap, limits, _notes(explanation, limits), blocks[0].shape[1], wide))
    return Image.fromarray(stacked(blocks, gap_of(wide), gap_of(wide)))


# ---- what is given ---------------------------------------------------------------------------------------------------


def _photos(images: Any, explanation: Explanation) -> Any:
    check_whole(explanation)
    if not isinstance(explanation, Explanation):
        raise InputError(f"explanation: expected the result of Classifier.explain; got {type(explanation).__name__}")
    check_images(explanation)
    if images is None:
        images = explanation.images
        if images is None:
            raise InputError("images: expected those that were explained; got None, and the explanation keeps none")
    photos = each_photo(images)
    if len(photos) != len(explanation.class_index):
        raise InputError(f"images: expected the {len(explanation.class_index)} that were explained; got {len(photos)}")
    return photos


def _expected(expected: Any, explanation: Explanation) -> list[int | None]:
    """Return the index m of the expected class of each image, or None."""
    count = len(explanation.class_index)
    if expected is None:
        return [None] * count
    each = list(expected) if isinstance(expected, Sequence | np.ndarray) and not isinstance(expected, str) else None
    each = [expected] * count if each is None else each
    if len(each) != count:
        raise InputError(f"expected: expected one class, or one for each of {count} images; got {len(each)}")
    return [_map_of(one, explanation, n) for n, one in enumerate(each)]


def _map_of(wanted: Any, explanation: Explanation, n: int) -> int:
    """Return the index of the map of a class that is named or numbered."""
    indices, labels = explanation.class_index[n].tolist(), explanation.labels
    index = class_numbers(wanted, labels, "expected") if isinstance(wanted, str) else wanted
    if is_whole(index) and index in indices:
        return indices.index(index)
    known, number = ", ".join(f"{k} {labels[k]}" if labels else str(k) for k in indices[:8]), explanation.image_index[n]
    raise InputError(
        f"expected: expected a class that is explained for image {number}: {known}; got {wanted!r}. Explain it as "
        "well: class_index= takes both"
    )


def _cell_width(width: Any, count: int) -> int:
    if width is None:
        return min(USUAL, max(LEAST, PAGE // count - 16))
    return count_of("width", width, MOST, 16)


def _check_total(cells: int, wide: int) -> None:
    if cells * wide * wide > LARGEST:
        most = LARGEST // (wide * wide)
        raise InputError(f"images: expected at most {most} cells of width {wide} in a picture; got {cells}. Show fewer")


# ---- cells -----------------------------------------------------------------------------------------------------------


def _cells(
    photo: Photo,
    explanation: Explanation,
    n: int,
    right: int | None,
    together: bool,
    original: bool,
    wide: int,
    look: dict[str, Any],
) -> list[Cell]:
    """Return the image and its overlays, at the size of a cell."""
    pixels = picture_of(photo, explanation)
    size = (pixels.shape[0], pixels.shape[1])
    check_size(explanation, n, size)
    scale = min(wide / size[1], TALLEST * wide / size[0])
    high, broad = (max(1, round(side * scale)) for side in size)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    small = np.asarray(image.resize((broad, high), Image.Resampling.BICUBIC, reducing_gap=3))
    scaled = resized(explanation, n, (high, broad))
    cells = [Cell(small, (_name_of_image(photo, explanation, n), ""))] if original else []
    maps = range(explanation.class_index.shape[1])
    if together:
        title = f"{len(maps)} classes" if len(maps) > 1 else _title(explanation, n, 0, right, look["font"])[0]
        return [*cells, Cell(overlay(small, scaled, item=n, map=list(maps), **look), (title, ""))]
    return cells + [
        Cell(overlay(small, scaled, item=n, map=m, label=False, **look), _title(explanation, n, m, right, look["font"]))
        for m in maps
    ]


def resized(explanation: Explanation, n: int, size: tuple[int, int]) -> Explanation:
    """Return the explanation of image n if it had been of another (height, width), its boxes and region scaled."""
    sizes, regions = explanation.image_sizes.copy(), explanation.regions.copy()
    xyxy = explanation.boxes.xyxy.copy()
    scale = np.array([size[1], size[0]] * 2) / np.tile(sizes[n, ::-1], 2)
    sizes[n] = size
    for each in (regions, xyxy):
        each[n] = np.rint(each[n] * scale)
    regions[n, 2:] = np.maximum(regions[n, 2:], regions[n, :2] + 1)
    xyxy[n, :, 2:] = np.maximum(xyxy[n, :, 2:], xyxy[n, :, :2] + 1)
    boxes = Boxes(xyxy, explanation.boxes.area, explanation.boxes.peak)
    return replace(explanation, image_sizes=sizes, regions=regions, boxes=boxes)


def _name_of_image(photo: Photo, explanation: Explanation, n: int) -> str:
    if isinstance(photo, str | Path):
        return Path(photo).name
    is_one_of_several = len(explanation.class_index) + len(explanation.failures) > 1
    return f"image {explanation.image_index[n]}" if is_one_of_several else "image"


def _title(explanation: Explanation, n: int, m: int, right: int | None, font: Font) -> tuple[str, str]:
    """Return the title of a class: its name, after what it is if the right class is known, and its score."""
    roles = []
    if right is not None:
        if explanation.class_index[n, m] == explanation.logits[n].argmax():
            roles.append("predicted")
        if m == right:
            roles.append("as expected" if roles else "expected")
    role = f"{', '.join(roles)}: " if roles else ""
    return role + name_of(explanation, n, m, font), explanation.score_text(n, m)


def _notes(explanation: Explanation, limits: Any) -> list[str]:
    """Return what the legend says of the maps and the lines."""
    notes = [explanation.method + (", each map by itself" if limits is None and explanation.limits is None else "")]
    if explanation.boxes.area.any():
        notes.append(f"box: {explanation.convention}, {100 * explanation.threshold:g} %")
    sides = explanation.image_sizes[:, ::-1]
    if (explanation.regions[:, :2] > 0).any() or (explanation.regions[:, 2:] < sides).any():
        notes.append("dashed line: what the network saw")
    return notes
