"""Boxes as values: what engines and `find_boxes` return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """Boxes around the connected components of maps: one for each map, or all, one after the other.

    Attributes
    ----------
    xyxy
        (..., 4) int32, half-open pixels: `image[y0:y1, x0:x1]` is the crop. All zero where there is no component.
        `...` are the leading axes of the maps; of all components it is (B, 4).
    area
        (...) int32, pixels of the component; 0 = there is none.
    peak
        (...) float32, the maximum of the upsampled map, in units of the map (not normalised). On a device: NaN for a
        map that isn't finite.
    item
        None for one box a map. Of all components (B,) int64, which map each box is of, ascending: maps are counted in
        the order of their leading axes flattened (`np.unravel_index` turns it back). A map may have no box.
    """

    xyxy: NDArray[np.int32]
    area: NDArray[np.int32]
    peak: NDArray[np.float32]
    item: NDArray[np.int64] | None = None


class Components(NamedTuple):
    """Tables of runs and components of one map (`fastcam.kernels.cpu.components`), and its maximum.

    Valid until the thread's next call: they are its workspace.
    """

    runs: NDArray[np.int32]
    components: NDArray[np.int32]
    peak: float


Window = tuple[int, int, int, int]


class FeatureMaps(NamedTuple):
    """Feature maps as the kernels read them, where they lie: `data` are the bytes of a C-contiguous 4-D array.

    `shape` is (N, C, h, w) whatever the layout; int8 and uint8 stand for (q - zero_point) * scale.
    """

    data: NDArray[np.uint8]
    form: int
    zero_point: float
    scale: float
    shape: tuple[int, int, int, int]
