"""The search for feature maps: back from the scores over the cuts, with runs of the tail behind each; and the choice.

No operator's name decides anything here. `fastcam.model.head.proof` holds what is found against the model itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from fastcam.errors import HeadNotFoundError, ModelError, NotFiniteError
from fastcam.images.inputs import FIRST, LAST
from fastcam.model.graph.graph import Graph
from fastcam.model.head.alignment import Alignment
from fastcam.model.head.head import OWN, Activation, Kind
from fastcam.model.head.layouts import Layout
from fastcam.model.head.logits import find_activation, keeps_classes
from fastcam.model.head.scene import NOT_FINITE, Scene
from fastcam.model.head.tail_run import TOLERANCE, Positions, TailRun, affinity
from fastcam.model.run.runtime import ORT_ERRORS, reason_of

LOGITS = 8  # tensors before the scores, of the same size, that are tried as logits
CANDIDATES = 16  # tensors whose tails are tested, at most
SECOND_LOOKS = 3  # at earlier tensors, where a later one may have been no map at all
FEATURE_MAPS = (
    "expected feature maps of floats, (N, C, h, w), (N, h, w, C) or tokens of a grid (N, L, C); for signals (N, C, w), "
    "for volumes (N, C, d, h, w)"
)
NO_SCORES = "no output holds one score for each class, (N, K)"
OVERFLOWED = (
    "no head found: feature maps that every path to the scores crosses aren't finite, on images of less contrast "
    "neither. Convert the model to float32, or keep the layers that overflow in float32"
)
NAMED = 5  # tensors that are named, where none could hold feature maps


@dataclass(frozen=True)
class Candidate:
    """A tensor on the way to the scores: its shape for the probe image, and the verdict on it, in words.

    `fits` says whether its shape can be one of feature maps; if not, nothing else was tested.
    """

    tensor: str
    shape: tuple[int, ...]
    verdict: str
    fits: bool = True


@dataclass(frozen=True, eq=False)
class Find:
    """Feature maps and logits that belong together. `tail_run` runs the tail between them."""

    kind: Kind
    feature_maps: str
    layout: Layout
    logits: str
    tail_run: TailRun
    reason: str = ""

    def bent(self, reason: str) -> Find:
        """Return this find as a head that isn't linear, though it seemed to be."""
        return replace(self, kind="gap-nonlinear" if self.kind == "cam" else "generic", reason=reason)

    @property
    def chain(self) -> list[str]:
        """Operators between feature maps and logits in order, at most ten."""
        return _shortened(self.tail_run.tail.operators)


