"""Which code runs on an array, and the one call form behind which the engines stand.

`cpu` is `fastcam.kernels.cpu` (Numba); `reference` is `fastcam.reference` (NumPy and scikit-image), slow, there to
check the others on your own data.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError, KernelError
from fastcam.sampling import Grid

ENGINES = {"cpu": "fastcam.kernels.cpu", "reference": "fastcam.reference"}


class Engine:
    """The kernels of one engine, writing into arrays that are allocated here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kernels: Any = import_module(ENGINES[name])

    def _launch(self, kernel: str, *arrays: Any) -> None:
        try:
            getattr(self._kernels, kernel)(*arrays)
        except TypeError as error:  # Numba: no machine code for such arguments
            kinds = ", ".join(f"{getattr(array, 'dtype', type(array))} {np.shape(array)}" for array in arrays)
            raise KernelError(f"{self.name}.{kernel} can't take {kinds}; please report this") from error

    def activation_maps(
        self, feature_maps: NDArray[np.float32], channel_weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(N, M, h, w) from (N, C, h, w) and (N, M, C)."""
        n, c, h, w = feature_maps.shape
        out = np.empty((n, channel_weights.shape[1], h * w), np.float32)
        self._launch("activation_maps", feature_maps.reshape(n, c, h * w), channel_weights, out)
        return out.reshape(n, -1, h, w)

    def extrema(self, maps: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
        """(P, 2) minimum and maximum of (P, h, w) maps, upsampled."""
        out = np.empty((len(maps), 2), np.float32)
        self._launch("extrema", maps, *grid.rows, *grid.columns, out)
        return out

    def heatmaps(
        self, maps: NDArray[np.float32], grid: Grid, normalisation: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(P, H, W) of (P, h, w) maps, upsampled and normalised by (P, 2) offset and scale."""
        out = np.empty((len(maps), *grid.size), np.float32)
        self._launch("heatmaps", maps, *grid.rows, *grid.columns, normalisation, out)
        return out

    def find_boxes(
        self, maps: NDArray[np.float32], grid: Grid, rules: NDArray[np.float32], connectivity: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(P, 4) boxes and (P,) areas of (P, h, w) maps, upsampled and cut by (P, 3) rules."""
        height, width = grid.size
        # A row is monotone between two cells of the map, so it has at most w runs above a threshold.
        runs = np.empty((height * min(maps.shape[2], (width + 1) // 2), 8), np.int32)
        xyxy, area = np.empty((len(maps), 4), np.int32), np.empty(len(maps), np.int32)
        self._launch("find_boxes", maps, *grid.rows, *grid.columns, rules, np.int32(connectivity), runs, xyxy, area)
        return xyxy, area


_OPEN: dict[str, Engine] = {}


def named(name: str) -> Engine:
    """The engine of that name; "auto" is "cpu" for NumPy arrays.

    Raises
    ------
    InputError
        No engine of that name.
    """
    resolved = "cpu" if name == "auto" else name
    if not isinstance(resolved, str) or resolved not in ENGINES:
        raise InputError(f"engine: expected one of auto, {', '.join(ENGINES)}; got {name!r}")
    if resolved not in _OPEN:
        _OPEN[resolved] = Engine(resolved)  # two threads may both do this; either object serves
    return _OPEN[resolved]
