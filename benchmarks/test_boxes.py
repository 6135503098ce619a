"""Feature maps to box, without the network: fastcam against what people would use instead."""

import numpy as np
import pytest

from benchmarks.contenders import CASES, CONTENDERS, case


@pytest.mark.parametrize("name", CASES)
def test_contenders_agree(name):
    """To a pixel: scikit-image interpolates in float64, OpenCV with a fused multiply-add."""
    boxes = {contender: function(*case(name)) for contender, function in CONTENDERS.items()}
    for contender, box in boxes.items():
        assert np.abs(np.subtract(box, boxes["fastcam"])).max() <= 1, (contender, boxes)


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("name", CASES)
def test_box(benchmark, name, contender):
    arguments = case(name)
    benchmark.group = name
    benchmark(CONTENDERS[contender], *arguments)
