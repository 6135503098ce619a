"""The examples, on real models and photos. The test of Ray Data is in test_worker."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
checkout = pytest.mark.skipif(not EXAMPLES.exists(), reason="only in a checkout")


@checkout
def test_new_concepts(shared, tmp_path):
    """Persons are recognised better than by a constant answer, after 32 photos."""
    main = runpy.run_path(str(EXAMPLES / "new_concepts.py"))["main"]
    model, out = shared / "models" / "mobilenet_v1_0.25_128_fp32_nhwc.onnx", tmp_path / "person.png"
    accuracy = main(str(model), str(shared / "photos" / "coco"), str(out), "64")
    assert accuracy["whole photos"] > accuracy["always the same"]
    assert 0.5 < accuracy["with crops"] <= 1
    with Image.open(out) as picture:
        assert np.asarray(picture).shape[2] == 3
