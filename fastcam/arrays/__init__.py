"""Arrays in, arrays out: maps, boxes, components, outlines, masks and threshold sweeps. No function needs a model.

For users with feature maps and class weights, or maps, of their own, in the host's memory or on a CUDA device; and for
every other room. `values`, `checks`, `conventions`, `devices`, `pool`, `grids` and `resampling` are shared by the
functions; `engines` run the kernels. May import `fastcam.errors`, and from `fastcam.arrays.engines` `fastcam.kernels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.arrays.boxes import find_boxes as find_boxes
    from fastcam.arrays.boxes import localize as localize
    from fastcam.arrays.components import label_images as label_images
    from fastcam.arrays.conventions import CONVENTIONS as CONVENTIONS
    from fastcam.arrays.maps import activation_maps as activation_maps
    from fastcam.arrays.maps import heatmaps as heatmaps
    from fastcam.arrays.masks import area_masks as area_masks
    from fastcam.arrays.masks import threshold_masks as threshold_masks
    from fastcam.arrays.outlines import contours as contours
    from fastcam.arrays.sweeps import Sweep as Sweep
    from fastcam.arrays.sweeps import sweep as sweep
    from fastcam.arrays.values import Boxes as Boxes
    from fastcam.arrays.values import Cuboids as Cuboids
    from fastcam.arrays.values import Intervals as Intervals

_HOMES = {
    "Boxes": "values",
    "CONVENTIONS": "conventions",
    "Cuboids": "values",
    "Intervals": "values",
    "Sweep": "sweeps",
    "activation_maps": "maps",
    "area_masks": "masks",
    "contours": "outlines",
    "find_boxes": "boxes",
    "heatmaps": "maps",
    "label_images": "components",
    "localize": "boxes",
    "sweep": "sweeps",
    "threshold_masks": "masks",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
