"""The way of a photo: preprocessing, network, class activation maps, boxes in the photo's own pixels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import methods
from fastcam.arrays import conventions, engines
from fastcam.arrays.checks import check_connectivity, check_maps, class_indices
from fastcam.arrays.devices import check_ready, is_ready
from fastcam.arrays.grids import grid
from fastcam.arrays.resampling import Region
from fastcam.arrays.scalars import is_whole
from fastcam.arrays.values import Boxes
from fastcam.classifier.pipeline import Finish, Work
from fastcam.classifier.steady import Smoother, Steady
from fastcam.errors import InputError
from fastcam.images import frames
from fastcam.images.photos import Photo, of_each, photo_pixels
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import part_of, view_of
from fastcam.methods.attribution import Attribution
from fastcam.methods.plan import Plan, Seen
from fastcam.model.gradient.at_input import Smoothing
from fastcam.model.head.head import OWN, Head
from fastcam.model.head.proof import check_identity
from fastcam.model.head.scores import Scoring, scores_of
from fastcam.model.run.batches import Progress, check_asking
from fastcam.model.run.session import Session
from fastcam.results import Explanation, InputGradient

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Explainer:
    """A model with its head and preprocessing. Holds no state: many threads may use it.

    Attributes
    ----------
    target
        (height, width) of the network input.
    """

    session: Session
    head: Head
    preprocess: Preprocess
    target: tuple[int, int]
    labels: tuple[str, ...] | None
    scoring: Scoring
    attribution: Attribution

    def plan(
        self,
        images: int,
        top: int,
        class_index: ArrayLike | None,
        method: str,
        convention: str,
        threshold: float | None,
        connectivity: int,
        engine: str,
        layer: str | Sequence[str] | None = None,
        batch_size: int | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """The options of `Classifier.explain`, checked, for so many images."""
        layers = _names(layer)
        chosen = methods.named(method, self.head, layers)
        check_asking(batch_size, progress)
        rule, neighbours = conventions.named(convention, threshold), check_connectivity(connectivity)
        run = self._engine(engine)
        wanted = self._wanted(top, class_index, images)
        best, size = int(top) if wanted is None else wanted, None if batch_size is None else int(batch_size)
        plan = Plan(chosen, rule, neighbours, run, best, layers, size, progress)
        if layers:
            self.attribution.check_layers(plan)
        return plan

    def explain(self, photos: Sequence[Photo] | NDArray[np.uint8], plan: Plan) -> Explanation:
        """What comes of each photo, gathered; of several, errors name the image."""
        return self._gathered(self._each(photos, plan, self._localize), plan)

    def input_gradient(
        self,
        photos: Sequence[Photo] | NDArray[np.uint8],
        plan: Plan,
        smoothing: Smoothing,
        layer: str | None,
    ) -> InputGradient:
        """What arrives at the network input, or another layer, of each photo, by a method that goes back there."""

        def sent_back(
            seen: Seen, index: NDArray[np.int64], plan: Plan
        ) -> tuple[Seen, NDArray[np.int64], NDArray[np.float32]]:
            return seen, index, self.attribution.input_gradients(seen, index, plan, smoothing, layer)

        seen, index, gradients = zip(*self._each(photos, plan, sent_back), strict=True)
        method, own = methods.OF_INPUT[plan.method], self.session.input
        opened = self.attribution.inputs.ready(method.variant, method.places if layer is None else layer)
        inputs = np.concatenate([one.network_input[:1] for one in seen]).astype(np.float32)
        return InputGradient(
            class_index=np.stack(index),
            logits=np.stack([one.logits for one in seen]),
            gradients=np.stack(gradients),
            activation_maps=np.stack([method.activation_maps(one) for one in gradients]),
            network_inputs=inputs if own.layout == "NCHW" else np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)),
            image_sizes=np.array([one.size for one in seen], np.int64),
            regions=np.array([one.region for one in seen], np.int64),
            labels=self.labels,
            method=plan.method,
            layer=opened.layer,
            preprocess=self.preprocess.describe(),
            provider=self.session.provider,
            **smoothing._asdict(),
        )

    def _each(
        self,
        photos: Sequence[Photo] | NDArray[np.uint8],
        plan: Plan,
        work: Callable[[Seen, NDArray[np.int64], Plan], T],
    ) -> list[T]:
        """What is made of each photo that was seen, and of its classes (M,)."""

        def one(n: int, photo: Photo) -> T:
            wanted = plan.classes(n)
            seen = self.see(photo, plan.run, plan if plan.layers else None, wanted)
            index = self._best(seen, wanted) if isinstance(wanted, int) else wanted
            return work(seen, index, plan.of_image(n, len(photos)))

        return of_each(photos, one)

    def explain_each(
        self, photo: Photo, plans: Sequence[Plan], best: int, classes: NDArray[np.int64]
    ) -> list[Explained]:
        """By each plan, of the same engine and layers, so many best classes, then those of `classes` not among them.

        The photo goes through the network once for all of them.
        """
        needy = next((plan for plan in plans if plan.method not in methods.CLASSLESS), plans[0])  # of a gradient
        seen = self.see(photo, needy.run, needy if needy.layers else None)
        index = self._best(seen, best)
        index = np.concatenate([index, np.setdiff1d(classes, index)])
        return [self._localize(seen, index, plan) for plan in plans]

    def steps(self, plan: Plan, steady: Steady | None) -> tuple[Work, Finish | None]:
        """What is to be done with each frame of a stream on any thread, and what with all of them in order, if any."""
        if steady is None:
            return lambda frame: self.explain([frame], plan), None
        if not isinstance(steady, Steady):
            raise InputError(f"steady: expected a fastcam.Steady or None; got {steady!r}")
        if plan.layers or plan.method in methods.OF_INPUT:
            what = "layer=..." if plan.layers else f"{plan.method!r}"
            raise InputError(
                f"steady: expected a method that weighs the head's feature maps, which it averages; got {what}"
            )
        smoother = Smoother(steady)
        finish = partial(self._explain_steadily, plan=plan, smoother=smoother)
        return lambda frame: self.see(frame, plan.run), finish

    def _explain_steadily(self, seen: Seen, timestamp: float, plan: Plan, smoother: Smoother) -> Explanation:
        """The next frame of a stream, of which the smoother holds those before it."""
        with plan.run.on(self.session.device[1]):
            seen = smoother.smooth(seen._replace(feature_maps=_as_floats(seen.feature_maps)), timestamp)
        wanted = plan.classes(0)
        index = smoother.best(seen.scores, self._ranked(seen), wanted) if isinstance(wanted, int) else wanted
        found = self._localize(seen, index, plan)
        limits = np.empty((1, len(index), 2), np.float32)
        limits[:] = smoother.limits(found.activation_maps)
        return replace(self._gathered([found], plan), limits=limits, steady=smoother.steady.describe())

    def _gathered(self, found: Sequence[Explained], plan: Plan) -> Explanation:
        return gather(
            found,
            plan,
            labels=self.labels,
            head=self.head,
            preprocess=self.preprocess.describe(),
            levels=self.preprocess.levels,
            provider=self.session.provider,
            activation=self.scoring.activation,
        )

    def run(self, images: NDArray[Any], run: engines.Engine) -> tuple[NDArray[np.float32], Any, NDArray[np.float32]]:
        """Logits (N, K), feature maps (N, ...) as the model has them, where the engine works, and scores (N, K)."""
        own = [self.head.output] if self.scoring.activation in OWN else []
        wanted = [self.head.logits, *own]
        if run.name == "cuda":
            maps, (logits, *outputs) = self.session.run_on_device(
                images, self.head.feature_maps, wanted, run.xp.from_dlpack
            )
        else:
            maps, logits, *outputs = self.session.run(images, [self.head.feature_maps, *wanted])
        logits = logits.reshape(len(logits), -1).astype(np.float32)
        scores = outputs[0].reshape(len(logits), -1) if own else scores_of(logits, self.scoring.activation)
        layout = self.head.arranged(maps.shape)
        if self.head.is_exact and (layout.channels, layout.height, layout.width) != self.head.feature_shape is not None:
            check_identity(self.head, run.host(maps)[0], logits)
        return logits, maps, scores.astype(np.float32)

    def _engine(self, name: str) -> engines.Engine:
        """The engine of that name, which has to work where the model leaves its feature maps."""
        device, _ = self.session.device
        run = engines.named("cuda" if name == "auto" and device == "cuda" and is_ready() else name)
        if run.name == "cuda" and device != run.memory:
            raise InputError(
                f"engine: 'cuda' works on what a CUDA provider leaves on its device; this model runs by "
                f"{self.session.provider}. Load it with providers=['CUDAExecutionProvider'], or leave engine out"
            )
        if device == "cuda" and run.name == "cuda":
            check_ready()
        return run

    def _wanted(self, top: int, class_index: ArrayLike | None, images: int) -> NDArray[np.int64] | None:
        """The classes that the caller wants, (N, M), or None for the best."""
        if not is_whole(top) or not 1 <= top <= self.head.classes:
            raise InputError(f"top: expected 1 to {self.head.classes}, the number of classes; got {top!r}")
        if class_index is None:
            return None
        if top != 1:
            raise InputError("top: expected either top or class_index; got both")
        return class_indices(class_index, images, self.head.classes)

    def see(
        self,
        photo: Photo,
        run: engines.Engine,
        layered: Plan | None = None,
        wanted: int | NDArray[np.int64] = 1,
    ) -> Seen:
        """A photo's way through preprocessing and network; of layers, and back to them from the first wanted class."""
        began = time.perf_counter()
        pixels = photo_pixels(photo, self.preprocess.levels)
        size = (pixels.shape[0], pixels.shape[1])
        view = view_of(size, self.target, self.preprocess)
        given = frames.network_input(pixels, view, self.preprocess, self.session.input)
        prepared = time.perf_counter()
        first = None if isinstance(wanted, int) else wanted
        at_layers = self.attribution.at_layers(given, layered, first) if layered else None
        if at_layers is None:
            with run.on(self.session.device[1]):
                logits, feature_maps, scores = self.run(given, run)
        else:
            feature_maps, logits = None, at_layers.logits[None]
            is_own = self.scoring.activation in OWN
            scores = self.run(given, run)[2] if is_own else scores_of(logits, self.scoring.activation)
        if not np.isfinite(logits).all():
            raise InputError("expected finite logits; got NaN or infinity. Does the preprocessing fit the model?")
        seconds = (prepared - began, time.perf_counter() - prepared)
        return Seen(logits[0], scores[0], feature_maps, given, size, view.region, seconds, at_layers)

    def _best(self, seen: Seen, count: int) -> NDArray[np.int64]:
        """So many classes, best first."""
        return np.argsort(-self._ranked(seen), kind="stable")[:count]

    def _ranked(self, seen: Seen) -> NDArray[np.float32]:
        """(K,), by which classes are ranked: logits, which are finer than scores, if scores are made of them."""
        return seen.scores if self.scoring.activation in OWN else seen.logits

    def _localize(self, seen: Seen, index: NDArray[np.int64], plan: Plan) -> Explained:
        """Maps (M, h, w) and boxes (M, 4) in an image's pixels, in the host's memory."""
        began, run, size = time.perf_counter(), plan.run, seen.size
        part = part_of(seen.region, size)
        with run.on(self.session.device[1]):
            maps = self.attribution.maps(seen, index, plan)
            where = grid((maps.shape[1], maps.shape[2]), part.sides, part.window)
            found, sound = run.find_boxes(maps, where, plan.rule, plan.connectivity)
            maps, xyxy, area, peak = run.host(maps, found.xyxy, found.area, found.peak)
        if sound < len(maps) or (run.name == "cuda" and np.isnan(peak).any()):
            check_maps("activation maps", maps)
        seconds = (*seen.seconds, time.perf_counter() - began)
        boxes = Boxes(part.in_photo(xyxy, area), area, peak)
        how = self.attribution.describe(seen, plan)
        return Explained(index, seen.logits, seen.scores, maps, boxes, size, seen.region, seconds, how)


