"""Threads for all libraries at once, and the description of the machine in result files."""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import pytest
from threadpoolctl import threadpool_limits

PACKAGES = (
    *("fastcam", "numpy", "numba", "onnxruntime", "scikit-image", "opencv-python-headless"),
    *("connected-components-3d", "torch", "torchcam", "grad-cam", "openvino-xai"),
)
ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(params=sorted({1, ALL}), ids="{}-threads".format)
def threads(request):
    """The number of threads of each contender: of BLAS, OpenCV, PyTorch, and of fastcam by its argument."""
    count, restore = request.param, []
    if find_spec("cv2"):
        import cv2

        restore.append((cv2.setNumThreads, cv2.getNumThreads()))
        cv2.setNumThreads(count)
    if find_spec("torch"):
        import torch

        restore.append((torch.set_num_threads, torch.get_num_threads()))
        torch.set_num_threads(count)
    with threadpool_limits(count):
        yield count
    for function, before in restore:
        function(before)


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def pytest_benchmark_update_machine_info(machine_info):
    """Keep what matters for the numbers, without the machine's name."""
    cpu = machine_info.get("cpu", {})
    versions = {package: found for package in PACKAGES if (found := installed(package))}
    machine_info.clear()
    machine_info |= {
        "processor": f"{cpu.get('brand_raw', platform.machine())}, {ALL} processors",
        "python": platform.python_version(),
        "system": sys.platform,
        "versions": versions,
    }


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Keep the values that the report reads."""
    output_json.pop("commit_info", None)
    for one in output_json["benchmarks"]:
        stats = {key: one["stats"][key] for key in ("min", "median", "rounds", "iterations")}
        kept = {"group": one["group"], "params": one["params"], "stats": stats}
        kept |= {"extra_info": one["extra_info"]} if one["extra_info"] else {}
        one.clear()
        one |= kept
