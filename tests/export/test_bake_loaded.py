"""Baked files, opened by fastcam again as the original model, with the logits that their metadata name."""

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.cli import main
from fastcam.evaluate import randomized_models
from fastcam.export.baked_model import bake
from fastcam.model.head.head import Head
from tests.export.baked import generic, small
from tests.model.models import BACKBONE, build

PHOTO = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
CAM = small(f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)")
KINDS = {
    "top": (CAM, {}),
    "given": (CAM, {}),
    "all": (CAM, {}),
    "top by gradient": (generic(), {}),
    "given by gradient": (generic(), {}),
}


def baked(folder, data, classes, **options):
    return bake(data, folder / "baked.onnx", classes=classes, **options).path


@pytest.mark.parametrize("kind", KINDS)
def test_a_baked_model_is_the_one_that_it_was_made_of(tmp_path, capsys, kind):
    data, _ = KINDS[kind]
    path, model = baked(tmp_path, data, kind.split()[0], size="input"), fastcam.load(data)
    again = fastcam.load(path)
    assert again.head.describe() == model.head.describe()
    assert (again.outputs, again.input) == (model.outputs, model.input)
    for method in ("auto", "gradcam", "scorecam", "saliency"):
        expected, found = (one.explain(PHOTO, top=2, method=method) for one in (model, again))
        np.testing.assert_array_equal(found.logits, expected.logits)
        np.testing.assert_allclose(found.activation_maps, expected.activation_maps, atol=1e-6)
    again.head.save(tmp_path / "head.npz")
    known = fastcam.load(path, head=Head.load(tmp_path / "head.npz"))
    np.testing.assert_array_equal(known.explain(PHOTO).activation_maps, model.explain(PHOTO).activation_maps)
    assert main(["inspect", str(path)]) == 0
    assert f"outputs     {', '.join(map(repr, model.outputs))}\n" in capsys.readouterr().out


@pytest.mark.parametrize("output", ["first", "second"])
def test_of_several_heads_it_is_the_one_that_was_baked(tmp_path, output):
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) first = MatMul(q, w) second = MatMul(q, v)"
    data = build(body, outputs="float[N, 4] first, float[N, 7] second", k=(6, 3, 3, 3), w=(6, 4), v=(6, 7))
    with pytest.raises(fastcam.HeadNotFoundError, match="2 heads fit"):
        fastcam.load(data)
    path = baked(tmp_path, data, "top", output=output)
    assert fastcam.load(path).head.classes == {"first": 4, "second": 7}[output]
    assert fastcam.load(path, output="first").head.classes == 4


def test_the_class_may_still_be_given(tmp_path):
    path = baked(tmp_path, CAM, "given")
    model = fastcam.load(path, constants={"class_index": np.array([3])})
    np.testing.assert_array_equal(model.explain(PHOTO).logits, fastcam.load(CAM).explain(PHOTO).logits)


def test_random_weights_are_those_of_the_model(tmp_path):
    models = [fastcam.load(baked(tmp_path, CAM, "given"))]
    (tmp_path / "model.onnx").write_bytes(CAM)
    models.append(fastcam.load(tmp_path / "model.onnx"))
    names, expected = ([(name, other.head.kind) for name, other in randomized_models(model)] for model in models)
    assert [kind for _, kind in names] == [kind for _, kind in expected]


def test_what_is_baked_is_not_baked_again(tmp_path):
    for classes in ("top", "given", "all"):
        with pytest.raises(InputError, match="Is it baked already"):
            bake(bake(CAM, tmp_path / f"{classes}.onnx", classes=classes).path, tmp_path / "again.onnx")


def test_outputs_of_those_names_in_other_files_are_outputs():
    """Names alone, without the metadata, mean nothing."""
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) class_index = Gemm<transB = 1>(q, w, b)"
    assert fastcam.load(build(body, outputs="float[N, 5] class_index", k=(6, 3, 3, 3), w=(5, 6), b=(5,))).outputs == (
        "class_index",
    )
