"""ReciproCAM: the logit of each place of the feature maps alone."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.masking_method import MaskingMethod

if TYPE_CHECKING:
    from fastcam.methods.masking import Trial
    from fastcam.model.head.layouts import Layout

Floating = TypeVar("Floating", bound=np.floating)

GAUSSIAN = np.array([1, 2, 1], np.float32) / 4  # along each axis


def masked(
    feature_maps: NDArray[np.float32], places: NDArray[np.integer], layout: Layout, gaussian: bool
) -> NDArray[np.float32]:
    """Return feature maps (n, ...), one (1, ...) that is 0 but at each of the places (n,), numbered in raster order.

    Prefix tokens stay as they are.

    Parameters
    ----------
    gaussian
        The places around it as well, weighted by `GAUSSIAN` along each axis: in an image the place itself has a
        quarter.

    Examples
    --------
    >>> from fastcam.model.head.layouts import Layout
    >>> one = np.array([[[[8, 8, 8]]]], np.float32)
    >>> masked(one, np.array([1]), Layout("NCHW", 1, (1, 3)), gaussian=False).tolist()
    [[[[0.0, 8.0, 0.0]]]]
    >>> masked(one, np.array([0]), Layout("NCHW", 1, (1, 3)), gaussian=True).tolist()
    [[[[2.0, 1.0, 0.0]]]]
    """
    masks = np.zeros((len(places), layout.count), np.float32)
    masks[np.arange(len(places)), places] = 1
    if gaussian:
        masks = blurred(masks.reshape(len(places), *layout.places))
    given = np.repeat(feature_maps, len(places), axis=0)
    patches = layout.rows(given)[:, layout.prefix :]  # a view: contiguous
    patches *= masks.reshape(len(places), layout.count, 1)
    return given


def blurred(values: NDArray[Floating]) -> NDArray[Floating]:
    """Return values (n, *places) weighted by `GAUSSIAN` with those around them, 0 beyond the sides."""
    places = values.shape[1:]
    wide, found = np.pad(values, [(0, 0), *[(1, 1)] * len(places)]), np.zeros_like(values)
    for shift in product(range(3), repeat=len(places)):
        window = tuple(slice(first, first + side) for first, side in zip(shift, places, strict=True))
        found += math.prod(GAUSSIAN[first] for first in shift) * wide[:, *window]
    return found


def maps(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return maps (M, h, w) of the logits (M, h, w) of each place alone: `L(x, y) = y(x, y) - min_xy y`.

    Byun and Lee 2024, "ReciproCAM: Lightweight Gradient-free Class Activation Map for Post-hoc Explanations": y(x, y)
    is the logit of class c when all feature maps are 0 but at (x, y). The paper divides by the largest value
    as well, which changes neither a box nor the colours of a heatmap; here the map stays in units of the logit. The
    authors' code takes probabilities, of which little is left where one class is sure: here it is the logit.

    "reciprocam" is the default form of the authors; in "reciprocam-gaussian", of Byun and Lee 2023, "ViT-ReciproCAM:
    Gradient and Attention-Free Visual Explanations for Vision Transformer", places around it are seen as well.

    Cost: h·w forwards of what follows the feature maps, whatever the number of classes; none where the head is exact
    (`closed_form`).

    Examples
    --------
    >>> maps(np.array([[[-1.0, 3.0]]])).tolist()
    [[[0.0, 4.0]]]
    """
    return np.ascontiguousarray(logits - logits.min(axis=tuple(range(1, logits.ndim)), keepdims=True), np.float32)


def closed_form(
    class_weights: NDArray[np.float32], bias: NDArray[np.float32], feature_maps: NDArray[np.float32], gaussian: bool
) -> NDArray[np.float64]:
    """Return logits (M, h, w) of an exact head: `y(x, y) = M_c(x, y) / (h w) + b[c]`, of M_c or of its Gaussian blur.

    This is the class activation map M_c but for scale and bias: `maps` is `(M_c - min M_c) / (h w)`.

    Parameters
    ----------
    class_weights, bias
        Of the classes wanted: (M, C), or (M, C, *places) for each position; and (M,).

    Examples
    --------
    >>> closed_form(np.array([[3, 1]], np.float32), np.ones(1, np.float32), np.ones((2, 1, 2), np.float32), False)
    array([[[3., 3.]]])
    """
    by = "mc,c...->m..." if class_weights.ndim == 2 else "mc...,c...->m..."
    found = np.einsum(by, class_weights.astype(np.float64), feature_maps.astype(np.float64), optimize=True)
    if gaussian:
        found = blurred(found)
    return found / found[0].size + bias.reshape(-1, *[1] * (found.ndim - 1))


def maps_of(trial: Trial, *, gaussian: bool) -> NDArray[np.float32]:
    """Return the maps (M, h, w) of a trial."""
    layout, linear = trial.layout, trial.linear()
    if linear is not None:
        return maps(closed_form(*linear, trial.maps, gaussian))
    places = layout.count

    def make(items: NDArray[np.intp]) -> NDArray[np.float32]:
        return masked(trial.feature_maps, items, layout, gaussian)

    logits = trial.logits_of_maps(places, make, lambda count: trial.report(count, places))
    return maps(logits.T.reshape(len(trial.classes), *layout.places))


def cost(layout: Layout, is_exact: bool) -> str:
    """Return what a map takes, in words."""
    return "closed form" if is_exact else f"{layout.count} forwards of the tail"


RECIPROCAM = MaskingMethod(
    name="reciprocam",
    formula="no weights: the logit of each place alone, h·w forwards of the tail",
    paper="Byun and Lee 2024",
    maps=partial(maps_of, gaussian=False),
    cost=cost,
)
RECIPROCAM_GAUSSIAN = MaskingMethod(
    name="reciprocam-gaussian",
    formula="as `reciprocam`, with the places around it as well",
    paper="Byun and Lee 2023",
    maps=partial(maps_of, gaussian=True),
    cost=cost,
)
