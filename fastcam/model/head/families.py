"""Families of models that are no classifiers, guessed from the shapes and values of outputs: for refusals that help."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.model.head.layouts import Places
from fastcam.model.head.scene import Scene
from fastcam.model.head.search import Find

BOX_OPS = frozenset({"NonMaxSuppression", "RoiAlign", "MaxRoiPool", "EfficientNMS_TRT", "BatchedNMSDynamic_TRT"})
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
ANCHORS = 9  # boxes for each cell of a grid, at most
LEVELS = 6  # grids of a detector, at most
FEW_BOXES = 8  # a count alone means boxes above this number
EMBEDDING = re.compile(r"(?<![a-z])(embed\w*|feat(ure)?s?|descriptors?|hidden|pooler|latents?)(?![a-z])")
SCORES = re.compile(r"(?<![a-z])(logits?|scores?|prob\w*|class\w*|pred\w*)(?![a-z])")
AUDIO = re.compile(r"(?<![a-z])(audio|wave\w*|mel|mels|spectrogram|speech|sound|pcm|fbank|mfcc)(?![a-z])")
UNIT_NORM = 1e-3  # how far from 1 the norm of a vector may be that was divided by it, in float16 as well
ALL_HEAR = 0.75  # of the scores of classes: where places are apart, at most half of the entries hear of one
PLACE = {1: "sample", 2: "pixel", 3: "voxel"}  # of inputs of that rank
SHORTEST = 8  # entries of a vector whose norm says anything

ADVICE = {
    "a detector": "Explain one score for each class: add an output such as the largest over all boxes (ReduceMax), and "
    "name it by output=",
    "a segmenter": "Explain one score for each class: add an output such as the mean over the pixels (ReduceMean), and "
    "name it by output=",
    "a reader of sequences": "Explain one score for each class: add an output such as the largest over all steps "
    "(ReduceMax), and name it by output=",
    "an embedding": "Its entries are no classes. To explain single entries all the same, name it by output=",
    "an image-to-image model": "It gives pictures or maps, no score to explain",
    "a backbone": "It ends in feature maps: export it with its classifier",
    "a model that makes a batch inside its graph": "Export it without crops, flips or patches that become images of "
    "their own: one image in, one row of scores out",
    "a model that folds its input": "Its maps have other places than its input, as a spectrogram's or single frames': "
    "export the part behind that, and hand over what that part takes",
    "an audio model": "Explain one score for each class of the whole recording, made of convolutions over it",
}


@dataclass(frozen=True)
class Family:
    """A kind of model, and the reason to take a model for one."""

    name: str
    because: str

    def __str__(self) -> str:
        return f"It seems to be {self.name}: {self.because}. {ADVICE[self.name]}"


@dataclass(frozen=True, eq=False)
class _Output:
    """An output of the model: its sides for one image, axes of one entry left out, and whether images come first.

    `rank` is the number of the image's axes of places.
    """

    name: str
    values: NDArray[Any]
    lead: int
    rank: int

    @property
    def by_image(self) -> bool:
        return self.values.ndim > 0 and len(self.values) == self.lead

    @property
    def sides(self) -> tuple[int, ...]:
        shape = self.values.shape
        steps_first = not self.by_image and len(shape) == 3 and shape[1] == self.lead
        inner = (shape[0], shape[2]) if steps_first else shape[1:] if self.by_image else shape
        return tuple(side for side in inner if side > 1)

    def __str__(self) -> str:
        return f"output {self.name!r} {self.values.shape}"


def family(scene: Scene, cuts: Sequence[str]) -> Family | None:
    """Return the kind of model that this seems to be, if it is no classifier; None where nothing shows it.

    Parameters
    ----------
    cuts
        Tensors that every path to its scores crosses.
    """
    outputs = _outputs(scene)
    for guess in (_folded(scene, cuts), _detector(scene, outputs), _sequence(scene, outputs), _dense(scene, outputs)):
        if guess is not None:
            return guess
    for one in outputs:
        if because := embedding(scene, one.name):
            return Family("an embedding", f"{one} {because}")
    if (folded := _of_other_rank(scene, cuts)) is not None:
        return folded
    if AUDIO.search(scene.graph.image.lower()):
        return Family("an audio model", f"its input is called {scene.graph.image!r}")
    return None


def embedding(scene: Scene, output: str) -> str:
    """Return the reason to take an output for a vector that means nothing entry by entry; empty where there is none."""
    values = scene.values.get(output)
    if values is None or values.dtype.kind != "f" or not values.size or _ends_in_softmax(scene, output):
        return ""
    words = output.lower().replace("_", " ")
    if EMBEDDING.search(words) and not SCORES.search(words):
        return "is called so"
    rows = values.reshape(scene.lead, -1).astype(np.float64) if values.size % scene.lead == 0 else np.zeros((1, 1))
    norms = np.sqrt((rows**2).sum(axis=1))
    has_signs = bool((rows < 0).any() and (rows > 0).any())
    if rows.shape[1] >= SHORTEST and has_signs and bool((np.abs(norms - 1) < UNIT_NORM).all()):
        return "is a vector of norm 1"
    return ""


def entries_apart(scene: Scene, find: Find, output: str, insisted: bool) -> Family | None:
    """Return the family of a model with one score a box, pixel or step, not a class; None if it may be a class.

    Scores of classes are made of the whole image. What is made of means has no place of its own, and what is the same
    in any order neither; elsewhere a single place of the feature maps is changed, to see whether all scores hear of it.

    Parameters
    ----------
    insisted
        The caller named the output: then another output with a row for each entry tells nothing.
    """
    if find.kind in ("cam", "gap-nonlinear"):
        return None
    share = 1.0 if find.kind == "pool-nonlinear" else _heard(find, scene.values[find.feature_maps])
    if share < ALL_HEAR:
        entries = scene.values[find.logits].size // scene.lead
        name = "a detector" if entries in set(_box_counts(scene.grids)) else "a segmenter"
        name = "a reader of sequences" if entries in _sides(scene) else name
        why = f"a single place of {find.feature_maps!r} changes {share:.0%} of them"
        return Family(name, f"output {output!r} has entries that stand for places, {why}")
    beside = None if insisted else _rows_beside(scene, output)
    return None if beside is None else Family("a detector", f"output {output!r} has an entry for each row of {beside}")


def _heard(find: Find, maps: NDArray[Any]) -> float:
    """Return the least share of scores that a single place changes, out of places that change any."""
    layout, run = find.layout, find.tail_run
    rows = layout.rows(maps[:1].astype(np.float32))
    loud = 30 * (float(rows.std(dtype=np.float64)) or 1.0) * np.random.default_rng(8).uniform(1, 2, rows.shape)
    before = run.run_one(layout.tensor(rows)[0])[0]

    def changed(places: slice, sign: int) -> NDArray[np.bool_]:
        other = rows.copy()
        other[:, places] += (sign * loud[:, places]).astype(np.float32)
        after = run.run_one(layout.tensor(other)[0])[0]
        return ~(np.abs(after - before) <= 1e-6 * float(np.abs(before).max(initial=0)))

    everywhere = slice(layout.prefix, None)
    alive = changed(everywhere, 1) | changed(everywhere, -1)
    if alive.sum() < 2:
        return 1.0
    shares, last = [], layout.count - 1
    for place in sorted({0, last // 2, last}):
        one = slice(layout.prefix + place, layout.prefix + place + 1)
        heard = changed(one, 1)
        if heard[alive].mean() < ALL_HEAR:  # a rectifier may be deaf on one side
            heard |= changed(one, -1)
        shares.append(float(heard[alive].mean()))
    return min((share for share in shares if share), default=1.0)


def _rows_beside(scene: Scene, output: str) -> _Output | None:
    """Return another output with a row of numbers for each entry of this one."""
    known = {one.name: one for one in _outputs(scene)}
    entries = max(known[output].sides, default=1) if output in known else 1
    others = (one for name, one in known.items() if name != output and len(one.sides) == 2)
    return next((one for one in others if entries > 1 and entries in one.sides), None)


def _outputs(scene: Scene) -> list[_Output]:
    names, rank = (name for name in scene.graph.outputs if name in scene.values), len(scene.image)
    return [_Output(name, scene.values[name], scene.lead, rank) for name in names]


def _boxes_of(output: _Output) -> int:
    """Return the number of boxes in an output, corners or centres and sizes; 0 if none."""
    if output.values.ndim > 3 or len(output.sides) != 2 or 4 not in output.sides or output.values.dtype.kind != "f":
        return 0
    first, second = output.sides
    return first if second == 4 else second


def _folded(scene: Scene, cuts: Sequence[str]) -> Family | None:
    for name in cuts:
        shape = scene.shape(name) or ()
        count, rest = divmod(shape[0], scene.lead) if scene.is_convolution(name) and shape else (1, 0)
        if count > 1 and not rest:
            because = f"{name!r} {shape} holds {count} images for each one that goes in"
            return Family("a model that makes a batch inside its graph", because)
    return None


def _of_other_rank(scene: Scene, cuts: Sequence[str]) -> Family | None:
    rank = len(scene.image)
    for name in cuts:
        node, shape = scene.graph.producers.get(name), scene.shape(name) or ()
        if node is not None and "Conv" in node.op_type and len(shape) != rank + 2:
            because = f"{name!r} {shape} has {len(shape) - 2} axes of places, its input {rank}"
            return Family("a model that folds its input", because)
    return None


def _detector(scene: Scene, outputs: Sequence[_Output]) -> Family | None:
    operator = next((node.op_type for node in scene.graph.nodes if node.op_type in BOX_OPS), "")
    if operator:
        return Family("a detector", f"it has the operator {operator}")
    for one in outputs:
        beside = next((other for other in outputs if other is not one and _boxes_of(one) in other.sides), None)
        if _boxes_of(one) and beside is not None:
            return Family("a detector", f"{one} holds boxes, and {beside} as many entries")
    for one in (one for one in outputs if len(one.sides) == 2 and one.values.dtype.kind == "f"):
        if _is_anchored(scene, one):
            return Family("a detector", f"{one} has an entry for each box of its grids")
        count, width = one.sides
        if width in (6, 7) and count > FEW_BOXES and _has(scene, "TopK"):
            return Family("a detector", f"{one} holds the best boxes, with their classes and scores")
    return _grids_of_boxes(scene, outputs)


def _grids_of_boxes(scene: Scene, outputs: Sequence[_Output]) -> Family | None:
    """Return a detector if outputs are its grids."""
    planes = {one.name: _grid(one) for one in outputs if _grid(one) is not None}
    if len(set(planes.values())) > 1:
        return Family("a detector", f"its outputs {list(planes)} are grids of several sizes")
    few = [one for one in outputs if one.name in planes and _channels(one) in (2, 4)]
    if len(planes) > 1 and few:
        return Family("a detector", f"{few[0]} holds offsets or sizes for each place of the other outputs")
    for one in outputs:
        grid, channels = planes.get(one.name), _channels(one)
        coarse = grid is not None and len(grid) > 1 and grid[-2] * 16 <= scene.image[-2]
        if coarse and any(channels % count == 0 and channels // count > 5 for count in (3, 5)):
            return Family("a detector", f"{one} holds boxes for each cell of its grid")
    return None


def _is_anchored(scene: Scene, output: _Output) -> bool:
    """Return whether entries are the cells of grids, of several levels or with several boxes a cell."""
    if output.values.ndim > 3:
        return False
    few, many = sorted(output.sides)
    # One for each place of a grid, a class token and four registers, with a vector each.
    tokens = {count + more for count in map(math.prod, scene.grids) if count > FEW_BOXES for more in (0, 1, 5)}
    boxes = set(_box_counts(scene.grids)) - tokens - _sides(scene)
    return many > FEW_BOXES and many in boxes and few not in tokens


def _sides(scene: Scene) -> set[int]:
    """Return the sides of the model's grids, as rows and columns: steps of a sequence."""
    return {side for grid in scene.grids for side in grid}


