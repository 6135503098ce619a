"""Which of the heads that were found is meant; what to say where there is none, or more than one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from fastcam.errors import HeadNotFoundError, NotFiniteError
from fastcam.model.graph.graph import Graph
from fastcam.model.head.scene import NOT_FINITE
from fastcam.model.head.search import Find, Search

FEATURE_MAPS = "expected feature maps of floats, (N, C, h, w), (N, h, w, C) or tokens of a grid (N, L, C)"
NO_SCORES = "no output holds one score for each class, (N, K)"
OVERFLOWED = (
    "no head found: feature maps that every path to the scores crosses aren't finite, on images of less contrast "
    "neither. Convert the model to float32, or keep the layers that overflow in float32"
)
FEW = 5  # tensors that are named, where none could hold feature maps


def check_wanted(graph: Graph, wanted: str | None, scores: Iterable[str]) -> None:
    """Names that the caller gave are tensors that depend on the image.

    Raises
    ------
    HeadNotFoundError
        One isn't.
    """
    known = graph.data & graph.producers.keys()
    for name in [*([wanted] if wanted else []), *scores]:
        if name not in known:
            raise HeadNotFoundError(
                f"head: expected the name of a tensor that depends on the image; got {name!r}",
                candidates=[name for name in graph.producers if name in known][-20:],
            )


def choose(
    searches: Sequence[Search],
    scores: Mapping[str, str],
    wanted: str | None,
    *,
    fault: Callable[[Find, Search], object],
    seems: Callable[[], object],
    settle: bool,
) -> tuple[Find, Search]:
    """The only head, and the search that found it. Where several outputs have one, exact or not, the caller chooses.

    Parameters
    ----------
    fault
        Tells what the model seems to be, if what was found doesn't lead to scores of classes; None if it does.
    settle
        Take what there is, though tensors behind it overflowed.
    seems
        Tells what the model seems to be, if it is no classifier; None where nothing tells.

    Raises
    ------
    NotFiniteError
        Feature maps overflowed, and there is no head, or it isn't the time to settle for an earlier one.
    HeadNotFoundError
        There is none, or more than one.
    """
    found = [(find, search) for search in searches if (find := search.find(wanted)) is not None]
    if (not found or not settle) and any(one.verdict in NOT_FINITE for search in searches for one in search.candidates):
        raise NotFiniteError(OVERFLOWED, reasons=_reasons(searches, scores))
    faults = [fault(find, search) for find, search in found]
    if found and all(faults):
        raise HeadNotFoundError(
            f"{NO_SCORES}. {seems() or faults[0]}",
            reasons=[
                f"output {scores[search.output]!r}: {why}" for (_, search), why in zip(found, faults, strict=True)
            ],
        )
    found = [one for one, why in zip(found, faults, strict=True) if not why]
    outputs = [scores[search.output] for _, search in found]
    if len({find.logits for find, _ in found}) > 1:
        raise HeadNotFoundError(
            f"{len(found)} heads fit; choose one by output=, out of {outputs}",
            reasons=[
                f"{name!r}: {find.kind} head at {find.feature_maps!r}"
                for name, (find, _) in zip(outputs, found, strict=True)
            ],
            candidates=outputs,
        )
    if wanted and not found:
        raise HeadNotFoundError(
            f"head: {wanted!r} holds no feature maps that lead to scores",
            reasons=[FEATURE_MAPS, *_reasons(searches, scores)],
        )
    if not found:
        kind = seems()
        raise HeadNotFoundError(
            "no head found: no tensor of feature maps that every path from the image to the scores crosses"
            + (f". {kind}" if kind else ""),
            reasons=_reasons(searches, scores),
            candidates=[one.tensor for search in searches for one in search.candidates if one.fits],
        )
    return found[0]


def _reasons(searches: Sequence[Search], scores: Mapping[str, str]) -> list[str]:
    """What came of the tensors that were asked; where none was, why the last ones weren't."""
    found = []
    for search in searches:
        asked = [candidate for candidate in search.candidates if candidate.fits or candidate.verdict in NOT_FINITE]
        found += [
            f"output {scores[search.output]!r}: {candidate.tensor!r} {candidate.shape}: {candidate.verdict}"
            for candidate in asked or search.candidates[:FEW]
        ]
    return found
