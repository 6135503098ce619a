"""Pictures of worst cases on a page, and their way from the pages of shards."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.evaluate.records import PAGE
from fastcam.evaluate.report.figures import Results
from fastcam.evaluate.report.markup import element, name
from fastcam.evaluate.results import without_folders

LARGEST = 640  # pixels of the longer side of an embedded picture
QUALITY = 85  # of its JPEG
# As `Gallery.embedded` writes it. Names of strangers can't look like it: in text "<" is escaped, in attributes quotes.
EMBEDDED = re.compile(
    r'<image id="(picture-\d+--?\d+-[0-9a-f]+)" width="([1-9]\d*)" height="([1-9]\d*)" '
    r'href="(data:image/jpeg;base64,[A-Za-z0-9+/]+=*)">'
)


class Thumbnail(NamedTuple):
    """The photo's width and height in pixels, and a smaller JPEG of its overlay, as an address that holds it."""

    width: int
    height: int
    address: str


Picture = Callable[[int, int], NDArray[np.uint8] | Thumbnail | str | None]


class Gallery:
    """Pictures by row and worst case: each is made once, embedded once, and shown wherever it belongs."""

    def __init__(self, results: Results, picture: Picture) -> None:
        self._worst, self._picture = results["worst"], picture
        self._found: dict[str, Thumbnail | str | None] = {}

    def show(self, row: int, k: int, title: str) -> Element | None:
        """Return the overlay of a row for a worst case, with the true boxes; or a text why there is none; or None."""
        case = self._worst[k]
        mark = _mark(row, case)
        if mark not in self._found:
            self._found[mark] = _thumbnail(self._picture(row, k), f"picture({row}, {k})")
        found = self._found[mark]
        if not isinstance(found, Thumbnail):
            return None if found is None else element("p", "No picture: ", name(without_folders(found)))
        boxes = [
            element("rect", x=x0, y=y0, width=x1 - x0, height=y1 - y0, class_=kind)
            for x0, y0, x1, y1 in case["truth"]
            for kind in ("halo", "truth")
        ]
        use, view = element("use", href=f"#{mark}"), f"0 0 {found.width} {found.height}"
        return element("svg", use, *boxes, viewBox=view, role="img", aria_label=title)

    def embedded(self) -> Element:
        """Return all pictures, to be put on the page once, where they aren't seen."""
        images = [
            element("image", id=mark, width=one.width, height=one.height, href=one.address)
            for mark, one in self._found.items()
            if isinstance(one, Thumbnail)
        ]
        return element("svg", element("defs", *images), width=0, height=0, aria_hidden="true", class_="gallery")


class ShardPictures:
    """Pictures of merged results, from the reports of their shards.

    A worst case of all photos is one of its shard as well, whose report has the overlays of all rows.

    Parameters
    ----------
    folders
        Of the shards. Those that `fastcam.evaluate.evaluate` leaves have a report only after `write_report`.
    results
        Of `fastcam.evaluate.merge_shards`.

    Examples
    --------
    >>> results = {"rows": [{"model": "m.onnx"}], "worst": [{"row": 0, "id": "7", "class_index": 281}]}
    >>> ShardPictures([], results)(0, 0)
    "it is in no shard's report"
    """

    def __init__(self, folders: Sequence[str | Path], results: Results) -> None:
        self._results = results
        wanted = {_mark(row, case) for row in range(len(results["rows"])) for case in results["worst"]}
        self._found: dict[str, Thumbnail] = {}
        for folder in folders:
            self._found |= _embedded_in(Path(folder) / PAGE, wanted)

    def __call__(self, row: int, case: int) -> Thumbnail | str | None:
        """Return the picture of a row and the number of a worst case; a text if there is none; None of a baseline."""
        found = self._found.get(_mark(row, self._results["worst"][case]))
        if found is None and self._results["rows"][row]["model"] is not None:
            return "it is in no shard's report"
        return found


def _mark(row: int, case: Mapping[str, Any]) -> str:
    """Return an id that is the same for the same row, photo and class, in shards and in the whole."""
    photo = sha256(case["id"].encode("utf-8", "surrogatepass")).hexdigest()
    return f"picture-{row}-{case['class_index']}-{photo[:16]}"


def _embedded_in(page: Path, wanted: Collection[str]) -> dict[str, Thumbnail]:
    """Return the pictures of a page by their ids; none if it isn't there or can't be read."""
    try:
        text = page.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = (one.groups() for one in EMBEDDED.finditer(text))
    return {mark: Thumbnail(int(width), int(height), rest) for mark, width, height, rest in found if mark in wanted}


def _thumbnail(given: Any, where: str) -> Thumbnail | str | None:
    if given is None or isinstance(given, Thumbnail | str):
        return given
    pixels = np.asarray(given)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(f"{where}: expected (H, W, 3) uint8 or None; got {pixels.shape} {pixels.dtype}")
    height, width = pixels.shape[:2]
    return Thumbnail(width, height, _jpeg(pixels))


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    """Return an address that contains the picture as a JPEG."""
    from PIL import Image

    image, buffer = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((LARGEST, LARGEST))
    image.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
