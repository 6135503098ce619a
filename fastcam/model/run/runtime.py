"""Sessions of ONNX Runtime for all of fastcam: explicit providers, no spinning threads, errors translated."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Mapping, Sequence
from ctypes import py_object, pythonapi
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from fastcam.arrays.pool import processors
from fastcam.arrays.threads import NATIVE
from fastcam.errors import BackendError, ModelError
from fastcam.model.run.limits import Watch
from fastcam.model.run.providers import CPU, Provider, wanted_names, why_not_started

# ONNX Runtime's exceptions share no base class of their own.
_native = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
ORT_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(_native).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,  # of C++, as when no thread can be started
    ValueError,  # of the bindings, as for names that aren't UTF-8
)

# How ONNX Runtime words an exception: a code, the operator that failed, and a place and a condition in its C++ code.
PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
FAILED = re.compile(
    r"^Non-zero status code .* running (?P<kind>\S+) node\. Name:'(?P<name>.*?)' Status Message: (?P<detail>.*)"
)
CPP = re.compile(r"\S+\.(?:h|hpp|cc|cpp|cu):\d+ (?:[\w:~<>]+\(.*?\)(?: const)? |\w+ )(?:.*? was (?:false|true)\.)?")

FOLDER = "session.model_external_initializers_file_folder_path"
VERSION: str = ort.__version__
SILENT = 4  # the severity of what is fatal


_sessions: weakref.WeakSet[_Session] = weakref.WeakSet()


class _Session(ort.InferenceSession):
    """A session whose runs the end of the interpreter waits for, on any thread."""

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
    providers: Sequence[Provider] = (CPU,),
    threads: int | None = None,
    options: ort.SessionOptions | None = None,
) -> ort.InferenceSession:
    """Open a session over a model's bytes, or its file.

    Parameters
    ----------
    name
        Name of the model, for messages.
    folder
        The folder of the bytes' external data; None when all weights are inside.
    threads
        Threads of one run; None: one for each processor that this process may use.
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
    wanted = wanted_names(providers)
    if options is not None:
        data = data if folder is None or isinstance(data, Path) else _with_weights(data, name, folder)
        folder = None
    settings = options or _session_options(threads)
    try:
        session = _start(data, name, folder, settings, providers)
    except ModelError as error:
        if set(wanted) == {CPU}:
            raise
        _start(data, name, folder, settings, (CPU,))  # which tells whether it is the model that can't be loaded
        raise _not_started(wanted, error.__cause__) from error
    if any(provider not in session.get_providers() for provider in wanted):
        raise _not_started([provider for provider in wanted if provider not in session.get_providers()])
    return session


def _not_started(wanted: Sequence[str], error: BaseException | None = None) -> BackendError:
    """Return the error that one of several providers couldn't be started: the first of which it is known why."""
    reasons = {name: why_not_started(name) for name in wanted if name != CPU}
    name = next((name for name, reason in reasons.items() if reason), next(iter(reasons)))
    said = reason_of(error) if error else "ONNX Runtime took another in its place, and says no more"
    reason = reasons[name] or said
    return BackendError(f"providers: {name} can't be started: {reason}")


def _start(
    data: bytes | Path, name: str, folder: Path | None, settings: ort.SessionOptions, providers: Sequence[Provider]
) -> ort.InferenceSession:
    if folder is not None:
        settings.add_session_config_entry(FOLDER, str(folder.resolve()))
    try:
        given = str(data) if isinstance(data, Path) else data
        return _Session(given, settings, providers=list(providers), enable_fallback=0)
    except ORT_ERRORS as error:
        raise ModelError(f"{name}: ONNX Runtime {ort.__version__} can't load it: {reason_of(error)}") from error


def _with_weights(data: bytes, name: str, folder: Path) -> bytes:
    """Return the model with its external data inside."""
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
    """Open a session for a few runs on the CPU: fast, its weights neither rearranged nor copied.

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
        return _start(data, name, folder, options, (CPU,))
    except ModelError:
        watch.check()
        raise


def as_onnx(data: bytes, name: str) -> bytes:
    """Convert a model in ONNX Runtime's own format (.ort) to ONNX, by ONNX Runtime itself.

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


def silence() -> None:
    """Let ONNX Runtime log nothing, in the whole process; for commands, which are a process of their own."""
    ort.set_default_logger_severity(SILENT)


def _session_options(threads: int | None) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = SILENT  # what goes wrong comes as an exception; nothing is printed
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or processors()
    # Spinning threads of an idle session slow every other session of the process, up to twofold.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def reason_of(error: BaseException) -> str:
    """Return the message of ONNX Runtime's exception, in one line, without places in its own C++ code.

    Examples
    --------
    >>> status = "Status Message: matmul_helper.h:59 Compute MatMul dimension mismatch"
    >>> reason_of(RuntimeError(f"Non-zero status code returned while running MatMul node. Name:'head' {status}"))
    "operator MatMul 'head': MatMul dimension mismatch"
    """
    text = " ".join(str(error).split()) or type(error).__name__
    text = PREFIX.sub("", text)
    failed = FAILED.match(text)
    detail = CPP.sub("", failed["detail"] if failed else text).strip()
    if failed is None:
        return detail
    name = f" {failed['name']!r}" if failed["name"] else ""
    return f"operator {failed['kind']}{name}: {detail or 'it failed'}"


def run_session(
    session: Any, outputs: Sequence[str] | None, feeds: Mapping[str, Any], what: str, on: str
) -> list[NDArray[Any]]:
    """Run a session for some outputs, or all.

    Parameters
    ----------
    what, on
        Names of the model and of what it is run on, for messages.

    Returns
    -------
    list
        Values of the outputs, in order.

    Raises
    ------
    ModelError
        ONNX Runtime failed while running.
    """
    try:
        return session.run(outputs, dict(feeds))
    except ORT_ERRORS as error:
        raise failed(what, on, error) from error


def failed(what: str, on: str, error: Exception) -> ModelError:
    """Return the error of a model, or a part of it, that couldn't be run on something, with the reason."""
    return ModelError(f"{what} failed on {on}: {reason_of(error)}")
