"""The way of a photo: preprocessing, network, class activation maps, boxes in the photo's own pixels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from fastcam import conventions, engines, frames, images, ops
from fastcam.arrays import check_connectivity, check_maps, class_indices, feature_maps_of
from fastcam.boxes import largest_boxes
from fastcam.components import Search
from fastcam.devices import check_ready, is_ready
from fastcam.errors import InputError
from fastcam.explained import Explained, Plan, gather
from fastcam.images import Photo, Region, photo_pixels, seen_region, visible
from fastcam.methods import cam
from fastcam.model.head import Head
from fastcam.model.proof import check_identity
from fastcam.preprocess import Preprocess
from fastcam.results import Boxes, Explanation
from fastcam.sampling import grid
from fastcam.scores import probabilities
from fastcam.session import Session


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
    ) -> Plan:
        """The options of `Classifier.explain`, checked, for so many images."""
        self.head.linear()  # refuses heads whose class activation maps aren't exact
        rule, neighbours = conventions.named(convention, threshold), check_connectivity(connectivity)
        run = self._engine(engine)
        if not isinstance(method, str) or method not in ("auto", "cam"):
            raise InputError(f"method: expected 'auto' or 'cam'; got {method!r}")
        wanted = self._wanted(top, class_index, images)
        return Plan(rule, neighbours, run, int(top) if wanted is None else wanted)

    def explain(self, photos: Sequence[Photo] | NDArray[np.uint8], plan: Plan) -> Explanation:
        """What comes of each photo, gathered; of several, errors name the image."""
        found: list[Explained] = []
        for n, photo in enumerate(photos):
            try:
                with plan.run.on(self.session.device[1]):
                    found.append(self._explain_one(photo, plan.classes(n), plan))
            except InputError as error:
                if len(photos) == 1:
                    raise
                raise InputError(f"image {n} of {len(photos)}: {error}") from error
        return gather(
            found,
            plan,
            labels=self.labels,
            head=self.head,
            preprocess=self.preprocess.describe(),
            provider=self.session.provider,
        )

    def run(self, images: NDArray[Any], run: engines.Engine) -> tuple[NDArray[np.float32], Any, NDArray[np.float32]]:
        """Logits (N, K), feature maps (N, C, h, w) in their own dtype, where the engine works, and scores (N, K)."""
        own = [self.head.output] if self.head.activation == "other" else []
        wanted = [self.head.logits, *own]
        if run.name == "cuda":
            maps, (logits, *outputs) = self.session.run_on_device(
                images, self.head.feature_maps, wanted, run.xp.from_dlpack
            )
        else:
            maps, logits, *outputs = self.session.run(images, [self.head.feature_maps, *wanted])
        logits = logits.reshape(len(logits), -1).astype(np.float32)
        scores = outputs[0].reshape(len(logits), -1) if own else probabilities(logits, self.head.activation)
        layout = self.head.arranged(maps.shape)
        if self.head.is_exact and (layout.channels, layout.height, layout.width) != self.head.feature_shape is not None:
            check_identity(self.head, run.host(maps)[0], logits)
        return logits, layout.channels_first(maps), scores.astype(np.float32)

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
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or not 1 <= top <= self.head.classes:
            raise InputError(f"top: expected 1 to {self.head.classes}, the number of classes; got {top!r}")
        if class_index is None:
            return None
        if top != 1:
            raise InputError("top: expected either top or class_index; got both")
        return class_indices(class_index, images, self.head.classes)

    def _explain_one(self, photo: Photo, wanted: int | NDArray[np.int64], plan: Plan) -> Explained:
        began, run = time.perf_counter(), plan.run
        pixels = photo_pixels(photo)
        size = (pixels.shape[0], pixels.shape[1])
        region = seen_region(size, self.target, self.preprocess.fit, self.preprocess.crop_fraction)
        given = self._network_input(pixels, region)
        prepared = time.perf_counter()
        logits, feature_maps, scores = self.run(given, run)
        inferred = time.perf_counter()
        if not np.isfinite(logits).all():
            raise InputError("expected finite logits; got NaN or infinity. Does the preprocessing fit the model?")
        ranked = scores if self.head.activation == "other" else logits
        index = np.argsort(-ranked[0], kind="stable")[:wanted] if isinstance(wanted, int) else wanted
        maps, boxes = self._localize(feature_maps, index, region, size, plan)
        seconds = (prepared - began, inferred - prepared, time.perf_counter() - inferred)
        return Explained(index, logits[0], scores[0], maps, boxes, size, region, seconds)

    def _network_input(self, pixels: NDArray[np.uint8], region: Region) -> NDArray[Any]:
        """By our own kernel, or by Pillow for the interpolations that only Pillow has."""
        if self.preprocess.interpolation in frames.INTERPOLATIONS:
            return frames.network_input(pixels, region, self.preprocess, self.session.input)
        photo = Image.fromarray(np.ascontiguousarray(pixels))
        return images.network_input(photo, region, self.preprocess, self.session.input)

    def _localize(
        self, feature_maps: Any, index: NDArray[np.int64], region: Region, size: tuple[int, int], plan: Plan
    ) -> tuple[NDArray[np.float32], Boxes]:
        """Maps (M, h, w) and boxes (M, 4) in an image's pixels, in the host's memory."""
        run = plan.run
        weighted, weights, rows = cam.channel_weights(self.head, feature_maps, index[None], run)
        maps = ops.checked_maps(run, feature_maps_of(weighted), weights, rows).reshape(-1, *feature_maps.shape[2:])
        x0, y0, x1, y1 = region
        left, top, right, bottom = visible(region, size)
        where = grid((maps.shape[1], maps.shape[2]), (y1 - y0, x1 - x0), (left - x0, top - y0, right - x0, bottom - y0))
        found = largest_boxes(Search(maps, maps.shape[:1], where, plan.rule, plan.connectivity, run))
        maps, xyxy, area, peak = run.host(maps, found.xyxy, found.area, found.peak)
        if np.isnan(peak).any():
            check_maps("activation maps", maps)
        shift = np.where(area[:, None] > 0, np.array([left, top, left, top], np.int32), 0)
        return maps, Boxes(xyxy + shift, area, peak)