class HeadSearch:
    """The search behind one tensor of scores.

    `candidates` fills up with the tensors that it came by, those of other shapes than feature maps included.
    """

    def __init__(self, scene: Scene, cuts: Sequence[str], output: str) -> None:
        self.scene, self.cuts, self.output = scene, cuts, output
        self.candidates: list[Candidate] = []
        self._alignment = Alignment(scene, cuts)
        self._kept: dict[str, bool] = {}
        self._activations: dict[str, Activation] = {}
        size = scene.values[output].size
        self._ends = [name for name in cuts if name in scene.values and scene.values[name].size == size][-LOGITS:]

    def find(self, wanted: str | None = None) -> Find | None:
        """Return the last feature maps with an exact head, or finer ones before them; else the last ones.

        Parameters
        ----------
        wanted
            Look at this tensor alone.
        """
        best: Find | None = None
        looks = 0
        for tensor in [wanted] if wanted else reversed(self.cuts[1:-1]):
            found = self._look_at(tensor, insisted=wanted is not None) if self._asked < CANDIDATES else None
            if found is None:
                continue
            if found.kind == "cam":
                return found if wanted else self._finer(found)
            # A pooled vector may have been given the shape of a map: then the map itself is before it.
            if best is None or _says_more(found, best):
                best = found
            looks += 1
            if _is_settled(best) or looks > SECOND_LOOKS:
                break
        return best

    @property
    def _asked(self) -> int:
        return sum(candidate.fits for candidate in self.candidates)

    def _look_at(self, tensor: str, *, insisted: bool = False) -> Find | None:
        """Return the find at a tensor, by the tail behind it; None where it holds no feature maps."""
        possible = self.scene.layouts(tensor, insisted=insisted)
        if not possible:
            shape, verdict = self.scene.shape(tensor) or (), self.scene.unfit(tensor)
            if len(shape) > 2 or insisted:  # vectors go without saying
                verdict = verdict or "its sides are those of no grid of places"
                self.candidates.append(Candidate(tensor, shape, verdict, fits=False))
            return None
        maps = self.scene.values[tensor]
        try:
            found = self._ask(tensor, maps, possible)
            if isinstance(found, Find):
                found = self._alignment.fault(tensor, found.layout) or found
        except (ModelError, *ORT_ERRORS) as error:
            self.scene.watch.check()
            found = f"its tail doesn't run by itself ({reason_of(error)[:200]})"
        verdict = found if isinstance(found, str) else f"{found.kind}" + (f": {found.reason}" if found.reason else "")
        self.candidates.append(Candidate(tensor, maps.shape, verdict))
        return None if isinstance(found, str) else found

    def _ask(self, tensor: str, maps: NDArray[Any], possible: Sequence[Layout]) -> Find | str:
        place = self.cuts.index(tensor) if tensor in self.cuts else -1
        ends = [end for end in self._ends if self.cuts.index(end) > place] or [self.output]
        run = self.scene.tail_run(tensor, ends)
        errors = affinity(run, self.scene.spread(tensor), max(layout.channels for layout in possible))
        affine = [
            k
            for k, error in enumerate(errors)
            if error <= TOLERANCE and keeps_classes(self.scene, ends[k], self.output)
        ]
        if affine:
            known = [k for k in affine if self._is_logits(ends[k])]
            return self._affine(
                tensor, maps, possible, run, (known or affine)[-1], natural_layout(self.scene, tensor, possible)
            )
        end = next(k for k in range(len(ends)) if self._is_logits(ends[k]))
        return self._bent(tensor, maps, possible, run, end, errors[end])

    def _affine(
        self, tensor: str, maps: NDArray[Any], possible: Sequence[Layout], run: TailRun, end: int, natural: Layout
    ) -> Find | str:
        """Return the find of logits that are linear in the tensor, or the reason against it."""
        logits, reason = run.tail.ends[end], ""
        asked = [(layout, Positions(run, end, layout, maps)) for layout in possible]
        if not all(positions.are_finite() for _, positions in asked):
            return "the scores aren't finite"
        moved = [(layout, positions) for layout, positions in asked if positions.matter()]
        if not moved:
            return "the scores don't depend on it, position by position"
        for layout, positions in moved:
            if positions.mean_suffices():
                if positions.prefix_is_ignored():
                    return Find("cam", tensor, layout, logits, self.scene.tail_run(tensor, [logits]))
                reason = f"{layout.prefix} tokens that belong to no place have a part in the logits"
                return Find("pool-nonlinear", tensor, layout, logits, run, reason)
        if len({layout.order for layout in possible if not layout.prefix}) > 1 and natural.is_tokens:
            return "which of its axes is that of the positions can't be told"
        if not natural.is_tokens or not natural.prefix:
            reason = "the logits are linear in the feature maps, with other weights at other positions"
            return Find("cam-spatial", tensor, natural, logits, self.scene.tail_run(tensor, [logits]), reason)
        return "an axis of it isn't one of positions that count alike"

    def _bent(
        self, tensor: str, maps: NDArray[Any], possible: Sequence[Layout], run: TailRun, end: int, error: float
    ) -> Find | str:
        """Return the find of logits that aren't linear in the tensor, or the reason against it."""
        logits = run.tail.ends[end]
        run = self.scene.tail_run(tensor, [logits])
        chain = " → ".join(_shortened(run.tail.operators))
        asked = [(layout, Positions(run, 0, layout, maps)) for layout in possible]
        if not all(positions.are_finite() for _, positions in asked):
            return "the scores aren't finite"
        moved = [(layout, positions) for layout, positions in asked if positions.matter()]
        if not moved:
            return "the scores don't depend on it, position by position"
        because = f"{chain} is off by {error:.2g} relative on noise" if error < 10 else f"{chain} isn't linear at all"
        for layout, positions in moved:
            if positions.mean_suffices():
                return Find("gap-nonlinear", tensor, layout, logits, run, because)
        for layout, positions in moved:
            if positions.order_is_free():
                return Find("pool-nonlinear", tensor, layout, logits, run, because)
        natural = natural_layout(self.scene, tensor, [layout for layout, _ in moved])
        if not natural.is_tokens:
            return Find("generic", tensor, natural, logits, run, because)
        return "an axis of it isn't one of positions that count alike"

    def _finer(self, found: Find) -> Find:
        """Return the finest of the earlier tensors that are still exact."""
        best = found
        before = self.cuts[: self.cuts.index(found.feature_maps)]
        for tensor in reversed(before):
            if not self.scene.layouts(tensor):
                continue
            if self._asked >= CANDIDATES:
                break
            earlier = self._look_at(tensor)
            if earlier is None or earlier.kind != "cam":
                break
            if earlier.layout.count > best.layout.count:
                places = "·".join(map(str, found.layout.places))
                reason = f"finer than {found.feature_maps!r} ({places}), and as exact"
                best = Find("cam", tensor, earlier.layout, earlier.logits, earlier.tail_run, reason)
        return best

    def _keeps_classes(self, tensor: str) -> bool:
        if tensor not in self._kept:
            self._kept[tensor] = keeps_classes(self.scene, tensor, self.output)
        return self._kept[tensor]

    def _is_logits(self, tensor: str) -> bool:
        """Return whether the scores are a known function of the tensor."""
        if tensor not in self._activations and self._keeps_classes(tensor):
            self._activations[tensor] = find_activation(self.scene, tensor, self.output)
        return tensor == self.output or self._activations.get(tensor, "other") not in OWN


