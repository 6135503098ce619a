"""Numba kernels, one file per twin. Importing this compiles them (seconds, once) or loads them from the cache."""

from fastcam.kernels.cpu.activation_maps import activation_maps
from fastcam.kernels.cpu.find_boxes import find_boxes, find_components
from fastcam.kernels.cpu.heatmaps import heatmaps, heatmaps_uint8
from fastcam.kernels.cpu.localize import localize
from fastcam.kernels.cpu.overlay import overlay
from fastcam.kernels.cpu.paint import paint

__all__ = [
    "activation_maps",
    "find_boxes",
    "find_components",
    "heatmaps",
    "heatmaps_uint8",
    "localize",
    "overlay",
    "paint",
]
