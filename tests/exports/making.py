"""Every export as a task for a pool of processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.exports import derived, keras_models, torch_export, torch_models

Made = list[tuple[str, str]]
Task = Callable[[], Made]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def silence() -> None:
    """Exporters print graphs of thousands of lines when they fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def torch_tasks(folder: Path, wanted: Callable[[str], bool], large: bool) -> list[Task]:
    tasks = []
    for spec in torch_models.specs(large):
        exports = tuple(how for how in spec.exports if wanted(torch_export.file_name(spec, how)))
        if exports:
            tasks.append(partial(run_torch, spec.name, exports, folder, large))
    return tasks


def run_torch(name: str, exports: tuple[str, ...], folder: Path, large: bool) -> Made:
    # The spec itself can't be sent to another process: it may hold functions made in place.
    (spec,) = [spec for spec in torch_models.specs(large) if spec.name == name]
    return torch_export.make(spec, exports, folder)


def keras_tasks(folder: Path, wanted: Callable[[str], bool]) -> list[Task]:
    return [
        partial(run_keras, spec.name, folder)
        for spec in keras_models.specs()
        if any(wanted(f"keras_{spec.name}-{opset}") for opset in spec.opsets)
    ]


def run_keras(name: str, folder: Path) -> Made:
    (spec,) = [spec for spec in keras_models.specs() if spec.name == name]
    return keras_models.make(spec, folder)


def derived_tasks(folder: Path, wanted: Callable[[str], bool]) -> list[Task]:
    here = [(s, t) for s, t in derived.specs() if (folder / f"{s}.json").is_file() and wanted(derived.file_name(s, t))]
    return [partial(derived.make, source, tool, folder) for source, tool in here]


def run_all(tasks: list[Task], workers: int) -> int:
    """Each in its own try; the number of failures."""
    failures = made = 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=silence) as pool:
        for future in as_completed([pool.submit(task) for task in tasks]):
            results: Any = [("a worker", repr(future.exception()))] if future.exception() else future.result()
            for name, failure in results:
                say(f"FAILED  {name}: {failure}" if failure else f"made    {name}")
                failures, made = failures + bool(failure), made + (not failure)
    say(f"{made} made, {failures} failed")
    return failures


def make(folder: Path, wanted: Callable[[str], bool], large: bool, workers: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    failures, start = 0, time.perf_counter()
    if all(map(find_spec, ("torch", "torchvision", "timm", "onnxscript"))):
        failures += run_all(torch_tasks(folder, wanted, large), workers)
    else:
        say("no PyTorch here (torch, torchvision, timm, onnxscript): its models are left out")
    if all(map(find_spec, ("tensorflow", "tf2onnx"))):
        failures += run_all(keras_tasks(folder, wanted), workers)
    else:
        say("no TensorFlow here (tensorflow, tf2onnx): its models are left out")
    if all(map(find_spec, ("sympy", "onnxslim"))):
        failures += run_all(derived_tasks(folder, wanted), workers)
    else:
        say("no tools here (sympy, onnxslim): derived models are left out")
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
    say(f"{time.perf_counter() - start:.0f} s; {size:.1f} GB in {folder}")
    return int(failures > 0)
