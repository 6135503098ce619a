"""Feature maps to boxes, and to heatmaps and boxes, without the network."""

import numpy as np
import pytest

from benchmarks.cases import BY_NAME, Case, arrays
from benchmarks.contenders import CONTENDERS, limits

OVERLAYS = {"640×480": (480, 640), "1280×720": (720, 1280), "1920×1080": (1080, 1920), "3840×2160": (2160, 3840)}


def made(contender, case, threads):
    found = CONTENDERS[contender]
    if reason := found.missing():
        pytest.skip(reason)
    return found.make(arrays(case), threads)


@pytest.mark.parametrize("contender", [name for name in CONTENDERS if name != "fastcam"])
@pytest.mark.parametrize("case", BY_NAME)
def test_contenders_agree(case, contender):
    """Boxes to a pixel, heatmaps to 1e-4: others interpolate in float64, or with a fused multiply-add."""
    case = BY_NAME[case]
    _, ours = made("fastcam", case, 1)
    boxes, heat = ours()
    _, theirs = made(contender, case, 1)
    other_boxes, other_heat = theirs()
    assert np.abs(boxes - other_boxes).max() <= 1
    assert heat is not None
    assert other_heat is not None
    np.testing.assert_allclose(heat, other_heat, atol=1e-4)


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("case", BY_NAME)
def test_boxes(benchmark, case, contender, threads):
    benchmark.group = f"boxes, {case}, threads: {threads}"
    benchmark(made(contender, BY_NAME[case], threads)[0])


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("case", [name for name, case in BY_NAME.items() if case.batch * case.classes == 1])
def test_heatmaps_and_boxes(benchmark, case, contender, threads):
    benchmark.group = f"heatmaps and boxes, {case}, threads: {threads}"
    benchmark(made(contender, BY_NAME[case], threads)[1])


@pytest.mark.parametrize("limit", ["sgemv", "memset"])
@pytest.mark.parametrize("case", BY_NAME)
def test_limits(benchmark, case, limit, threads):
    benchmark.group = f"limits, {case}, threads: {threads}"
    benchmark(limits(arrays(BY_NAME[case]))[limit])


def opencv_overlay(frame, one):
    import cv2

    levels = np.empty(frame.shape[:2], np.uint8)

    def draw():
        up = cv2.resize(one, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        cv2.normalize(up, levels, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
        return cv2.addWeighted(frame, 0.5, cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), 0.5, 0, dst=frame)

    return draw


def fastcam_overlay(frame, one, threads):
    import fastcam

    return lambda: fastcam.overlay(frame, one, out=frame, threads=threads)


@pytest.mark.parametrize("contender", ["fastcam", "OpenCV"])
@pytest.mark.parametrize("size", OVERLAYS)
def test_overlay(benchmark, size, contender, threads):
    """A map in colours over a frame, in place."""
    case = Case(8, (7, 7), OVERLAYS[size])
    one = arrays(case).feature_maps[0, 0]
    frame = np.random.default_rng(0).integers(0, 256, (*OVERLAYS[size], 3)).astype(np.uint8)
    if contender == "OpenCV":
        pytest.importorskip("cv2")
    benchmark.group = f"overlay, 7×7 → {size}, threads: {threads}"
    benchmark(opencv_overlay(frame, one) if contender == "OpenCV" else fastcam_overlay(frame, one, threads))
