"""Feature maps to box, without the network: fastcam against what people would use instead."""

import os

import cv2
import numpy as np
import pytest

from benchmarks.contenders import CASES, CONTENDERS, case


@pytest.fixture(params=[1, os.cpu_count()], ids="{}-threads".format)
def threads(request):
    """OpenCV's; fastcam and scikit-image use one here in any case."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(request.param)
    yield request.param
    cv2.setNumThreads(before)


@pytest.mark.parametrize("name", CASES)
def test_contenders_agree(name):
    """To a pixel: scikit-image interpolates in float64, OpenCV with a fused multiply-add."""
    boxes = {contender: function(*case(name)) for contender, function in CONTENDERS.items()}
    for contender, box in boxes.items():
        assert np.abs(np.subtract(box, boxes["fastcam"])).max() <= 1, (contender, boxes)


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("name", CASES)
def test_box(benchmark, name, contender, threads):
    arguments = case(name)
    benchmark.group = f"{name}, threads: {threads}"
    benchmark(CONTENDERS[contender], *arguments)
