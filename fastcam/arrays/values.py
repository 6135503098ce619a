"""Values that array functions and engines exchange: boxes of images, signals and volumes, components, feature maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """Boxes around the connected components of maps: one for each map, or all in one list.

    Attributes
    ----------
    xyxy
        (..., 4) int32, half-open pixels: `image[y0:y1, x0:x1]` is the crop. All zero where there is no component.
        `...` are the leading axes of the maps; for all components (B, 4).
    area
        (...) int32, pixels of the component; 0 = there is none.
    peak
        (...) float32, the maximum of the upsampled map, in units of the map, not normalised. On a device: NaN for a map
        that isn't finite.
    item
        None for one box a map. For all components (B,) int64, the map of each box, ascending: maps are counted in the
        order of their leading axes flattened (`np.unravel_index` gives the indices). A map may have no box.
    """

    xyxy: NDArray[np.int32]
    area: NDArray[np.int32]
    peak: NDArray[np.float32]
    item: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Intervals:
    """Intervals around the connected samples of maps of signals: one for each map, or all in one list.

    Attributes
    ----------
    xx
        (..., 2) int32, half-open samples: `signal[x0:x1]` is the crop. Both zero where there is none. `...` are the
        leading axes of the maps; for all components (B, 2).
    area
        (...) int32, number of samples; 0 = there is none.
    peak
        (...) float32, the maximum of the upsampled map. On a device: NaN for a map that isn't finite.
    item
        None for one interval a map; for all components (B,) int64, the map of each, as in `Boxes`.
    """

    xx: NDArray[np.int32]
    area: NDArray[np.int32]
    peak: NDArray[np.float32]
    item: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Cuboids:
    """Boxes of three sides around the connected components of maps of volumes: one for each map, or all in one list.

    Attributes
    ----------
    xyzxyz
        (..., 6) int32, half-open voxels, x along the last axis: `volume[z0:z1, y0:y1, x0:x1]` is the crop. All zero
        where there is no component. `...` are the leading axes of the maps; for all components (B, 6).
    area
        (...) int32, number of voxels of the component; 0 = there is none.
    peak
        (...) float32, the maximum of the upsampled map.
    item
        None for one box a map; for all components (B,) int64, the map of each, as in `Boxes`.
    """

    xyzxyz: NDArray[np.int32]
    area: NDArray[np.int32]
    peak: NDArray[np.float32]
    item: NDArray[np.int64] | None = None


class Components(NamedTuple):
    """Tables of runs and components of one map (`fastcam.kernels.cpu.components`), and its maximum.

    Valid until the thread's next call, which overwrites its workspace.
    """

    runs: NDArray[np.int32]
    components: NDArray[np.int32]
    peak: float


Window = tuple[int, int, int, int]
Size = tuple[int, ...]


class FeatureMaps(NamedTuple):
    """Feature maps as the kernels read them, in place: `data` are the bytes of a C-contiguous 4-D array.

    `shape` is (N, C, h, w) whatever the layout; int8 and uint8 stand for (q - zero_point) * scale.
    """

    data: NDArray[np.uint8]
    form: int
    zero_point: float
    scale: float
    shape: tuple[int, int, int, int]
