"""Photos and frames on their way to a network input and back: files, preprocessing, regions.

For users who preprocess frames themselves, and for every room that reads photos. `photos` reads files, `preprocessing`
and `hugging_face` are specifications, `regions` and `fit` their geometry and checks, and `frames` makes network inputs.
May import `fastcam.arrays` and `fastcam.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.images.frames import network_input as network_input
    from fastcam.images.inputs import ImageInput as ImageInput
    from fastcam.images.preprocessing import Preprocess as Preprocess
    from fastcam.images.preprocessing import preprocess as preprocess
    from fastcam.images.regions import seen_region as seen_region

_HOMES = {
    "ImageInput": "inputs",
    "Preprocess": "preprocessing",
    "network_input": "frames",
    "preprocess": "preprocessing",
    "seen_region": "regions",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
