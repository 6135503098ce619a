"""Scores of logits: probabilities by the activation of the model or the caller, else plain values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.model.head.head import Activation, Head

CHOICES: tuple[Activation, ...] = ("softmax", "sigmoid", "none")


class Scoring(NamedTuple):
    """The activation that makes scores of logits, and the reason for it.

    `activation`: "softmax" or "sigmoid", which make probabilities; "none": the logits are the values; "probabilities"
    or "other": scores are what the model itself returns.
    """

    activation: Activation
    origin: str


def scoring(head: Head, wanted: str | None = None) -> Scoring:
    """Return the activation for a head's logits: the caller's choice, else the model's own.

    A model that returns logits says nothing: of several, a softmax is assumed, as classifiers are trained with; a
    single one is a value (a regression), unless the caller says that it is a class.

    Raises
    ------
    InputError
        An unknown activation.
    """
    if (given := check_activation(wanted)) is not None:
        return Scoring(given, "argument")
    if head.activation != "none":
        return Scoring(head.activation, "the model's own")
    if head.classes == 1:
        return Scoring("none", "the model has a single output without softmax or sigmoid")
    return Scoring("softmax", f"assumed: the model returns {head.classes} logits")


def check_activation(wanted: str | None) -> Activation | None:
    """Return the activation that a caller names, or None.

    Raises
    ------
    InputError
        There is none of that name.
    """
    for choice in CHOICES:
        if choice == wanted:
            return choice
    if wanted is not None:
        raise InputError(f"activation: expected one of {', '.join(CHOICES)}; got {wanted!r}")
    return None


def scores_of(logits: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Compute scores (N, K) float32 of logits (N, K): by softmax or sigmoid in [0, 1], else the logits themselves.

    Computed in float64, rounded once.

    Examples
    --------
    >>> scores_of(np.zeros((1, 4), np.float32), "softmax")
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    >>> scores_of(np.full((1, 1), 58, np.float32), "none")
    array([[58.]], dtype=float32)
    """
    values = logits.astype(np.float64)
    if activation == "sigmoid":
        return (1 / (1 + np.exp(-np.clip(values, -700, 700)))).astype(np.float32)
    if activation == "softmax":
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return logits.astype(np.float32)
