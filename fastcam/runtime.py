"""How ONNX Runtime is opened, everywhere in fastcam: explicit providers, no spinning threads, its errors translated."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from ctypes import py_object, pythonapi
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnxruntime as ort

from fastcam.errors import BackendError, InputError, ModelError
from fastcam.pool import processors
from fastcam.threads import NATIVE
from fastcam.watch import Watch

# ONNX Runtime's exceptions share no base class of their own.
_native = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
ORT_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(_native).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,  # of C++, as when no thread can be started
    ValueError,  # of the bindings, as for names that aren't UTF-8
)

FOLDER = "session.model_external_initializers_file_folder_path"
VERSION: str = ort.__version__
Provider = str | tuple[str, dict[str, Any]]


_sessions: weakref.WeakSet[_Session] = weakref.WeakSet()


class _Session(ort.InferenceSession):
    """One whose runs the end of the interpreter waits for, whatever thread they are on."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        with NATIVE:
            super().__init__(*arguments, **options)
        _sessions.add(self)

    def run(self, *arguments: Any, **options: Any) -> Any:
        with NATIVE:
            return super().run(*arguments, **options)

    def run_with_iobinding(self, *arguments: Any, **options: Any) -> None:
        with NATIVE:
            super().run_with_iobinding(*arguments, **options)


def _keep() -> None:
    """Keep sessions for ever that a forked child inherits: their end would wait for threads that aren't there."""
    for session in list(_sessions):
        pythonapi.Py_IncRef(py_object(session))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)


def open_session(
    data: bytes | Path,
    *,
    name: str,
    folder: Path | None = None,
    providers: Sequence[Provider] = ("CPUExecutionProvider",),
    threads: int | None = None,
    options: ort.SessionOptions | None = None,
) -> ort.InferenceSession:
    """A session over a model's bytes, or its file.

    Parameters
    ----------
    name
        Of the model, for messages.
    folder
        Where bytes' external data lies; None when all weights are inside.
    threads
        Of one run; None: one for each processor that this process may use.
    options
        The caller's, used as they are instead of the ones made here: weights are then put inside the model, since where
        they lie would have to be written into his options.

    Raises
    ------
    BackendError
        A provider isn't there, or ONNX Runtime fell back to another.
    ModelError
        ONNX Runtime can't load the model.
    """
    _check_providers(providers)
    wanted = [provider if isinstance(provider, str) else provider[0] for provider in providers]
    if missing := [provider for provider in wanted if provider not in ort.get_available_providers()]:
        raise BackendError(
            f"providers: expected some of {ort.get_available_providers()}, which this onnxruntime has; got {missing}. "
            "Install the build of onnxruntime that has it (onnxruntime-gpu for CUDA, in place of onnxruntime)"
        )
    if options is None:
        session = _start(data, name, folder, _session_options(threads), providers)
    else:
        whole = data if folder is None or isinstance(data, Path) else _with_weights(data, name, folder)
        session = _start(whole, name, None, options, providers)
    if fallen := [provider for provider in wanted if provider not in session.get_providers()]:
        raise BackendError(
            f"providers: expected {wanted}; got {session.get_providers()}: {fallen} could not be started. "
            "Look at ONNX Runtime's own message for the library or driver that is missing"
        )
    return session


def _start(
    data: bytes | Path, name: str, folder: Path | None, settings: ort.SessionOptions, providers: Sequence[Provider]
) -> ort.InferenceSession:
    if folder is not None:
        settings.add_session_config_entry(FOLDER, str(folder.resolve()))
    try:
        given = str(data) if isinstance(data, Path) else data
        return _Session(given, settings, providers=list(providers), enable_fallback=0)
    except ORT_ERRORS as error:
        raise ModelError(f"{name}: ONNX Runtime {ort.__version__} can't load it: {_first_line(error)}") from error


def _with_weights(data: bytes, name: str, folder: Path) -> bytes:
    """The model with its external data inside."""
    import onnx

    model = onnx.ModelProto.FromString(data)
    try:
        onnx.load_external_data_for_model(model, str(folder))
        return model.SerializeToString()
    except Exception as error:  # of onnx.checker, or of protobuf above 2 GB
        raise ModelError(
            f"{name}: its external data can't be put inside, as session_options of your own ask for ({error})"
        ) from error


def open_for_probing(
    data: bytes, *, name: str, folder: Path | None = None, watch: Watch, fold: bool = False
) -> ort.InferenceSession:
    """A session for a few runs on the CPU: opened fast, its weights neither rearranged nor copied.

    Parameters
    ----------
    fold
        Compute what is constant once, not in every run; for a session that is run often.

    Raises
    ------
    ModelError
        As `open_session`; or the watch's limit was met.
    """
    options, levels = _session_options(None), ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_BASIC if fold else levels.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.disable_prepacking", "1")
    watch.guard(options)
    try:
        if watch.session_options is not None:
            return open_session(data, name=name, folder=folder, options=watch.session_options)
        return _start(data, name, folder, options, ("CPUExecutionProvider",))
    except ModelError:
        watch.check()
        raise


def as_onnx(data: bytes, name: str) -> bytes:
    """A model in ONNX Runtime's own format (.ort), as ONNX Runtime itself writes it in ONNX.

    Raises
    ------
    ModelError
        ONNX Runtime can't load it.
    """
    options = _session_options(1)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ONNX")
    with TemporaryDirectory(prefix="fastcam-") as folder:
        file = Path(folder) / "model.onnx"
        options.optimized_model_filepath = str(file)
        open_session(data, name=name, options=options)
        return file.read_bytes()


def _check_providers(providers: Sequence[Provider]) -> None:
    """A list of names, or of names with options."""
    fits = isinstance(providers, list | tuple) and all(
        isinstance(one, str) or (isinstance(one, tuple) and len(one) == 2 and isinstance(one[1], dict))
        for one in providers
    )
    if (
        not fits
        or not providers
        or len({one if isinstance(one, str) else one[0] for one in providers}) < len(providers)
    ):
        raise InputError(f"providers: expected a list of names or (name, options), no two the same; got {providers!r}")


def _session_options(threads: int | None) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong comes as an exception; nothing is printed
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or processors()
    # Spinning threads of an idle session slow every other session of the process, up to twofold.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
