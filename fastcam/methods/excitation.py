"""Excitation backprop: the probability that a place wins when the class wins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.method import InputMethod

PLACES = 24  # a side


def activation_maps(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps (M, h, w), 0 and more: `sum_c P_c` of the marginal winning probabilities P (M, C, h, w) at a layer.

    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", section 3.2: each neuron shares its
    probability out among those that excite it, `P(in) = x * (W+^T (P(out) / (W+ x)))`
    (`model.gradient.rules.excitation` says what becomes of each operator). The map adds up to 1, or less where neurons
    win by their bias alone, as many behind depthwise convolutions do. The paper stops at a pooling layer of 28×28
    places or so, as what comes before is edges; here that is the last tensor with `PLACES` places a side that every
    path crosses. Cost: as saliency.

    Examples
    --------
    >>> activation_maps(np.array([[[[0.25, 0]], [[0.5, 0.25]]]], np.float32)).tolist()
    [[[0.75, 0.25]]]
    """
    return probabilities.sum(axis=1, dtype=np.float64).astype(np.float32)


EXCITATION = InputMethod(
    name="excitation",
    formula=f"winning probabilities, at a layer of {PLACES} places a side or more",
    paper="Zhang et al. 2016",
    variant="excitation",
    maps=activation_maps,
    places=PLACES,
)
