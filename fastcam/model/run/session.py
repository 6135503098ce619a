"""A model that runs: network input in, logits and feature maps out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from fastcam.arrays.devices import cupy_module, is_on_device
from fastcam.errors import InputError, ModelError
from fastcam.images.inputs import ImageInput
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.providers import Provider
from fastcam.model.run.runtime import ORT_ERRORS, failed, open_session


@dataclass(frozen=True)
class Opening:
    """The caller's options for running a model. `constants` are the values of its other inputs."""

    providers: Sequence[Provider] = ("CPUExecutionProvider",)
    threads: int | None = None
    options: ort.SessionOptions | None = None
    constants: Constants = field(default_factory=dict)


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
        constants: Constants | None = None,
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
        self,
        images: Any,
        outputs: Sequence[str],
        options: ort.RunOptions | None = None,
        constants: Constants = AS_LOADED,
    ) -> list[NDArray[Any]]:
        """Return tensors for N network inputs, each (N, ...).

        Parameters
        ----------
        images
            In the input's own layout, dtype and size; where the provider is CUDA's, CuPy's arrays as well.
        outputs
            Names, out of those that the session was opened for.
        constants
            Values of other inputs, in place of those that the session was opened with.

        Raises
        ------
        InputError
            Another shape or dtype than the model takes.
        ModelError
            ONNX Runtime failed while running.
        """
        self._check(images)
        if not self.input.batch:
            return self._run(images, outputs, options, constants)
        chunks = [
            self._run_fixed(images[k : k + self.input.batch], outputs, options, constants)
            for k in range(0, len(images), self.input.batch)
        ]
        return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]

    def run_on_device(
        self,
        images: Any,
        on_device: str,
        outputs: Sequence[str],
        adopt: Callable[[ort.OrtValue], Any],
        constants: Constants = AS_LOADED,
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
        images, binding = _contiguous(images), self._session.io_binding()
        self._bind(binding, images, constants)
        binding.bind_output(on_device, *self.device)
        for name in outputs:
            binding.bind_output(name)
        here, *others = self._run_bound(binding, images.shape)
        values = (adopt(here), *(value.numpy() for value in others))
        mine, *rest = (_by_image(value, len(images))[:count] for value in values)
        return mine, rest

    @property
    def device(self) -> tuple[str, int]:
        """ONNX Runtime's name of the place where the provider computes, and the number of the device."""
        if self.provider != "CUDAExecutionProvider":
            return "cpu", 0
        return "cuda", int(self._session.get_provider_options()[self.provider].get("device_id", 0))

    def _bind(self, binding: ort.IOBinding, images: Any, constants: Constants) -> None:
        """Bind all inputs: images where they are, constants from the host's memory."""
        if isinstance(images, np.ndarray):
            binding.bind_cpu_input(self.input.name, images)
        else:
            cupy_module().cuda.get_current_stream().synchronize()  # ONNX Runtime has a stream of its own
            binding.bind_input(self.input.name, *self.device, images.dtype, images.shape, images.data.ptr)
        for name, value in {**self.constants, **constants}.items():
            binding.bind_cpu_input(name, value)

    def _run_bound(self, binding: ort.IOBinding, shape: tuple[int, ...]) -> Sequence[ort.OrtValue]:
        """Run what is bound, and return the outputs in the order in which they were."""
        try:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
        except ORT_ERRORS as error:
            raise failed("the model", f"an input of shape {shape}", error) from error
        return binding.get_outputs()

    def _run_fixed(
        self, images: Any, outputs: Sequence[str], options: ort.RunOptions | None, constants: Constants
    ) -> list[NDArray[Any]]:
        """Run a model with a fixed batch size on at most one batch, filled up with zeros."""
        return [values[: len(images)] for values in self._run(self._filled(images), outputs, options, constants)]

    def _filled(self, images: Any) -> Any:
        """Return a batch of the model's size, if it has one."""
        missing, xp = max(0, (self.input.batch or 0) - len(images)), _library(images)
        return xp.concatenate([images, xp.zeros((missing, *images.shape[1:]), images.dtype)]) if missing else images

    def _run(
        self, images: Any, outputs: Sequence[str], options: ort.RunOptions | None, constants: Constants
    ) -> list[NDArray[Any]]:
        images = _contiguous(images)
        if isinstance(images, np.ndarray):
            feeds = {self.input.name: images, **self.constants, **constants}
            try:
                values = self._session.run(list(outputs), feeds, options)
            except ORT_ERRORS as error:
                raise failed("the model", f"an input of shape {images.shape}", error) from error
        else:
            binding = self._session.io_binding()
            self._bind(binding, images, constants)
            for name in outputs:
                binding.bind_output(name)
            values = [value.numpy() for value in self._run_bound(binding, images.shape)]
        return [_by_image(np.asarray(value), len(images)) for value in values]

    def _check(self, images: Any) -> None:
        expected = self.input
        shape = (None, *expected.arranged(expected.places))
        if not isinstance(images, np.ndarray) and not (is_on_device(images) and self.device[0] == "cuda"):
            raise InputError(f"network input: expected {expected.shape}; got {type(images).__name__}")
        fits = len(shape) == images.ndim and all(a in (None, b) for a, b in zip(shape, images.shape, strict=True))
        if not fits or not images.size or images.dtype != expected.dtype:
            raise InputError(f"network input: expected {expected.shape}; got {images.shape} {images.dtype}")


def _library(images: Any) -> Any:
    """Return NumPy, or CuPy for images on a device."""
    return np if isinstance(images, np.ndarray) else cupy_module()


def _contiguous(images: Any) -> Any:
    """Return images as ONNX Runtime reads them, copied only where their axes are in another order in memory."""
    return images if images.flags.c_contiguous else _library(images).ascontiguousarray(images)


def _by_image(value: NDArray[Any], images: int) -> NDArray[Any]:
    """Return (N, ...); models of one image may leave the first axis out."""
    if value.ndim and len(value) == images:
        return value
    if images == 1 and value.ndim < 2:
        return value[None]
    raise ModelError(f"expected outputs with one entry for each of {images} images; got shape {value.shape}")


def _only_input(session: ort.InferenceSession, constants: Constants) -> ImageInput:
    """Return the model's only input, besides the constants."""
    values = [value for value in session.get_inputs() if value.name not in constants]
    if len(values) != 1:
        described = ", ".join(f"{value.name!r} {value.type} {value.shape}" for value in values)
        raise ModelError(f"expected a model with one input, a batch of images; got {len(values)}: {described}")
    return ImageInput.of(values[0].name, values[0].type, values[0].shape)
