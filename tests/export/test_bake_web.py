"""Baked models in ONNX Runtime for browsers, under Node.js: the same maps without Python."""

import numpy as np
import pytest

import fastcam
from fastcam.export.baked_model import bake
from tests.export import web
from tests.export.baked import expect_near, network_input


@pytest.fixture(scope="module", autouse=True)
def there():
    try:
        web.package()
    except web.NotThereError as error:
        pytest.skip(str(error))


def test_the_best_class_of_a_photo(load_real, photos, tmp_path):
    model = load_real("cifar10_resnet20")
    bake(model.path, tmp_path / "b.onnx", head=model.head, size="input")
    found = web.run(tmp_path / "b.onnx", input=network_input(model, photos[3]))
    expected = model.explain(photos[3])
    assert found["class_index"].tolist() == expected.class_index[0].tolist()
    np.testing.assert_allclose(found["logits"], expected.logits, rtol=1e-4, atol=1e-4)
    expect_near(found["activation_maps"], fastcam.heatmaps(expected.activation_maps, (32, 32), normalize=False))


def test_the_gradient_of_a_given_class(shared, photos, tmp_path):
    path = shared / "models" / "mnist_cnn_flatten_fc.onnx"
    model = fastcam.load(path, preprocess="unit,fit=stretch,channels=grey")
    bake(path, tmp_path / "b.onnx", head=model.head, classes="given")
    given = {model.input.name: network_input(model, photos[0]), "class_index": np.array([8])}
    found = web.run(tmp_path / "b.onnx", **given)
    expect_near(found["activation_maps"], model.explain(photos[0], class_index=8).activation_maps)
