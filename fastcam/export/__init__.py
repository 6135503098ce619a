"""Explanations and models for others: overlays, segments, annotation files, and models with maps baked in.

For users who pass results on to other programs: `overlays`, `figure`, `signals`, `slices`, `segments`, `masks` and
`labels` are pictures, drawn by `marks`, `text`, `fonts` and `sheet`; `coco`, `yolo`, `supervision`, `lines` and `npz`
are formats; `baked_model` writes models. May import `fastcam.results`, `fastcam.methods` and the rooms below them, not
`fastcam.classifier`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.export.baked_model import Baked as Baked
    from fastcam.export.baked_model import bake as bake
    from fastcam.export.coco import to_coco as to_coco
    from fastcam.export.figure import show as show
    from fastcam.export.labels import save_labels as save_labels
    from fastcam.export.lines import to_json_line as to_json_line
    from fastcam.export.npz import load_npz as load_npz
    from fastcam.export.npz import save_npz as save_npz
    from fastcam.export.overlays import colormap as colormap
    from fastcam.export.overlays import overlay as overlay
    from fastcam.export.segments import seeds as seeds
    from fastcam.export.segments import segment as segment
    from fastcam.export.signals import overlay_signal as overlay_signal
    from fastcam.export.slices import overlay_frames as overlay_frames
    from fastcam.export.slices import overlay_montage as overlay_montage
    from fastcam.export.slices import overlay_slices as overlay_slices
    from fastcam.export.supervision import to_supervision as to_supervision
    from fastcam.export.yolo import to_yolo as to_yolo

_HOMES = {
    "Baked": "baked_model",
    "bake": "baked_model",
    "colormap": "overlays",
    "load_npz": "npz",
    "overlay": "overlays",
    "overlay_frames": "slices",
    "overlay_montage": "slices",
    "overlay_signal": "signals",
    "overlay_slices": "slices",
    "save_labels": "labels",
    "save_npz": "npz",
    "seeds": "segments",
    "segment": "segments",
    "show": "figure",
    "to_coco": "coco",
    "to_json_line": "lines",
    "to_supervision": "supervision",
    "to_yolo": "yolo",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
