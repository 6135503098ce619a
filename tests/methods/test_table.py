"""Records of methods: one more is all that a new method needs."""

import contextlib
import io

import numpy as np
import pytest

import fastcam
from fastcam import InputError, cli
from fastcam.methods import METHODS, WeighingMethod, names
from tests.methods import docs
from tests.model.models import classifier

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)


def positive(feature_maps, gradients):
    """Weights (M, C): the share of a channel's places where the gradient is positive."""
    return (gradients > 0).mean(axis=(2, 3), dtype=np.float32)


TOY = WeighingMethod(name="toycam", formula="`mean_xy 1[g_k > 0]`", paper="Nobody 2026", weigh=positive)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(METHODS, TOY.name, TOY)
    return TOY


def help_of(command):
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit):
        cli.main([command, "--help"])
    return " ".join(out.getvalue().split())


def test_a_record_is_all_that_a_method_needs(toy):
    model = fastcam.load(classifier(), preprocess="unit,fit=stretch")
    found = model.explain(PHOTO, top=2, method="toycam")
    assert (found.method, found.how) == ("toycam", "closed form")
    _, maps = model.run(model.vision.see(PHOTO).network_input)
    weights = (model.head.class_weights[found.class_index[0]] > 0).astype(np.float32)
    expected = np.maximum(np.einsum("mc,chw->mhw", weights, maps[0]), 0)
    np.testing.assert_allclose(found.activation_maps[0], expected, rtol=1e-5, atol=1e-6)
    assert found.activation_maps.any()
    at_layer = model.explain(PHOTO, method="toycam", layer=model.head.feature_maps)
    assert at_layer.how.startswith("forward and backward in one graph")
    assert "toycam" in fastcam.methods.METHODS
    assert "toycam" in names(WeighingMethod)


def test_a_record_is_in_the_help_the_documentation_and_the_messages(toy):
    for command in ("explain", "video"):
        assert "toycam" in help_of(command)
    assert "| `toycam` | `mean_xy 1[g_k > 0]` | Nobody 2026 |" in docs.written(docs.PAGE.read_text(encoding="utf-8"))
    with pytest.raises(InputError, match="method: expected one of auto, cam, gradcam, .*, toycam; got 'CAM'"):
        fastcam.load(classifier(), preprocess="unit").explain(PHOTO, method="CAM")


def test_the_documentation_has_the_records():
    """Write it anew by `python -m tests.methods.docs`."""
    page = docs.PAGE.read_text(encoding="utf-8")
    assert docs.written(page) == page


def test_names_are_those_of_the_records():
    assert list(METHODS) == [method.name for method in METHODS.values()]
    assert len(METHODS) == 19
    assert all(method.paper and method.formula for method in METHODS.values())
