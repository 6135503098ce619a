"""Method records, one kind for each place where methods read; `masking_method` has those that run the model again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Weigh = Callable[[Floats, Floats], Floats]
Seed = Callable[[Floats, NDArray[np.int64]], Floats]


@dataclass(frozen=True, eq=False, kw_only=True)
class Method:
    """A way to make activation maps: the base of all records.

    Attributes
    ----------
    name
        Value of `method=`.
    formula
        Weights or map in Markdown, for the table in the documentation.
    paper
        Authors and year; the docstring beside the record has title and equations.
    needs_gradient
        Whether a gradient of the logits is computed.
    reads_input
        Whether the network input itself is read, besides what the network makes of it.
    """

    name: str
    formula: str
    paper: str
    needs_gradient: bool = True
    reads_input: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassWeightMethod(Method):
    """A method that reads the class weights of an exact head: CAM."""

    needs_gradient: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class WeighingMethod(Method):
    """A method that weighs feature maps, mostly by their gradient; the map is the ReLU of the weighted sum.

    Attributes
    ----------
    weigh
        Returns weights, one for each channel (M, C) or for each place as well (M, C, h, w), of feature maps A (C, h, w)
        and gradients g = d logit / d A of M classes, (M, C, h, w), or (M, C, 1, 1) where they are the same everywhere.
        Without `needs_gradient` the gradients are zero.
    seed
        Returns how much of each logit the gradient is taken of, (M, K), for an image's logits (K,) and classes (M,).
        None: of the class's own logit alone.
    """

    weigh: Weigh
    seed: Seed | None = None


class Factor(NamedTuple):
    """Maps of another method, upsampled to the size of the gradients, and a function that multiplies both."""

    method: Method
    multiply: Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, eq=False, kw_only=True)
class InputMethod(Method):
    """A method that follows the gradient, or a variant of it, to the network input or a layer not far from it.

    Attributes
    ----------
    variant
        Name of the rules of differentiation (`fastcam.model.gradient.rules.VARIANTS`).
    maps
        Returns maps (M, H, W) of gradients (M, C, H, W).
    places
        The gradient is taken at the last layer of at least this many places a side; 0: at the network input.
    times
        Factor of the gradients.
    """

    variant: str
    maps: Callable[[Floats], Floats]
    reads_input: bool = True
    places: int = 0
    times: Factor | None = None
