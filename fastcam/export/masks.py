"""Masks of an explanation's components, in the photo's own pixels, plain and run-length encoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.components import label_images
from fastcam.errors import InputError
from fastcam.images.regions import placed
from fastcam.results import Explanation, Found, ImageExplanation

OTHERS = {1: ("signals", "overlay_signal"), 3: ("volumes or clips", "overlay_slices, overlay_frames")}  # by rank


def mask(explanation: Explanation, n: int, m: int) -> NDArray[np.bool_]:
    """Return the mask (H, W) bool of the component in the box of map m of image n; all False without a box."""
    check_images(explanation)
    part = explanation.part(n)
    height, width = explanation.image_sizes[n].tolist()
    labels = label_images(
        explanation.activation_maps[n, m],
        part.sides,
        convention=explanation.convention,
        threshold=explanation.threshold,
        connectivity=explanation.connectivity,
        window=part.window,
    )
    return placed(labels == 1, part, (height, width), False)


def check_images(explanation: Explanation) -> None:
    """Check that an explanation is one of images, not of signals, volumes or clips, or raise `InputError`."""
    rank = explanation.image_sizes.shape[1]
    if rank != 2:
        kind, drawn = OTHERS[rank]
        size = tuple(explanation.image_sizes[0].tolist())
        raise InputError(f"explanation: expected one of images; got one of {kind}, {size}. Draw it with {drawn}")


def check_whole(explanation: Any) -> None:
    """Check that an explanation isn't what iterating over one yields, or raise `InputError`."""
    if isinstance(explanation, ImageExplanation | Found):
        raise InputError(
            f"explanation: expected the result of Classifier.explain; got {type(explanation).__name__}. Give the "
            "result itself with item= and map=, or a part of it such as explanation[0:1]"
        )


def check_size(explanation: Explanation, n: int, size: tuple[int, int]) -> None:
    """Check that a photo of (height, width) `size` may be image n of the explanation, or raise `InputError`."""
    height, width = explanation.image_sizes[n].tolist()
    if size != (height, width):
        raise InputError(f"image: expected the one explained, {height}×{width}; got {size[0]}×{size[1]}")


def run_lengths(pixels: NDArray[np.bool_]) -> dict[str, Any]:
    """Return COCO's compressed encoding of a mask: {"size": [H, W], "counts": ...}.

    Counts are lengths of alternating runs of 0 and 1, column by column, the first of 0; from the fourth on minus the
    count two before; in groups of five bits, the lowest first, with a sixth bit if more follow, as characters from 48
    on.
    """
    flat = pixels.ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *ends.tolist(), flat.size]).tolist()
    if flat[0]:
        counts.insert(0, 0)
    text = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + 32 * more))
            if not more:
                break
    return {"size": list(pixels.shape), "counts": "".join(text)}
