"""Forwards of the part of a model behind its feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.model.gradient.excerpt import cut_behind_maps, open_excerpt
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.batches import Forwards
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.runtime import run_session

ONCE = "method='gradcam' asks the model once"  # advice where many forwards can't be had
TAIL_FOOTPRINT = 8  # times its feature maps that a tail takes while it runs, about: attention and its MLP
REFUSAL = (
    "expected a model from a file or bytes for a method that asks its tail; a session of your own can't be taken apart"
)


def open_tail(model: OpenedModel) -> Forwards:
    """Open a session over the tail of a model, taken out of its file.

    Returns
    -------
    Forwards
        Logits (n, K) of feature maps (n, ...) float32 in the model's own layout.

    Raises
    ------
    ModelError
        The model isn't at hand, its tail can't be cut out, or gives other logits than the model.
    """
    session, cut = open_excerpt(
        model,
        cut_behind_maps,
        kind="tail",
        refusal=ModelError(REFUSAL),
        task="its tail",
        advice="method='scorecam' needs none",
    )
    start, further = cut.tail.start, cut.further  # alone: the cut holds the model's weights

    def run(items: NDArray[np.float32], constants: Constants = AS_LOADED) -> NDArray[Any]:
        on, feeds = f"feature maps of shape {items.shape}", {start: items, **further.feeds(constants)}
        return np.asarray(run_session(session, None, feeds, "the tail of the model", on)[0])

    cut.check_logits(run(cut.values.astype(np.float32)), ModelError)
    return Forwards(run, len(cut.values), TAIL_FOOTPRINT, model.head.classes, ONCE)
