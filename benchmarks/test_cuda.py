"""The CUDA engine against CuPy's own functions, PyTorch on the device, and a copy of the bytes to be read and written.

Needs a device; without one every case is skipped. Times are those of the device, between two events, for 50 calls: a
CUDA graph of them where they can be captured, so that the host's part doesn't count.
"""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import fastcam

cupy: Any = pytest.importorskip("cupy")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not cupy.is_available(), reason="no CUDA device")]

# images × (C, h, w) → (H, W), classes
CASES = {
    "256 × 2048×7×7 → 224×224": (256, 2048, 7, 7, 224, 224, 1),
    "32 × 2048×7×7 → 224×224": (32, 2048, 7, 7, 224, 224, 1),
    "1 × 2048×7×7 → 1920×1080": (1, 2048, 7, 7, 1080, 1920, 1),
    "32 × 1280×7×7 → 1280×720, 5 classes": (32, 1280, 7, 7, 720, 1280, 5),
    "8 × 1024×14×14 → 448×448": (8, 1024, 14, 14, 448, 448, 1),
}
CALLS = 50


class Given:
    """The arrays of a case, on the device."""

    def __init__(self, case: str) -> None:
        n, channels, h, w, height, width, classes = CASES[case]
        rng = cupy.random.default_rng(0)
        self.features = rng.standard_normal((n, channels, h, w), dtype=np.float32)
        self.weights = rng.standard_normal((1000, channels), dtype=np.float32)
        self.index = cupy.asarray(np.random.default_rng(1).integers(0, 1000, (n, classes)))
        self.size = (height, width)


def by_fastcam_boxes(given: Given) -> Callable[[], Any]:
    return lambda: fastcam.localize(given.features, given.weights, given.index, given.size).xyxy


def by_fastcam_heatmaps(given: Given) -> Callable[[], Any]:
    n, m = given.index.shape
    out = cupy.empty((n, m, *given.size), np.float32)

    def run() -> Any:
        return fastcam.heatmaps(
            fastcam.activation_maps(given.features, given.weights, given.index), given.size, out=out
        )

    return run


def by_cupy_maps(given: Given) -> Any:
    n, channels, h, w = given.features.shape
    rows = given.weights[given.index]
    return cupy.matmul(rows, given.features.reshape(n, channels, h * w)).reshape(n, -1, h, w)


def by_cupy_heatmaps(given: Given) -> Callable[[], Any]:
    from cupyx.scipy.ndimage import zoom

    def run() -> Any:
        maps = by_cupy_maps(given)
        factors = (1, 1, given.size[0] / maps.shape[2], given.size[1] / maps.shape[3])
        large = zoom(maps, factors, order=1, mode="nearest", grid_mode=True)
        low, high = large.min((2, 3), keepdims=True), large.max((2, 3), keepdims=True)
        return (large - low) / (high - low)

    return run


def by_cupy_boxes(given: Given) -> Callable[[], Any]:
    from cupyx.scipy.ndimage import label, zoom

    def run() -> Any:
        maps = by_cupy_maps(given)
        factors = (1, 1, given.size[0] / maps.shape[2], given.size[1] / maps.shape[3])
        large = zoom(maps, factors, order=1, mode="nearest", grid_mode=True)
        masks = large > 0.2 * large.max((2, 3), keepdims=True)
        boxes = cupy.zeros((*masks.shape[:2], 4), np.int32)
        for n, m in np.ndindex(*masks.shape[:2]):
            labels, _ = label(masks[n, m], cupy.ones((3, 3)))
            areas = cupy.bincount(labels.ravel())
            inside = labels == 1 + areas[1:].argmax()
            ys, xs = cupy.flatnonzero(inside.any(1)), cupy.flatnonzero(inside.any(0))
            boxes[n, m] = cupy.stack([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])
        return boxes

    return run


def by_pytorch_heatmaps(given: Given) -> Callable[[], Any]:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    features, weights = torch.from_dlpack(given.features), torch.from_dlpack(given.weights)
    index = torch.from_dlpack(given.index)

    def run() -> Any:
        maps = torch.einsum("nchw,nmc->nmhw", features, weights[index])
        large = torch.nn.functional.interpolate(maps, given.size, mode="bilinear")
        low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
        return (large - low) / (high - low)

    return run


def copy_of(size: int) -> Callable[[], Any]:
    """Return a copy that reads and writes a number of bytes."""
    source, target = cupy.ones(size, np.uint8), cupy.empty(size, np.uint8)
    return lambda: cupy.copyto(target, source)


def by_copy_boxes(given: Given) -> Callable[[], Any]:
    """Copy half the size of the features, which takes as long as one read of all of them."""
    return copy_of(given.features.nbytes // 2)


def by_copy_heatmaps(given: Given) -> Callable[[], Any]:
    """Copy the bytes of one read of the features and one write of the heatmaps."""
    return copy_of((given.features.nbytes + 4 * given.index.size * given.size[0] * given.size[1]) // 2)


TASKS = {
    "boxes": {"fastcam": by_fastcam_boxes, "copy": by_copy_boxes, "CuPy": by_cupy_boxes},
    "heatmaps": {
        "fastcam": by_fastcam_heatmaps,
        "copy": by_copy_heatmaps,
        "CuPy": by_cupy_heatmaps,
        "PyTorch": by_pytorch_heatmaps,
    },
}


def describe_device() -> dict[str, Any]:
    device = cupy.cuda.Device()
    properties = cupy.cuda.runtime.getDeviceProperties(device.id)
    return {
        "name": properties["name"].decode(),
        "clock, MHz": properties.get("clockRate", 0) / 1000,
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "torch": bool(find_spec("torch")),
    }


def repeated(run: Callable[[], Any], calls: int) -> tuple[Callable[[], None], bool]:
    """Return a function of several calls, and whether they are one CUDA graph, free of the host's time."""
    stream = cupy.cuda.get_current_stream()
    try:
        stream.begin_capture()
        kept = [run() for _ in range(calls)]
        graph = stream.end_capture()
    except Exception:  # CuPy's own functions wait, or ask how many labels there are
        if stream.is_capturing():
            stream.end_capture()

        def one_by_one() -> None:
            for _ in range(calls):
                run()

        return one_by_one, False

    def at_once() -> None:
        graph.launch(stream)
        assert kept  # the graph writes into them

    return at_once, True


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("task", "contender"), [(task, name) for task in TASKS for name in TASKS[task]])
def test_cuda(benchmark, task, contender, case):
    run = TASKS[task][contender](Given(case))
    times = []
    with cupy.cuda.Stream(non_blocking=True) as stream:
        run()
        run()
        calls = CALLS if benchmark.enabled else 1
        calls_of_it, captured = repeated(run, calls)
        assert captured or contender != "fastcam"

        def timed() -> None:
            start, stop = cupy.cuda.Event(), cupy.cuda.Event()
            start.record(stream)
            calls_of_it()
            stop.record(stream)
            stop.synchronize()
            times.append(1000 * cupy.cuda.get_elapsed_time(start, stop) / calls)

        benchmark.group = f"cuda {task}, {case}"
        benchmark.pedantic(timed, rounds=10 if benchmark.enabled else 1, warmup_rounds=1)
    benchmark.extra_info["device, µs"] = {"median": float(np.median(times[1:])), "min": min(times[1:])}
    benchmark.extra_info["captured"] = captured
    benchmark.extra_info["device"] = describe_device()
