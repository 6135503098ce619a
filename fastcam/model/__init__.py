"""One ONNX model: its file, its graph, runs of it, its head, and gradients through it.

`file` and `graph` read and write; `run` opens sessions of ONNX Runtime; `head` finds feature maps and class weights and
proves them; `opened_model` is a model whose head is known; `gradient` differentiates it. For the rooms above; users
meet `Head` and `Candidate` only. May import `fastcam.images`, for the description of the input, and `fastcam.arrays`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.model.head.head import Head as Head
    from fastcam.model.head.search import Candidate as Candidate

_HOMES = {
    "Candidate": "head.search",
    "Head": "head.head",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
