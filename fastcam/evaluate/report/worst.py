"""The worst cases of each method, with the overlays of all methods of the same photo side by side."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.evaluate.report.figures import Results, class_names, row_titles
from fastcam.evaluate.report.markup import element, name, number

Picture = Callable[[int, int], NDArray[np.uint8] | None]

LARGEST = 480  # pixels of the longer side of an embedded picture
QUALITY = 85  # of its JPEG


class Gallery:
    """Pictures by row and worst case: each asked for once, embedded once, shown wherever it belongs."""

    def __init__(self, results: Results, picture: Picture) -> None:
        self._worst, self._picture = results["worst"], picture
        self._sizes: dict[tuple[int, str, int], tuple[int, int] | None] = {}  # height and width of the photo
        self._images: list[Element] = []
        self._marks: dict[tuple[int, str, int], str] = {}

    def show(self, row: int, k: int, title: str) -> Element | None:
        """The overlay of a row for a worst case, the true boxes over it; None where there is none."""
        case = self._worst[k]
        key = row, case["id"], case["class_index"]
        if key not in self._sizes:
            self._sizes[key] = self._embed(key, self._picture(row, k), f"picture({row}, {k})")
        size = self._sizes[key]
        if size is None:
            return None
        boxes = [
            element("rect", x=x0, y=y0, width=x1 - x0, height=y1 - y0, class_=kind)
            for x0, y0, x1, y1 in case["truth"]
            for kind in ("halo", "truth")
        ]
        use = element("use", href=f"#{self._marks[key]}")
        return element("svg", use, *boxes, viewBox=f"0 0 {size[1]} {size[0]}", role="img", aria_label=title)

    def embedded(self) -> Element:
        """All pictures, to be put on the page once; nothing of it is seen there."""
        return element("svg", element("defs", *self._images), width=0, height=0, aria_hidden="true", class_="gallery")

    def _embed(self, key: tuple[int, str, int], pixels: Any, where: str) -> tuple[int, int] | None:
        if pixels is None:
            return None
        array = np.asarray(pixels)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise InputError(f"{where}: expected (H, W, 3) uint8 or None; got {array.shape} {array.dtype}")
        height, width = array.shape[:2]
        self._marks[key] = mark = f"picture{len(self._images)}"
        self._images.append(element("image", id=mark, width=width, height=height, href=_jpeg(array)))
        return height, width


def worst_cases(results: Results, gallery: Gallery) -> list[Element]:
    """For each row its worst cases, in their order."""
    if not results["worst"]:
        return [element("p", "No worst cases were kept.")]
    note = (
        "The lowest IoU of the box of the true class with a true box. White on black: the method's box. Dashed: the "
        "true boxes. The method whose worst case it is has a frame."
    )
    made = [element("p", note)]
    for row, title in enumerate(row_titles(results)):
        cases = [k for k, case in enumerate(results["worst"]) if case["row"] == row]
        if cases:
            items = [_case(results, gallery, k) for k in cases]
            made.append(element("section", element("h3", title), element("ol", *items, class_="cases")))
    return made


def _case(results: Results, gallery: Gallery, k: int) -> Element:
    rows, titles, case = results["rows"], row_titles(results), results["worst"][k]
    label = class_names(results).get(case["class_index"], f"class {case['class_index']}")
    overlaps = {
        other["row"]: other["iou"]
        for other in results["worst"]
        if (other["id"], other["class_index"]) == (case["id"], case["class_index"])
    }
    model, shown = rows[case["row"]]["model"], []
    for row in range(len(rows)):
        if None not in (model, rows[row]["model"]) and rows[row]["model"] != model:
            continue  # rows without a model are baselines of all models
        picture = gallery.show(row, k, f"{case['id']}, {label}, by {titles[row]}")
        if picture is None and rows[row]["model"] is None:
            continue
        method = rows[row]["method"] if rows[row]["model"] == model else titles[row]
        said = [method, *([", IoU ", number(overlaps[row])] if row in overlaps else [])]
        seen = element("p", "No picture.") if picture is None else picture
        shown.append(
            element("figure", seen, element("figcaption", *said), class_="own" if row == case["row"] else None)
        )
    no_box = [] if case["box"] else [", no box"]
    title = element("h4", name(label), ", IoU ", number(case["iou"]), *no_box)
    where = element("p", name(case["id"]), ": ", name(case["path"]), class_="path")
    return element("li", title, where, element("div", *shown, class_="overlays"))


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    """As an address that holds the picture itself."""
    from PIL import Image

    image, buffer = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((LARGEST, LARGEST))
    image.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
