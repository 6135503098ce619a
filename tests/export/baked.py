"""Small models to bake, and functions that run and compare baked ones."""

from typing import Any

import numpy as np
import onnxruntime as ort

from tests.model.models import BACKBONE, WEIGHTS, build

HIDDEN = "p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(maps) q = Flatten(p) h = Gemm(q, v) t = Relu(h)"
GENERIC = f"{BACKBONE} {HIDDEN} logits = Gemm<transB = 1>(t, w, b)"


def small(body, **changes):
    """Return the bytes of a model with five classes."""
    return build(body, **{**WEIGHTS, **changes})


def generic(body=GENERIC, **changes):
    """Return the bytes of a model whose head has no class activation maps."""
    return small(body, **{"v": (6 * 64, 6), **changes})


def run(path, **feeds) -> dict[str, Any]:
    """Return outputs by name, from ONNX Runtime alone."""
    session = ort.InferenceSession(str(path))
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, feeds), strict=True))


def network_input(model, photo):
    """Return the network input of a photo."""
    return model.vision.see(photo).network_input


def noise(count=1, side=16):
    """Return random network inputs."""
    return np.random.default_rng(0).standard_normal((count, 3, side, side)).astype(np.float32)


def expect_near(found, expected):
    """Check that values are equal to 1e-5 of the largest."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def nothing_else_in(folder, *names):
    """Check that a folder contains files of those names only."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