def _box_counts(grids: frozenset[Places]) -> Iterator[int]:
    for grid in grids:
        levels = [math.prod(-(-side >> k) for side in grid) for k in range(LEVELS)]
        for count, cells in enumerate(accumulate(levels), 1):
            yield from (boxes * cells for boxes in range(1, ANCHORS + 1) if boxes * count > 1)


def _sequence(scene: Scene, outputs: Sequence[_Output]) -> Family | None:
    recurrent = next((node.op_type for node in scene.graph.nodes if node.op_type in RECURRENT), "")
    columns = _sides(scene)
    for one in outputs:
        if one.values.ndim != 3 or one.values.dtype.kind != "f" or len(one.sides) != 2:
            continue
        if one.sides == scene.image:
            return Family("an image-to-image model", f"{one} has a value at each pixel")
        steps = next((side for side in one.sides if (side,) in {*scene.grids, scene.image}), one.sides[0])
        if recurrent or steps in columns or (steps,) == scene.image:
            because = f"the operator {recurrent}" if recurrent else f"a step for each of {steps} columns"
            return Family("a reader of sequences", f"{one} has a row of scores for each step ({because})")
        return Family("an embedding", f"{one} has a vector for each of {steps} tokens")
    return None


def _dense(scene: Scene, outputs: Sequence[_Output]) -> Family | None:
    place = PLACE[len(scene.image)]
    for one in outputs:
        grid, channels = _grid(one), _channels(one)
        if grid is None:
            continue
        fine = math.prod(grid) * 8 ** len(grid) >= math.prod(scene.image)
        if not fine:
            return Family("a backbone", f"{one} has {channels} channels on a coarse grid")
        labels = one.values.dtype.kind in "iub" or _has(scene, "ArgMax")
        scores = labels or channels not in (1, 3) or _ends_in_softmax(scene, one.name)
        if scores:
            return Family("a segmenter", f"{one} has a score for each class at each {place}")
        return Family("an image-to-image model", f"{one} has a value at each {place}, in each of its channels")
    return None


def _grid(output: _Output) -> Places | None:
    """Return the sides of an output with places, as rows and columns; None if it has none."""
    shape = output.values.shape
    if (
        len(shape) == 3
        and output.rank == 2
        and output.by_image
        and output.values.dtype.kind in "iub"
        and min(shape[1:]) > 1
    ):
        return shape[1], shape[2]
    if len(shape) != output.rank + 2 or min(sorted(shape[1:])[1:]) < 2:
        return None
    return shape[1:-1] if shape[-1] < min(shape[1:-1]) else shape[2:]


def _channels(output: _Output) -> int:
    shape, grid = output.values.shape, _grid(output)
    if grid is None or len(shape) < len(grid) + 2:
        return 1
    return shape[-1] if grid == shape[1:-1] and shape[-1] < min(grid) else shape[1]


def _ends_in_softmax(scene: Scene, output: str) -> bool:
    node = scene.graph.producers.get(output)
    return node is not None and node.op_type in ("Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid")


def _has(scene: Scene, operator: str) -> bool:
    return any(node.op_type == operator for node in scene.graph.nodes)
