"""From logits to probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.model.head import Activation


def probabilities(logits: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """(N, K) float32 in [0, 1]: the model's own activation of (N, K) logits; softmax where it has none.

    A single logit (K = 1) counts as binary: sigmoid. Computed in float64, rounded once.

    Examples
    --------
    >>> probabilities(np.zeros((1, 4), np.float32), "none")
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    values = logits.astype(np.float64)
    if activation == "sigmoid" or values.shape[1] == 1:
        return (1 / (1 + np.exp(-np.clip(values, -700, 700)))).astype(np.float32)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
