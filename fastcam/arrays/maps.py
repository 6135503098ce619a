"""Activation maps from feature maps, and heatmaps from activation maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastcam.arrays import engines
from fastcam.arrays.checks import (
    check_maps,
    check_threads,
    class_indices,
    feature_maps_and_weights,
    flat_maps,
    grid_at,
    limits_of,
    out_array,
)
from fastcam.arrays.devices import adopt, is_on_device
from fastcam.arrays.engines.engine import Engine
from fastcam.arrays.places import as_images, flat_places, line_at, rank_of, rank_of_layout, volume_at
from fastcam.arrays.values import FeatureMaps, Size
from fastcam.arrays.volumes import check_room, volume_heatmaps
from fastcam.errors import InputError


def activation_maps(
    feature_maps: ArrayLike,
    class_weights: ArrayLike,
    class_index: ArrayLike,
    *,
    layout: str = "NCHW",
    scale: float | None = None,
    zero_point: int = 0,
    threads: int | None = None,
    engine: str = "auto",
) -> NDArray[np.float32]:
    """Return class activation maps (N, M, h, w), raw.

    `M_c(x, y) = sum_k W[c, k] f_k(x, y)` (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization").
    With a bias b and global *average* pooling, `mean_xy M_c(x, y) + b[c]` is the logit of class c. The sum is taken in
    channel order in float32, so on the CPU every engine, layout and number of threads gives the same bits; on a device
    the order differs.

    Parameters
    ----------
    feature_maps
        (N, C, h, w) real numbers: the last spatial layer's output; (N, C, l) of signals, (N, C, d, h, w) of volumes.
        float32, float16, int8 and uint8 are read without a copy, other dtypes are converted to float32.
    class_weights
        (K, C): the weights behind the pooling, one row a class.
    class_index
        Classes in [0, K): one for all images, (M,) for all images, or (N, M), row n for image n.
    layout
        "NCHW", or "NHWC" for feature maps (N, h, w, C). Both are read in place. "NCW" or "NWC" for signals, "NCDHW" or
        "NDHWC" for volumes.
    scale, zero_point
        Of int8 or uint8 feature maps q, which stand for `(q - zero_point) * scale`.
    threads
        Number of threads, at most; None: one a processor, where there is enough work. The images are shared out.
    engine
        "auto": where the arrays are; "cpu": Numba; "cuda": CuPy; "reference": NumPy.

    Returns
    -------
    (N, M, h, w) float32, in the units of the logits; (N, M, l) of signals, (N, M, d, h, w) of volumes.

    Raises
    ------
    InputError
        A wrong shape, dtype or class index; or NaN, infinity or values of 2**126 and more in the result; the message
        names the item.

    Examples
    --------
    >>> features = np.arange(8.0).reshape(1, 2, 2, 2)                   # N=1, C=2, h=w=2
    >>> activation_maps(features, [[1.0, 0.0], [-1.0, 1.0]], [0, 1]).shape  # M=2 of K=2 classes
    (1, 2, 2, 2)
    >>> activation_maps(features, [[1.0, 0.0], [-1.0, 1.0]], [0, 1])[0]
    array([[[0., 1.], [2., 3.]],
           [[4., 4.], [4., 4.]]], dtype=float32)
    >>> activation_maps(features.reshape(1, 2, 4), [[1.0, 0.0]], 0, layout="NCW")  # of a signal
    array([[[0., 1., 2., 3.]]], dtype=float32)
    """
    places = None
    if rank_of_layout(layout) != 2:
        feature_maps, layout, places = as_images(feature_maps, layout)
    features, weights = feature_maps_and_weights(feature_maps, class_weights, layout, scale, zero_point)
    index = class_indices(class_index, features.shape[0], len(weights))
    check_threads(threads)
    return checked_maps(engines.serving(engine, features.data), features, weights, index, threads, places)


def checked_maps(
    run: Engine,
    features: FeatureMaps,
    weights: NDArray[np.float32],
    index: NDArray[np.int64],
    threads: int | None = None,
    places: tuple[int, ...] | None = None,
) -> NDArray[np.float32]:
    """Return maps (N, M, h, w) from rows (N, M) of weights (K, C), checked to be finite: the last step of a method.

    `places` are the last axes of the result, if they aren't those of an image: the feature maps have them in one row.
    """
    maps, sound = run.activation_maps(features, weights, index, threads)
    if places is not None:
        maps = maps.reshape(*maps.shape[:2], *places)
    if sound < len(maps):
        check_maps("activation maps", maps, maps.ndim - 2)
    return maps


def heatmaps(
    maps: ArrayLike,
    size: Size,
    *,
    normalize: bool = True,
    limits: ArrayLike | None = None,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
    window: tuple[int, ...] | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> NDArray[Any]:
    """Return maps at image size, each scaled to [0, 1] by its minimum and maximum there.

    Bilinear with half-pixel centres and replicated edges (`align_corners=False`). A constant map becomes zeros. The
    map is scaled before it is upsampled, and values that rounding leaves outside of [0, 1] are clipped. Maps of signals
    and of volumes follow the same rule, linear and trilinear.

    Parameters
    ----------
    maps
        (..., h, w) real numbers; of signals (..., l), of volumes (..., d, h, w), in the host's memory.
    size
        (H, W) of the image that the maps cover; (L,) of the signal, (D, H, W) of the volume.
    normalize
        False: raw values, which are comparable between maps.
    limits
        Raw values that become 0 and 1, and beyond which values are clipped: (low, high) for all maps, or (..., 2), a
        pair for each; equal ones give zeros. Makes maps comparable, such as those of a video. None: each map's own.
    dtype
        float32, or uint8 for values in [0, 255], rounded half up: a quarter of the memory. None: the dtype of `out`, or
        float32.
    out
        C-contiguous array of the result's shape and dtype to write into, and return.
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image; minimum and maximum are theirs. Of a signal
        (x0, x1), of a volume (x0, y0, z0, x1, y1, z1).
    threads
        Number of threads, at most; None: one a processor, where there is enough work. Maps, or the rows of one, are
        shared out.
    engine
        "auto": where the arrays are; "cpu": Numba; "cuda": CuPy; "reference": NumPy.

    Returns
    -------
    (..., H, W) float32 in [0, 1], uint8 in [0, 255], or raw float32; with a window its height and width. For signals
    (..., L), for volumes (..., D, H, W).

    Raises
    ------
    InputError
        Fewer than two axes, no element, a number that isn't finite, limits, size or window out of range; an `out` that
        doesn't fit, or that overlaps the maps; volumes that don't fit the memory. If one map of several isn't finite,
        `out` is partly written.

    Examples
    --------
    >>> heatmaps([[0.0, 4.0]], (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    >>> heatmaps([[0.0, 4.0]], (1, 4), limits=(0, 8))
    array([[0.   , 0.125, 0.375, 0.5  ]], dtype=float32)
    >>> maps = np.random.default_rng(0).standard_normal((2, 5, 7, 7))     # (N, M, h, w)
    >>> heatmaps(maps, (224, 320), dtype=np.uint8).shape                   # (N, M, H, W)
    (2, 5, 224, 320)
    >>> heatmaps([0.0, 4.0], (4,))                                         # a signal
    array([0.  , 0.25, 0.75, 1.  ], dtype=float32)
    >>> heatmaps(maps, (16, 112, 112)).shape                               # volumes: maps (N, d, h, w)
    (2, 16, 112, 112)
    """
    if not isinstance(normalize, bool | np.bool_):
        raise InputError(f"normalize: expected True or False; got {normalize!r}")
    rank = rank_of(size)
    volume = volume_at(maps, size, window) if rank == 3 else None
    if volume is not None:
        flat, leading, where, shape = volume.maps, volume.leading, volume.plane, volume.size
    elif rank == 1:
        flat, leading = flat_places(maps, 1)
        where = line_at(flat.shape[1], size, window)
        flat, shape = flat[:, None], where.size[1:]
    else:
        flat, leading = flat_maps(maps)
        where = grid_at(flat.shape[1:], size, window)
        shape = where.size
    check_threads(threads)
    scale = limits_of(limits, leading)
    if scale is not None and not normalize:
        raise InputError("limits: expected with normalize=True; got raw values, which aren't scaled")
    kind = _heatmap_dtype(dtype, out, normalize)
    if volume is not None and out is None:
        check_room(volume, kind.itemsize * len(flat))
    made = out_array("out", out, (*leading, *shape), kind, flat)
    run = engines.serving(engine, flat)
    if volume is not None:
        volume_heatmaps(volume, bool(normalize), scale, made.reshape(-1, *shape), run, threads)
        return made
    sound = run.heatmaps(flat, where, bool(normalize), scale, made.reshape(-1, *where.size), threads)
    if sound < len(flat):
        check_maps("maps", flat.reshape(*leading, *flat.shape[-rank:]), rank)
    return made


def _heatmap_dtype(dtype: Any, out: Any, normalize: bool) -> np.dtype[Any]:
    if dtype is None:
        dtype = getattr(adopt("out", out) if is_on_device(out) else out, "dtype", np.float32)
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise InputError(f"dtype: expected float32 or uint8; got {dtype!r}") from None
    if kind not in (np.float32, np.uint8):
        raise InputError(f"dtype: expected float32 or uint8; got {kind}")
    if kind == np.uint8 and not normalize:
        raise InputError("dtype: expected float32 for raw values (normalize=False); got uint8")
    return kind