def _names(layer: Any) -> tuple[str, ...]:
    """Of layers, none for None."""
    names = () if layer is None else (layer,) if isinstance(layer, str) else layer
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names) or layer in ([], ()):
        raise InputError(f"layer: expected one name or more; got {layer!r}")
    return tuple(names)


def _as_floats(feature_maps: Any) -> Any:
    """In float32, to be averaged."""
    return feature_maps.astype(np.float32, copy=False)


class Explained(NamedTuple):
    """What is kept of one image: class indices (M,), logits and scores (K,), maps (M, h, w), boxes, size, region, the
    seconds that preprocessing, inference and localisation took, and how the method got its weights.
    """

    class_index: NDArray[np.int64]
    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    boxes: Boxes
    size: tuple[int, int]
    region: Region
    seconds: tuple[float, float, float]
    how: str


def gather(found: Sequence[Explained], plan: Plan, **model: Any) -> Explanation:
    """All images in one, with what holds for the model: labels, head, preprocess and provider."""
    index = np.stack([one.class_index for one in found]).astype(np.int64)
    preprocessing, inference, localisation = (sum(times) for times in zip(*(one.seconds for one in found), strict=True))
    return Explanation(
        class_index=index,
        scores=np.take_along_axis(np.stack([one.scores for one in found]), index, axis=1),
        logits=np.stack([one.logits for one in found]),
        activation_maps=np.stack([one.activation_maps for one in found]),
        boxes=Boxes(
            np.stack([one.boxes.xyxy for one in found]),
            np.stack([one.boxes.area for one in found]),
            np.stack([one.boxes.peak for one in found]),
        ),
        image_sizes=np.array([one.size for one in found], np.int64),
        regions=np.array([one.region for one in found], np.int64),
        method=plan.method,
        how=found[0].how,
        layers=plan.layers,
        convention=plan.rule.name,
        threshold=plan.rule.threshold,
        connectivity=plan.connectivity,
        engine=plan.run.name,
        timings={"preprocessing": preprocessing, "inference": inference, "localisation": localisation},
        **model,
    )
