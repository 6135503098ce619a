"""Contrastive marginal winning probability (c-MWP): excitation of a class less that of its opposite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.methods import excitation
from fastcam.methods.method import InputMethod


def activation_maps(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps (M, h, w), 0 and more: `ReLU(sum_c P_c - Q_c)` of the differences (M, C, h, w).

    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", section 3.3. P is that of excitation
    backprop, Q of a neuron with the opposite weights in the last layer that has any. Layer and cost: as excitation
    backprop.

    Examples
    --------
    >>> activation_maps(np.array([[[[0.25, 0.25]], [[0.5, -0.5]]]], np.float32)).tolist()
    [[[0.75, 0.0]]]
    """
    return np.maximum(excitation.activation_maps(differences), 0)


CMWP = InputMethod(
    name="cmwp",
    formula=f"their contrast with the opposite class's, at a layer of {excitation.PLACES} places a side or more",
    paper="Zhang et al. 2016",
    variant="contrastive",
    maps=activation_maps,
    places=excitation.PLACES,
)