def natural_layout(scene: Scene, tensor: str, possible: Sequence[Layout]) -> Layout:
    """Return the layout that the operators before a tensor suggest: ONNX convolves channels first."""
    rank, turned, node = len(scene.image), 0, scene.graph.producers.get(tensor)
    turns = [[0, *range(2, rank + 2), 1], [0, rank + 1, *range(1, rank + 1)]]
    while node is not None and "Conv" not in node.op_type and node.input:
        turned += scene.graph.attribute(node, "perm") in turns
        data = scene.graph.data_inputs(node)
        node = scene.graph.producers.get(data[0]) if data else None
    likely = (LAST if turned % 2 else FIRST)[rank]
    return next((layout for layout in possible if layout.order == likely), possible[0])


def _is_settled(found: Find) -> bool:
    """Return whether a find has axes of exchangeable positions, not tokens: no earlier tensor is better."""
    return found.kind in ("gap-nonlinear", "pool-nonlinear") and not found.layout.is_tokens


def _says_more(found: Find, later: Find) -> bool:
    """Return whether an earlier tensor is a better choice of feature maps than a later one."""
    if later.kind == "cam-spatial":  # rows of a map look like tokens
        return found.kind == "cam-spatial" and later.layout.is_tokens and not found.layout.is_tokens
    return (later.kind == "generic" or later.layout.prefix > 0) and _is_settled(found)


def _shortened(operators: Sequence[str]) -> list[str]:
    """Return names of operators in order, none twice in a row, at most ten."""
    names = [name for k, name in enumerate(operators) if k == 0 or operators[k - 1] != name]
    return names if len(names) <= 10 else [*names[:9], f"{len(names) - 9} more"]


# ---- the head that is meant ------------------------------------------------------------------------------------------


def check_wanted(graph: Graph, wanted: str | None, scores: Iterable[str]) -> None:
    """Check that the caller's names are tensors that depend on the image.

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
    searches: Sequence[HeadSearch],
    scores: Mapping[str, str],
    wanted: str | None,
    *,
    fault: Callable[[Find, HeadSearch], object],
    seems: Callable[[], object],
    settle: bool,
) -> tuple[Find, HeadSearch]:
    """Return the only head, and the search that found it. Where several outputs have one, the caller chooses.

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


def _reasons(searches: Sequence[HeadSearch], scores: Mapping[str, str]) -> list[str]:
    """Return the verdicts on tensors that were tried; where none was, the reasons against the last ones."""
    found = []
    for search in searches:
        asked = [candidate for candidate in search.candidates if candidate.fits or candidate.verdict in NOT_FINITE]
        found += [
            f"output {scores[search.output]!r}: {candidate.tensor!r} {candidate.shape}: {candidate.verdict}"
            for candidate in asked or search.candidates[:NAMED]
        ]
    return found
