"""Execution providers of ONNX Runtime: what the caller wants, what this installation has, why one doesn't start."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import build_and_package_info

from fastcam.errors import BackendError, InputError

Provider = str | tuple[str, dict[str, Any]]

CPU = "CPUExecutionProvider"
ENDING = "ExecutionProvider"
PACKAGES = {
    "CUDA": "onnxruntime-gpu",
    "Tensorrt": "onnxruntime-gpu",
    "Dml": "onnxruntime-directml",
    "OpenVINO": "onnxruntime-openvino",
    "QNN": "onnxruntime-qnn",
    "MIGraphX": "onnxruntime-migraphx",
}
OF_NVIDIA = ("CUDA", "Tensorrt")
DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def wanted_names(providers: Sequence[Provider]) -> list[str]:
    """Return the names of providers, each of which this installation has.

    Raises
    ------
    InputError
        They aren't a list of names, or of names with options, or two are the same.
    BackendError
        One isn't in this installation; says which package has it.
    """
    fits = isinstance(providers, list | tuple) and all(
        isinstance(one, str) or (isinstance(one, tuple) and len(one) == 2 and isinstance(one[1], dict))
        for one in providers
    )
    names = [one if isinstance(one, str) else one[0] for one in providers] if fits else []
    if not names or len(set(names)) < len(names):
        raise InputError(f"providers: expected a list of names or (name, options), no two the same; got {providers!r}")
    available = ort.get_available_providers()
    for name in names:
        if name not in available:
            hint = _where_to_get(name)
            raise BackendError(
                f"providers: expected some of {', '.join(available)}, which {installation()} has; got {name}. {hint}"
            )
    return names


def installation() -> str:
    """Return the package of ONNX Runtime that is imported, with its version.

    Examples
    --------
    >>> installation().split()[0]
    'onnxruntime'
    """
    is_plain = set(ort.get_available_providers()) <= {CPU, "AzureExecutionProvider"}
    return f"{build_and_package_info.package_name} {ort.__version__}{' (CPU build)' if is_plain else ''}"


def why_not_started(name: str) -> str:
    """Return why a provider of this installation doesn't start, as far as that can be found out; else nothing.

    Only for one that ONNX Runtime has tried: its libraries must not be loaded before it does so itself.
    """
    kind = name.removesuffix(ENDING)
    built = getattr(build_and_package_info, "cuda_version", None)
    needs = f"{installation()} is built for CUDA {built}" if kind in OF_NVIDIA and built else installation()
    if failure := _failure_to_load(_library(kind)):
        hint = f". {_where_libraries_are(kind)}" if kind in OF_NVIDIA else ""
        return f"{failure}; {needs}{hint}"
    if kind in OF_NVIDIA and (failure := _failure_of_driver(str(built or ""))):
        return f"{failure}; {needs}. Look at nvidia-smi"
    return ""


def _where_to_get(name: str) -> str:
    kind = name.removesuffix(ENDING)
    package = PACKAGES.get(kind)
    if name not in ort.get_all_providers():
        known = [one for one in ort.get_all_providers() if one.lower().startswith(name.lower())]
        return f"ONNX Runtime knows none of that name{f'; did you mean {known[0]}?' if known else ''}"
    if package is None:
        return "It takes another build of ONNX Runtime"
    try:
        version(package)
    except PackageNotFoundError:
        return f"Install {package} in place of onnxruntime"
    return f"{package} is installed as well, but another package lies over it: uninstall both, then install {package}"


def _where_libraries_are(kind: str) -> str:
    if kind == "Tensorrt":
        return "Install TensorRT, and have the loader find its libraries"
    return "pip install 'onnxruntime-gpu[cuda,cudnn]' has them, which onnxruntime.preload_dlls() loads"


def _library(kind: str) -> Path:
    """Return the path of a provider's own library, where it has one."""
    name = f"onnxruntime_providers_{kind.lower()}"
    folder = Path(build_and_package_info.__file__).parent
    return folder / (f"{name}.dll" if sys.platform == "win32" else f"lib{name}.so")


def _failure_to_load(library: Path) -> str:
    try:
        if library.is_file():
            ctypes.CDLL(str(library))
    except OSError as error:
        return f"its library can't be loaded: {error}"
    return ""


def _failure_of_driver(built: str) -> str:
    """Return what is wrong with NVIDIA's driver, for a CUDA such as "13.0"; nothing if it is fine."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError as error:
        return f"there is no NVIDIA driver: {error}"
    number, count = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(number))
    has = f"{number.value // 1000}.{number.value % 1000 // 10}"
    if built and number.value // 1000 < int(built.split(".")[0]):
        return f"the NVIDIA driver is for CUDA {has}"
    if (code := driver.cuInit(0)) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return f"the NVIDIA driver, for CUDA {has}, finds no device (cuInit: {code})"
    return ""
