"""Which of the heads that were found is meant; what to say where there is none, or more than one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fastcam.errors import HeadNotFoundError
from fastcam.model.graph import Graph
from fastcam.model.search import Find, Search


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


def choose(searches: Sequence[Search], scores: Mapping[str, str], wanted: str | None) -> tuple[Find, Search]:
    """The only head, and the search that found it. Where several outputs have one, exact or not, the caller chooses.

    Raises
    ------
    HeadNotFoundError
        There is none, or more than one.
    """
    found = [(find, search) for search in searches if (find := search.find(wanted)) is not None]
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
            reasons=_reasons(searches, scores) or [f"{wanted!r}: {_unfit(searches, wanted)}"],
        )
    if not found:
        raise HeadNotFoundError(
            "no head found: no tensor of feature maps that every path from the image to the scores crosses",
            reasons=_reasons(searches, scores),
            candidates=[candidate.tensor for search in searches for candidate in search.candidates],
        )
    return found[0]


def _reasons(searches: Sequence[Search], scores: Mapping[str, str]) -> list[str]:
    return [
        f"output {scores[search.output]!r}: {candidate.tensor!r} {candidate.shape}: {candidate.verdict}"
        for search in searches
        for candidate in search.candidates
    ]


def _unfit(searches: Sequence[Search], wanted: str) -> str:
    """Why a tensor wasn't even looked at."""
    shapes = [search.scene.values[wanted].shape for search in searches if wanted in search.scene.values]
    return f"expected feature maps of floats, (N, C, h, w), (N, h, w, C) or tokens (N, L, C); got shape {shapes[:1]}"
