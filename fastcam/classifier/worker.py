"""A classifier that explains a part of a data set, in any process."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.classifier.classifier import Classifier
from fastcam.classifier.loader import load as load_model
from fastcam.errors import InputError
from fastcam.model.file.source import read_source
from fastcam.results.boxes import corners

LOAD = frozenset(inspect.signature(load_model).parameters) - {"model", "session_options"}
EXPLAIN = frozenset(inspect.signature(Classifier.explain).parameters) - {
    *("self", "images", "tensors", "region", "on_error", "keep_images")  # one batch's, and what would leave rows out
}


class Worker:
    """Explains batches of photos. It can be pickled, and opens the model when it is first called in a process.

    For `concurrent.futures.ProcessPoolExecutor`, Ray Data's `map_batches` and their like: what is sent there is the
    path and the options. May be used from many threads.

    Parameters
    ----------
    model
        Path of the model, which every process can read, or its bytes.
    load
        Options of `fastcam.load`, by name: `{"preprocess": "imagenet", "threads": 1}`.
    column
        Of batches that are mappings: which entry holds the photos, as paths or as an array (N, H, W, 3) uint8.
    maps
        Whether activation maps are wanted as well, which may be most of what is sent back.
    **explain
        Options of `Classifier.explain`.

    Raises
    ------
    InputError
        An option that there isn't.
    ModelError
        No such file.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from skimage.data import chelsea, coffee
    >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
    >>> worker = Worker(path, load={"preprocess": "caffe-bgr", "labels": "imagenet"}, top=2)
    >>> found = worker([chelsea(), coffee()])
    >>> {name: (array.dtype.name, array.shape) for name, array in found.items()}
    {'class_index': ('int64', (2, 2)), 'scores': ('float32', (2, 2)), 'boxes': ('int32', (2, 2, 4)),
     'area': ('int32', (2, 2)), 'image_sizes': ('int64', (2, 2)), 'activation_maps': ('float32', (2, 2, 13, 13))}
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        *,
        load: Mapping[str, Any] | None = None,
        column: str = "path",
        maps: bool = True,
        **explain: Any,
    ) -> None:
        read_source(model)
        _check("load", load or {}, LOAD)
        _check("explain", explain, EXPLAIN)
        self._model = bytes(model) if isinstance(model, bytes | bytearray | memoryview) else os.fspath(model)
        self._load, self._explain = dict(load or {}), explain
        self._column, self._maps = column, maps
        self._lock = threading.Lock()
        self._opened: tuple[int, Classifier] | None = None

    def __call__(self, batch: Any) -> dict[str, Any]:
        """A struct of arrays, one row a photo, of M classes each.

        Parameters
        ----------
        batch
            Photos as `Classifier.explain` takes them; or a mapping of columns, of which one holds them: then its other
            columns are handed on, and so are paths.

        Returns
        -------
        dict
            `class_index` (N, M) int64, `scores` (N, M) float32, `boxes` (N, M, 4) int32 xyxy and `area` (N, M) int32 in
            pixels of the photos, `image_sizes` (N, 2) int64 and `activation_maps` (N, M, h, w) float32, as in
            `Explanation`; of signals `boxes` (N, M, 2) xx, of volumes and clips (N, M, 6) xyzxyz.

        Raises
        ------
        InputError, ModelError
            As `fastcam.load` and `Classifier.explain`; or the batch has no such column.
        """
        photos, others = self._taken(batch)
        found = self._classifier().explain(photos, **self._explain)
        made: dict[str, NDArray[Any]] = {
            "class_index": found.class_index,
            "scores": found.scores,
            "boxes": corners(found.boxes),
            "area": found.boxes.area,
            "image_sizes": found.image_sizes,
        }
        if self._maps:
            made["activation_maps"] = found.activation_maps
        return {**others, **made}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_opened")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock(), _opened=None)

    def _classifier(self) -> Classifier:
        """The model, of this process: a session doesn't survive a fork."""
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = os.getpid(), load_model(self._model, **self._load)
            return self._opened[1]

    def _taken(self, batch: Any) -> tuple[Any, dict[str, Any]]:
        """The photos of a batch, and what is handed on."""
        if not isinstance(batch, Mapping):
            return batch, {}
        if self._column not in batch:
            raise InputError(f"batch: expected a column {self._column!r} of photos; got {sorted(batch)}")
        photos = batch[self._column]
        if isinstance(photos, np.ndarray) and photos.dtype != np.uint8:
            photos = photos.tolist()  # paths, or photos of several sizes
        is_image = not all(isinstance(photo, str | os.PathLike) for photo in photos)
        return photos, {name: value for name, value in batch.items() if not (is_image and name == self._column)}


def _check(name: str, options: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(set(options) - known):
        raise InputError(f"{name}: expected options out of {', '.join(sorted(known))}; got {', '.join(unknown)}")
