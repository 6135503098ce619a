"""Numba kernels, one file per twin. Importing this compiles them (seconds, once) or loads them from the cache."""

from fastcam.kernels.cpu.activation_maps import activation_maps
from fastcam.kernels.cpu.find_boxes import find_boxes
from fastcam.kernels.cpu.heatmaps import extrema, heatmaps

__all__ = ["activation_maps", "extrema", "find_boxes", "heatmaps"]
