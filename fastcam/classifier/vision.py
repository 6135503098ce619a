"""Way of a photo through preprocessing and network, to maps and boxes in the photo's own pixels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays import conventions, engines
from fastcam.arrays.boxes import find_boxes
from fastcam.arrays.checks import check_maps, class_indices
from fastcam.arrays.devices import check_ready, in_host_memory, is_ready
from fastcam.arrays.engines.engine import Engine
from fastcam.arrays.grids import grid
from fastcam.arrays.places import neighbors_of
from fastcam.arrays.scalars import is_whole
from fastcam.arrays.values import Boxes, Cuboids, Intervals
from fastcam.classifier import preparation
from fastcam.classifier.preparation import Prepared
from fastcam.errors import InputError
from fastcam.images.photos import Photo
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import Part, part_of
from fastcam.methods import table
from fastcam.methods.attribution import Attribution
from fastcam.methods.method import InputMethod
from fastcam.methods.options import Options, Seen
from fastcam.model.head.head import OWN, Head
from fastcam.model.head.proof import check_identity, identity_holds
from fastcam.model.head.scores import Scoring, scores_of
from fastcam.model.run.batches import Progress, check_asking
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.session import Session


class Outputs(NamedTuple):
    """Outputs of the network for N network inputs.

    Attributes
    ----------
    logits, scores
        (N, K) float32.
    feature_maps
        (N, ...) in the model's own layout, where the engine works.
    """

    logits: NDArray[np.float32]
    feature_maps: Any
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SeenPhoto(Seen):
    """One photo as the network saw it.

    Attributes
    ----------
    size
        (height, width) of the photo; (length,) of a signal, (depth, height, width) of a volume.
    region
        xyxy of the part of the photo's plane that the network saw; xx of a signal, xyzxyz of a volume.
    seconds
        Seconds that preprocessing and inference took.
    pixels
        As of `Prepared`.
    """

    size: tuple[int, ...]
    region: tuple[int, ...]
    seconds: tuple[float, float]
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Vision:
    """A model with its head and preprocessing: what it sees of photos, and maps and boxes of that.

    It has no state: many threads may use it.

    Attributes
    ----------
    session, head
        The open model, and its proven head.
    preprocess, target
        The preprocessing, and the sizes of the places of the network input that it makes, as (height, width).
    scoring
        How scores are made of logits.
    attribution
        Activation maps by any method.
    """

    session: Session
    head: Head
    preprocess: Preprocess
    target: tuple[int, ...]
    scoring: Scoring
    attribution: Attribution

    # ---- options ----------------------------------------------------------------------------------------------------

    def options(
        self,
        images: int = 1,
        *,
        top: int = 1,
        class_index: ArrayLike | None = None,
        method: str = "auto",
        layer: str | Sequence[str] | None = None,
        convention: str = "paper",
        threshold: float | None = None,
        connectivity: int | None = None,
        engine: str = "auto",
        batch_size: int | None = None,
        progress: Progress | None = None,
    ) -> Options:
        """Check options of `Classifier.explain`, which has their meaning, and return them.

        Parameters
        ----------
        images
            Number of images.
        top, class_index, method, layer, convention, threshold, connectivity, engine, batch_size, progress
            As in `Classifier.explain`.

        Returns
        -------
        Options

        Raises
        ------
        InputError, HeadNotFoundError, GradientError, BackendError
            An option doesn't fit the model.
        """
        layers = _names(layer)
        record = table.named(method, self.head, layers)
        check_asking(batch_size, progress)
        rule, neighbours = conventions.named(convention, threshold), neighbors_of(connectivity, self.session.input.rank)
        chosen = self._engine(engine)
        classes = self._classes(top, class_index, images)
        found = Options(
            method=record,
            wanted=int(top) if classes is None else classes,
            layers=layers,
            convention=rule,
            connectivity=neighbours,
            engine=chosen,
            batch_size=None if batch_size is None else int(batch_size),
            progress=progress,
        )
        if self.sizes_vary and (layers or isinstance(record, InputMethod)):
            what = "layer=..." if layers else f"{record.name!r}"
            raise InputError(
                f"method: expected one that reads the head's feature maps with fit='whole', by which network inputs of "
                f"a model of open size have sizes of their own; got {what}. Load the model with fit='stretch'"
            )
        if layers:
            self.attribution.check_layers(found)
        return found

    def _engine(self, name: str) -> Engine:
        """Return the engine of that name, which has to work where the model leaves its feature maps."""
        device, _ = self.session.device
        found = engines.named("cuda" if name == "auto" and device == "cuda" and is_ready() else name)
        if found.name == "cuda" and device != found.memory:
            raise InputError(
                f"engine: 'cuda' works on what a CUDA provider leaves on its device; this model runs by "
                f"{self.session.provider}. Load it with providers=['CUDAExecutionProvider'], or leave engine out"
            )
        if device == "cuda" and found.name == "cuda":
            check_ready()
        return found

    def _classes(self, top: int, class_index: ArrayLike | None, images: int) -> NDArray[np.int64] | None:
        """Return class indices (N, M), or None for the best."""
        if not is_whole(top) or not 1 <= top <= self.head.classes:
            raise InputError(f"top: expected 1 to {self.head.classes}, the number of classes; got {top!r}")
        if class_index is None:
            return None
        if top != 1:
            raise InputError("top: expected either top or class_index; got both")
        return class_indices(class_index, images, self.head.classes)

    # ---- photo and network ------------------------------------------------------------------------------------------

    @property
    def sizes_vary(self) -> bool:
        """True if network inputs have the proportions of their photos: the fit "whole" of a model of open size."""
        return preparation.sizes_vary(self.preprocess, self.session.input)

    def see(self, photo: Photo, options: Options | None = None, classes: NDArray[np.int64] | None = None) -> SeenPhoto:
        """Preprocess a photo and run it through the network: `prepare`, then `look`."""
        return self.look(self.prepare(photo), options, classes)

    def prepare(self, photo: Photo, *, keep_pixels: bool = False) -> Prepared:
        """Preprocess a photo, as in `Classifier.explain`; keep its pixels, of arrays a copy.

        Raises
        ------
        InputError
            The photo can't be read.
        """
        own = self.session.input
        return preparation.prepare(photo, self.preprocess, own, self.head, self.target, keep_pixels=keep_pixels)

    def look(
        self,
        prepared: Prepared,
        options: Options | None = None,
        classes: NDArray[np.int64] | None = None,
        constants: Constants = AS_LOADED,
    ) -> SeenPhoto:
        """Run a network input through the network.

        Parameters
        ----------
        prepared
            The network input and its place.
        options
            Engine, and layers with the method for which they are read; None: the CPU's engine and the head's maps.
        classes
            (M,) class indices, from whose first one a gradient to layers goes back along with the logits; None: from
            the best class.
        constants
            Values of further inputs of the model, other than at loading.

        Returns
        -------
        SeenPhoto

        Raises
        ------
        InputError
            The logits aren't finite, or a volume takes more memory than there is.
        ModelError
            ONNX Runtime failed while running.
        """
        began, given = time.perf_counter(), prepared.network_input
        if self.session.input.rank == 3:
            self.attribution.model.check_room(given.shape)
        engine = options.engine if options else engines.named("cpu")
        here = given if options and not options.reads_input else in_host_memory(given)
        at_layers = None
        if options and options.layers:
            at_layers = self.attribution.at(here).at_layers(here, options, classes, constants)
        holds = True
        if at_layers is None:
            with engine.on(self.session.device[1]):
                logits, feature_maps, scores = self.run(given, engine, constants)
                if constants and self.head.is_exact:
                    holds = identity_holds(self.head, engine.host(feature_maps)[0], logits)
        else:
            feature_maps, logits = None, at_layers.logits[None]
            is_own = self.scoring.activation in OWN
            scores = self.run(given, engine, constants).scores if is_own else scores_of(logits, self.scoring.activation)
        if not np.isfinite(logits).all():
            raise InputError("expected finite logits; got NaN or infinity. Does the preprocessing fit the model?")
        return SeenPhoto(
            network_input=here,
            feature_maps=feature_maps,
            logits=logits[0],
            scores=scores[0],
            at_layers=at_layers,
            constants=constants,
            holds=holds,
            size=prepared.size,
            region=prepared.region,
            seconds=(prepared.seconds, time.perf_counter() - began),
            pixels=prepared.pixels,
        )

    def run(self, inputs: Any, engine: Engine | None = None, constants: Constants = AS_LOADED) -> Outputs:
        """Run network inputs through the network.

        Parameters
        ----------
        inputs
            (N, ...) in the model's own layout, size and dtype.
        engine
            Where feature maps are left; None: in the host's memory.
        constants
            Values of further inputs of the model, other than at loading.

        Returns
        -------
        Outputs

        Raises
        ------
        InputError
            Another shape or dtype.
        ModelError
            ONNX Runtime failed while running, or the identity fails at this size: `HeadNotFoundError`.
        """
        engine = engine or engines.named("cpu")
        own = [self.head.output] if self.scoring.activation in OWN else []
        wanted = [self.head.logits, *own]
        if engine.name == "cuda":
            maps, (logits, *outputs) = self.session.run_on_device(
                inputs, self.head.feature_maps, wanted, engine.xp.from_dlpack, constants
            )
        else:
            tensors = [self.head.feature_maps, *wanted]
            maps, logits, *outputs = self.session.run(inputs, tensors, constants=constants)
        logits = logits.reshape(len(logits), -1).astype(np.float32)
        scores = outputs[0].reshape(len(logits), -1) if own else scores_of(logits, self.scoring.activation)
        layout = self.head.arranged(maps.shape)
        asked = self.head.is_exact and not constants  # with constants, `look` finds out whether it holds
        if asked and (layout.channels, *layout.places) != self.head.feature_shape is not None:
            check_identity(self.head, engine.host(maps)[0], logits)
        return Outputs(logits, maps, scores.astype(np.float32))

    def ranked(self, seen: Seen) -> NDArray[np.float32]:
        """Return values (K,) by which classes are ranked: logits, which are finer than scores made of them."""
        return seen.scores if self.scoring.activation in OWN else seen.logits

    def best(self, seen: Seen, count: int) -> NDArray[np.int64]:
        """Return the best classes (count,), best first."""
        return np.argsort(-self.ranked(seen), kind="stable")[:count]

    # ---- maps and boxes ---------------------------------------------------------------------------------------------

    def maps(self, seen: SeenPhoto, classes: NDArray[np.int64], options: Options) -> Any:
        """Return the activation maps (M, h, w) of classes (M,), where the engine works.

        Raises
        ------
        GradientError, InputError, ModelError
            As `Attribution.maps`.
        """
        with options.engine.on(self.session.device[1]):
            return self.attribution.at(seen.network_input).maps(seen, classes, options)

    def boxes(
        self, maps: Any, seen: SeenPhoto, options: Options
    ) -> tuple[NDArray[np.float32], Boxes | Intervals | Cuboids]:
        """Return maps (M, *places) in the host's memory, and their boxes (M, 4) in the photo's pixels.

        Raises
        ------
        InputError
            NaN or infinity in a map.
        """
        engine, part = options.engine, part_of(seen.region, seen.size)
        if len(part.sides) != 2:
            return self._boxes_of_places(maps, part, options)
        with engine.on(self.session.device[1]):
            where = grid((maps.shape[1], maps.shape[2]), part.sides, part.window)
            found, sound = engine.find_boxes(maps, where, options.convention, options.connectivity)
            here, xyxy, area, peak = engine.host(maps, found.xyxy, found.area, found.peak)
        if sound < len(here) or (engine.name == "cuda" and np.isnan(peak).any()):
            check_maps("activation maps", here)
        return here, Boxes(part.in_photo(xyxy, area), area, peak)

    def _boxes_of_places(
        self, maps: Any, part: Part, options: Options
    ) -> tuple[NDArray[np.float32], Boxes | Intervals | Cuboids]:
        """Return maps of signals or volumes in the host's memory, and their intervals or boxes of three sides."""
        here, rule = self.in_host(maps, options), options.convention
        settings = {"convention": rule.name, "threshold": rule.threshold, "connectivity": options.connectivity}
        found: Any = find_boxes(here, part.sides, **settings, window=part.window)  # type: ignore[call-overload]
        corners = fields(found)[0].name
        return here, replace(found, **{corners: part.in_photo(getattr(found, corners), found.area)})

    def in_host(self, maps: Any, options: Options) -> NDArray[np.float32]:
        """Return maps (M, h, w) in the host's memory, without boxes.

        Raises
        ------
        InputError
            NaN or infinity in a map.
        """
        with options.engine.on(self.session.device[1]):
            (here,) = options.engine.host(maps)
        check_maps("activation maps", here, here.ndim - 1)
        return here


def _names(layer: Any) -> tuple[str, ...]:
    """Return the names of layers, none for None."""
    names = () if layer is None else (layer,) if isinstance(layer, str) else layer
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names) or layer in ([], ()):
        raise InputError(f"layer: expected one name or more; got {layer!r}")
    return tuple(names)
