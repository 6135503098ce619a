"""Maps of signals and volumes among the outputs of a model."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam.export import bake
from tests.model.ranks import SIZES, array, network


def run(path, **feeds) -> dict[str, Any]:
    session = ort.InferenceSession(str(path))
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("tail", ["cam", "cam-spatial", "pool-nonlinear"])
def test_baked_maps_are_those_of_explain(rank, tail, tmp_path):
    made = bake(network(rank, tail).model, tmp_path / "baked.onnx", method="auto")
    assert made.deviation < 1e-5
    tensor = np.moveaxis(array(rank), -1, 0)[None]
    outputs = run(made.path, image=tensor)
    expected = fastcam.load(network(rank, tail).model, preprocess="raw").explain(array(rank))
    np.testing.assert_array_equal(outputs["class_index"], expected.class_index[0])
    scale = np.abs(expected.activation_maps).max()
    np.testing.assert_allclose(outputs["activation_maps"], expected.activation_maps, atol=1e-5 * scale)


@pytest.mark.parametrize("rank", [1, 3])
def test_upsampled_and_scaled(rank, tmp_path):
    """Linear along each axis with half-pixel centres, as `heatmaps`, at a size of one's own and the input's."""
    size = tuple(side + 3 for side in SIZES[rank])
    tensor = np.moveaxis(array(rank), -1, 0)[None]
    maps = fastcam.load(network(rank).model, preprocess="raw").explain(array(rank)).activation_maps
    wanted: Any
    for wanted, sides in ((size, size), ("input", SIZES[rank])):
        made = bake(network(rank).model, tmp_path / "baked.onnx", size=wanted, normalize=True, force=True)
        found = run(made.path, image=tensor)["activation_maps"]
        np.testing.assert_allclose(found, fastcam.heatmaps(maps, sides), atol=1e-5)
    with pytest.raises(fastcam.InputError, match="size: expected as many sides as the places of the model's input"):
        bake(network(rank).model, tmp_path / "other.onnx", size=(8, 8))


@pytest.mark.parametrize("rank", [1, 3])
def test_open_sizes(rank, tmp_path):
    """CAM leaves the size open; a gradient is written for one."""
    network_of = network(rank, is_open=True).model
    made = bake(network_of, tmp_path / "cam.onnx", input_size=SIZES[rank])
    larger = np.moveaxis(array(rank, size=tuple(side + 8 for side in SIZES[rank])), -1, 0)[None]
    model = fastcam.load(network_of, preprocess="raw")
    expected = model.explain(tensors=larger).activation_maps
    np.testing.assert_allclose(run(made.path, image=larger)["activation_maps"], expected, atol=1e-5)
    made = bake(network(rank, "gap-nonlinear", is_open=True).model, tmp_path / "grad.onnx", input_size=SIZES[rank])
    assert made.method == "gradcam"
    assert made.notes[0] == f"images of {'×'.join(map(str, SIZES[rank]))} only: the gradient is written for it"
