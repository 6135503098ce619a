"""A model that runs: network input in, logits and feature maps out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from fastcam.errors import InputError, ModelError
from fastcam.images.inputs import ImageInput
from fastcam.model.run.providers import Provider
from fastcam.model.run.runtime import ORT_ERRORS, failed, open_session


@dataclass(frozen=True)
class Opening:
    """The caller's options for running a model. `constants` are the values of its other inputs."""

    providers: Sequence[Provider] = ("CPUExecutionProvider",)
    threads: int | None = None
    options: ort.SessionOptions | None = None
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Session:
    """A long-lived ONNX Runtime session that returns chosen tensors. `run` may be called from many threads.

    Parameters
    ----------
    image
        Its input; None: the only one, of images.
    constants
        Values of its other inputs.

    Raises
    ------
    ModelError
        The session doesn't return those tensors, or takes other than one batch of images.
    """

    def __init__(
        self,
        session: ort.InferenceSession,
        outputs: Sequence[str],
        added: Sequence[str] = (),
        image: ImageInput | None = None,
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._session = session
        known = [value.name for value in session.get_outputs()]
        if missing := [name for name in outputs if name not in known]:
            raise ModelError(
                f"session: expected the outputs {missing}; it returns {known}. Add them to the model's outputs"
            )
        self.outputs = tuple(name for name in known if name not in added)  # the model's own
        self.constants = dict(constants or {})
        self.input = image or _only_input(session, self.constants)
        self.provider: str = session.get_providers()[0]

    @classmethod
    def open(
        cls,
        data: bytes,
        outputs: Sequence[str],
        opening: Opening,
        *,
        name: str,
        added: Sequence[str] = (),
        folder: Path | None = None,
        image: ImageInput | None = None,
    ) -> Session:
        """Open a session over a model's bytes, which have inner tensors among their outputs already."""
        session = open_session(
            data,
            name=name,
            folder=folder,
            providers=opening.providers,
            threads=opening.threads,
            options=opening.options,
        )
        return cls(session, outputs, added, image, opening.constants)

    def run(
        self, images: NDArray[Any], outputs: Sequence[str], options: ort.RunOptions | None = None
    ) -> list[NDArray[Any]]:
        """Return tensors for N network inputs, each (N, ...).

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
            return self._run(images, outputs, options)
        chunks = [
            self._run_fixed(images[k : k + self.input.batch], outputs, options)
            for k in range(0, len(images), self.input.batch)
        ]
        return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]

    def run_on_device(
        self, images: NDArray[Any], on_device: str, outputs: Sequence[str], adopt: Callable[[ort.OrtValue], Any]
    ) -> tuple[Any, list[NDArray[Any]]]:
        """Return one tensor for N network inputs where the provider computes it, and others in the host's memory.

        Parameters
        ----------
        adopt
            Makes an array of ONNX Runtime's value, in the same memory.

        Raises
        ------
        InputError, ModelError
            As `run`; or these are more images than the model's batch.
        """
        self._check(images)
        count, images = len(images), self._filled(images)
        binding = self._session.io_binding()
        for name, value in ((self.input.name, np.ascontiguousarray(images)), *self.constants.items()):
            binding.bind_cpu_input(name, value)
        binding.bind_output(on_device, *self.device)
        for name in outputs:
            binding.bind_output(name)
        try:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
        except ORT_ERRORS as error:
            raise failed("the model", f"an input of shape {images.shape}", error) from error
        here, *others = binding.get_outputs()
        values = (adopt(here), *(value.numpy() for value in others))
        mine, *rest = (_by_image(value, len(images))[:count] for value in values)
        return mine, rest

    @property
    def device(self) -> tuple[str, int]:
        """ONNX Runtime's name of the place where the provider computes, and the number of the device."""
        if self.provider != "CUDAExecutionProvider":
            return "cpu", 0
        return "cuda", int(self._session.get_provider_options()[self.provider].get("device_id", 0))

    def _run_fixed(
        self, images: NDArray[Any], outputs: Sequence[str], options: ort.RunOptions | None
    ) -> list[NDArray[Any]]:
        """Run a model with a fixed batch size on at most one batch, filled up with zeros."""
        return [values[: len(images)] for values in self._run(self._filled(images), outputs, options)]

    def _filled(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return a batch of the model's size, if it has one."""
        missing = max(0, (self.input.batch or 0) - len(images))
        return np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)]) if missing else images

    def _run(self, images: NDArray[Any], outputs: Sequence[str], options: ort.RunOptions | None) -> list[NDArray[Any]]:
        feeds = {self.input.name: np.ascontiguousarray(images), **self.constants}
        try:
            values = self._session.run(list(outputs), feeds, options)
        except ORT_ERRORS as error:
            raise failed("the model", f"an input of shape {images.shape}", error) from error
        return [_by_image(np.asarray(value), len(images)) for value in values]

    def _check(self, images: NDArray[Any]) -> None:
        expected = self.input
        shape = (expected.batch and None, *expected.arranged(expected.places))
        if not isinstance(images, np.ndarray):
            raise InputError(f"network input: expected {expected.shape}; got {type(images).__name__}")
        fits = len(shape) == images.ndim and all(a in (None, b) for a, b in zip(shape, images.shape, strict=True))
        if not fits or not images.size or images.dtype != expected.dtype:
            raise InputError(f"network input: expected {expected.shape}; got {images.shape} {images.dtype}")


def _by_image(value: NDArray[Any], images: int) -> NDArray[Any]:
    """Return (N, ...); models of one image may leave the first axis out."""
    if value.ndim and len(value) == images:
        return value
    if images == 1 and value.ndim < 2:
        return value[None]
    raise ModelError(f"expected outputs with one entry for each of {images} images; got shape {value.shape}")


def _only_input(session: ort.InferenceSession, constants: Mapping[str, NDArray[Any]]) -> ImageInput:
    """Return the model's only input, besides the constants."""
    values = [value for value in session.get_inputs() if value.name not in constants]
    if len(values) != 1:
        described = ", ".join(f"{value.name!r} {value.type} {value.shape}" for value in values)
        raise ModelError(f"expected a model with one input, a batch of images; got {len(values)}: {described}")
    return ImageInput.of(values[0].name, values[0].type, values[0].shape)
