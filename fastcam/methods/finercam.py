"""Finer-CAM: Grad-CAM of what sets a class apart from those that are most like it, in two published forms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.methods import gradcam
from fastcam.methods.method import WeighingMethod

SIMILAR = 3  # classes to compare with
STRENGTH, WEIGHTED_STRENGTH = 0.6, 1.0  # of the comparison: the authors' gamma, and the default of their code


def difference(logits: NDArray[np.float32], class_index: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return seeds (M, K) of `y_c - gamma mean_d y_d`, gamma = 0.6, d the three classes of logits nearest to y_c.

    Zhang et al. 2025, "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation", section 3,
    with the mean over d taken before the ReLU. Weights are Grad-CAM's. Cost: as Grad-CAM, in closed form likewise.

    Parameters
    ----------
    logits
        (K,)

    Raises
    ------
    InputError
        There is only one class.

    Examples
    --------
    >>> difference(np.array([5, 4, 3, 2, -9], np.float32), np.array([0])).round(2)
    array([[ 1. , -0.2, -0.2, -0.2,  0. ]], dtype=float32)
    """
    seeds = np.zeros((len(class_index), len(logits)), np.float32)
    for seed, index in zip(seeds, class_index.tolist(), strict=True):
        similar = _similar(logits, index)
        seed[index], seed[similar] = 1, -STRENGTH / len(similar)
    return seeds


def weighted(logits: NDArray[np.float32], class_index: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return seeds (M, K) of `sum_d p_d (y_c - y_d) / sum_d p_d`, p the softmax of the logits, d as for `difference`.

    This is the form of the authors' code, and of pytorch-grad-cam: p depends on the logits, and its derivative counts.

    Examples
    --------
    >>> weighted(np.array([2, 0, 0, 0], np.float32), np.array([0])).round(2)
    array([[ 1.  , -0.33, -0.33, -0.33]], dtype=float32)
    """
    values = logits.astype(np.float64)
    seeds = np.zeros((len(class_index), len(logits)))
    for seed, index in zip(seeds, class_index.tolist(), strict=True):
        similar = _similar(logits, index)
        share = np.exp(values[similar] - values[similar].max())  # in which the other classes' part of p cancels out
        share /= share.sum()
        apart = values[index] - WEIGHTED_STRENGTH * values[similar]
        seed[index] = 1
        seed[similar] = share * (apart - (share * apart).sum() - WEIGHTED_STRENGTH)
    return seeds.astype(np.float32)


def _similar(logits: NDArray[np.float32], index: int) -> NDArray[np.int64]:
    """Return the classes whose logits are nearest to that of one."""
    if len(logits) < 2:
        raise InputError("method: expected a model of two classes or more, to compare them; got one")
    distances = np.abs(logits.astype(np.float64) - logits[index])
    distances[index] = np.inf
    return np.argsort(distances, kind="stable")[: min(SIMILAR, len(logits) - 1)]


FINERCAM = WeighingMethod(
    name="finercam",
    formula="Grad-CAM's, of `y_c - 0.6 mean_d y_d` over the three classes d nearest in logit",
    paper="Zhang et al. 2025",
    weigh=gradcam.weights,
    seed=difference,
)
FINERCAM_WEIGHTED = WeighingMethod(
    name="finercam-weighted",
    formula="as `finercam`, with these classes weighted by the softmax, as in the authors' code",
    paper="Zhang et al. 2025",
    weigh=gradcam.weights,
    seed=weighted,
)
