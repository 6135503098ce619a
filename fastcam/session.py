"""A model that runs: network input in, logits and feature maps out. Knows the input of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from fastcam.errors import InputError, ModelError
from fastcam.model.graph import Graph
from fastcam.model.head import Layout
from fastcam.model.source import Source
from fastcam.runtime import ORT_ERRORS, Provider, open_session

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True)
class ImageInput:
    """The one input of a classifier; None stands for a size that the model leaves open."""

    name: str
    dtype: Any
    layout: Layout
    batch: int | None
    channels: int
    height: int | None
    width: int | None

    def sides(self, preferred: tuple[int, int] | None = None) -> tuple[int, int]:
        """(height, width): the model's own; where it leaves them open, the preferred ones, else 224."""
        height, width = preferred or (224, 224)
        return self.height or height, self.width or width

    @property
    def shape(self) -> str:
        """In words, with the letters of the documentation."""
        sides = f"{self.height or 'H'}, {self.width or 'W'}"
        inner = f"{self.channels}, {sides}" if self.layout == "NCHW" else f"{sides}, {self.channels}"
        return f"({self.batch or 'N'}, {inner}) {np.dtype(self.dtype).name}"


class Session:
    """A long-lived ONNX Runtime session that returns chosen tensors. `run` may be called from many threads.

    Raises
    ------
    ModelError
        The session doesn't return those tensors, or takes other than one batch of images.
    """

    def __init__(self, session: ort.InferenceSession, outputs: Sequence[str], added: Sequence[str] = ()) -> None:
        self._session = session
        known = [value.name for value in session.get_outputs()]
        if missing := [name for name in outputs if name not in known]:
            raise ModelError(
                f"session: expected the outputs {missing}; it returns {known}. Add them to the model's outputs"
            )
        self.outputs = tuple(name for name in known if name not in added)  # the model's own
        self.input = _image_input(session.get_inputs())
        self.provider: str = session.get_providers()[0]

    @classmethod
    def open(
        cls,
        source: Source,
        graph: Graph,
        outputs: Sequence[str],
        *,
        providers: Sequence[Provider],
        threads: int | None,
        options: ort.SessionOptions | None,
    ) -> Session:
        """A session over a model, inner tensors among its outputs. The model's own file isn't touched."""
        added = [name for name in outputs if name not in graph.outputs]
        session = open_session(
            (graph.model.SerializeToString() if graph.inlined else source.data) + _extra_outputs(added),
            name=source.name,
            folder=source.folder if graph.external_files else None,
            providers=providers,
            threads=threads,
            options=options,
        )
        return cls(session, outputs, added)

    def run(self, images: NDArray[Any], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Those tensors for N network inputs, each (N, ...).

        Parameters
        ----------
        images
            In the input's own layout, dtype and size.
        outputs
            Names, out of those that the session was opened for.

        Raises
        ------
        InputError
            Another shape or dtype than the model takes.
        ModelError
            ONNX Runtime failed while running.
        """
        self._check(images)
        if not self.input.batch:
            return self._run(images, outputs)
        chunks = [
            self._run_fixed(images[k : k + self.input.batch], outputs) for k in range(0, len(images), self.input.batch)
        ]
        return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]

    def run_raw(self, images: NDArray[Any], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Tensors that have no axis of images, such as shapes, as ONNX Runtime gives them."""
        return [np.asarray(value) for value in self._session.run(list(outputs), {self.input.name: images})]

    def _run_fixed(self, images: NDArray[Any], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """At most one batch of a model with a fixed batch size, filled up with zeros."""
        missing = (self.input.batch or 0) - len(images)
        full = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)]) if missing else images
        return [values[: len(images)] for values in self._run(full, outputs)]

    def _run(self, images: NDArray[Any], outputs: Sequence[str]) -> list[NDArray[Any]]:
        try:
            values = self._session.run(list(outputs), {self.input.name: np.ascontiguousarray(images)})
        except ORT_ERRORS as error:
            raise ModelError(f"the model failed on an input of shape {images.shape}: {error}") from error
        return [_by_image(np.asarray(value), len(images)) for value in values]

    def _check(self, images: NDArray[Any]) -> None:
        expected = self.input
        sides = (expected.height, expected.width)
        shape = (expected.channels, *sides) if expected.layout == "NCHW" else (*sides, expected.channels)
        if not isinstance(images, np.ndarray):
            raise InputError(f"network input: expected {expected.shape}; got {type(images).__name__}")
        fits = images.ndim == 4 and all(want in (None, got) for want, got in zip(shape, images.shape[1:], strict=True))
        if not fits or not images.size or images.dtype != expected.dtype:
            raise InputError(f"network input: expected {expected.shape}; got {images.shape} {images.dtype}")


def _by_image(value: NDArray[Any], images: int) -> NDArray[Any]:
    """(N, ...); models of one image may leave the first axis out."""
    if value.ndim and len(value) == images:
        return value
    if images == 1:
        return value[None]
    raise ModelError(f"expected outputs with one entry for each of {images} images; got shape {value.shape}")


def _extra_outputs(names: Sequence[str]) -> bytes:
    """Bytes that add outputs to a model when appended to it: protobuf merges repeated messages."""
    import onnx

    extra = [onnx.ValueInfoProto(name=name) for name in names]
    return onnx.ModelProto(graph=onnx.GraphProto(output=extra)).SerializeToString() if extra else b""


def _image_input(inputs: Sequence[Any]) -> ImageInput:
    """The model's only input, which must be a batch of images."""
    described = ", ".join(f"{value.name!r} {value.type} {value.shape}" for value in inputs)
    if len(inputs) != 1:
        raise ModelError(f"expected a model with one input, a batch of images; got {len(inputs)}: {described}")
    value = inputs[0]
    if value.type not in DTYPES or len(value.shape) != 4:
        raise ModelError(
            f"expected an input of four axes, (N, C, H, W) or (N, H, W, C), of floats or uint8; got {described}"
        )
    batch, *rest = (side if isinstance(side, int) and side > 0 else None for side in value.shape)
    layout: Layout = "NHWC" if rest[2] in (1, 3) and rest[0] not in (1, 3) else "NCHW"
    channels, height, width = rest if layout == "NCHW" else (rest[2], rest[0], rest[1])
    if channels not in (None, 1, 3):
        raise ModelError(f"expected an input of 1 or 3 channels; got {described}")
    return ImageInput(value.name, DTYPES[value.type], layout, batch, channels or 3, height, width)
