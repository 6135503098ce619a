"""Ablation-CAM: channels weighted by the share of the logit that is lost without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.methods.masking_method import MaskingMethod
from fastcam.model.head.layouts import at_places, place_means

if TYPE_CHECKING:
    from fastcam.methods.masking import Trial
    from fastcam.model.head.layouts import Layout


def ablated(feature_maps: NDArray[np.float32], channels: NDArray[np.integer], layout: Layout) -> NDArray[np.float32]:
    """Return feature maps (n, ...), one (1, ...) without each of the channels (n,). Prefix tokens stay as they are.

    Examples
    --------
    >>> from fastcam.model.head.layouts import Layout
    >>> one = np.array([[[[1, 2]], [[3, 4]]]], np.float32)
    >>> ablated(one, np.array([1, 0]), Layout("NCHW", 2, (1, 2))).tolist()
    [[[[1.0, 2.0]], [[0.0, 0.0]]], [[[0.0, 0.0]], [[3.0, 4.0]]]]
    """
    given = np.repeat(feature_maps, len(channels), axis=0)
    layout.rows(given)[np.arange(len(channels)), layout.prefix :, channels] = 0  # a view: contiguous
    return given


def weights(logits: NDArray[np.floating], without: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return weights (M, C), `(y - y_k) / y`, of logits (M,) and those without each channel (C, M).

    Desai and Ramaswamy 2020, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
    Localization": y is the logit of the class, y_k the logit where feature map A_k is 0, and
    `L = ReLU(sum_k w_k A_k)`. A weight is 0 where it would be 0 / 0. Of a
    class with a negative logit the sign turns, as the formula has it. pytorch-grad-cam does the same where the least
    value of all feature maps is 0, as after a ReLU; elsewhere it puts about -1e7 in place of a channel, not 0.

    Cost: a forward of what follows the feature maps for each channel that isn't 0, whatever the number of classes; none
    where the head is exact (`closed_form`).

    Raises
    ------
    InputError
        A logit is 0, and isn't without a channel.

    Examples
    --------
    >>> weights(np.array([4.0]), np.array([[1.0], [4.0]])).tolist()
    [[0.75, 0.0]]
    """
    lost = (logits - without).T.astype(np.float64)
    endless = (logits == 0) & (lost != 0).any(axis=1)
    if endless.any():
        raise InputError(
            "method 'ablationcam': expected logits other than 0, by which the formula divides; got 0 for class "
            f"{int(endless.argmax()) + 1} of the {len(logits)} wanted. method='gradcam' needs no division"
        )
    with np.errstate(over="ignore"):  # of a logit next to 0: then the map isn't finite, and is refused
        shares = np.divide(lost, logits[:, None], out=np.zeros_like(lost), where=lost != 0)
        return np.ascontiguousarray(shares, np.float32)


def closed_form(
    class_weights: NDArray[np.float32], bias: NDArray[np.float32], feature_maps: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return weights (M, C) of an exact head: `w_k = s_k / y`, `s_k = mean_xy(W[c, k] A_k)`, `y = sum_k s_k + b[c]`.

    Parameters
    ----------
    class_weights, bias
        Of the classes wanted: (M, C), or (M, C, *places) for each position; and (M,).

    Raises
    ------
    InputError
        As `weights`.

    Examples
    --------
    >>> closed_form(np.array([[3, 1]], np.float32), np.zeros(1, np.float32), np.ones((2, 1, 2), np.float32)).tolist()
    [[0.75, 0.25]]
    """
    shares = place_means(at_places(class_weights, feature_maps.ndim - 1) * feature_maps.astype(np.float64))
    logits = shares.sum(axis=1) + bias
    return weights(logits, logits - shares.T)


def weigh(trial: Trial) -> NDArray[np.float32]:
    """Return the weights (M, C) of a trial."""
    maps, linear = trial.maps, trial.linear()
    if linear is not None:
        return closed_form(*linear, maps)
    live = np.flatnonzero(maps.reshape(len(maps), -1).any(axis=1))  # without a channel of zeros nothing changes

    def make(items: NDArray[np.intp]) -> NDArray[np.float32]:
        return ablated(trial.feature_maps, live[items], trial.layout)

    def done(count: int) -> None:
        trial.report(len(maps) - len(live) + count, len(maps))

    whole = trial.logits()
    without = np.repeat(whole[None], len(maps), axis=0)
    without[live] = trial.logits_of_maps(len(live), make, done)
    return weights(whole, without)


def cost(layout: Layout, is_exact: bool) -> str:
    """Return what a map takes, in words."""
    return "closed form" if is_exact else f"at most {layout.channels} forwards of the tail"


ABLATIONCAM = MaskingMethod(
    name="ablationcam",
    formula="`(y - y_k) / y`, y_k the logit without channel k: at most C forwards of the tail",
    paper="Desai and Ramaswamy 2020",
    weigh=weigh,
    cost=cost,
)
