"""Maps at tensors of the caller's choice: any depth, several at once, as names of tensors or of operators."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from fastcam import InputError
from fastcam.classifier.steady import Steady
from fastcam.errors import GradientError
from fastcam.methods import layercam
from fastcam.methods.attribution import seeds
from tests.methods.masks import weighing
from tests.model.models import BACKBONE, TOKENS, build, class_token

PHOTO = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


def tensors(path, operator):
    """What the operators of a kind make, in order."""
    return [node.output[0] for node in onnx.load(path).graph.node if node.op_type == operator]


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "finercam", "eigencam"])
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_resnet8_keras", "squeezenet1_1_nchw_fp16"])
def test_the_heads_own_layer_by_the_long_way(load_real, photos, name, method):
    """The whole model in one graph gives what the closed form gives; the float16 one to float16's precision."""
    model = load_real(name)
    closed = model.explain(photos[0], top=2, method=method)
    found = model.explain(photos[0], top=2, method=method, layer=model.head.feature_maps)
    scale = closed.activation_maps.max()
    tolerance = 2e-2 if "fp16" in name else 2e-5
    np.testing.assert_allclose(found.activation_maps, closed.activation_maps, atol=tolerance * scale, rtol=0)
    np.testing.assert_array_equal(found.class_index, closed.class_index)
    np.testing.assert_allclose(found.logits, closed.logits, atol=1e-3 * np.abs(closed.logits).max())
    assert (closed.layers, found.layers) == ((), (model.head.feature_maps,))
    if method != "eigencam":
        assert closed.how == "closed form"
        assert found.how.startswith("forward and backward in one graph of ")


def test_a_tensor_inside_of_a_residual_branch(shared):
    """No cut of the graph: the logits depend on the image by another path as well. By differences of what is added."""
    path = shared / "models" / "cifar10_resnet20.onnx"
    model = fastcam.load(path, preprocess="imagenet,fit=stretch")
    layer = tensors(path, "Relu")[-2]
    found = model.explain(PHOTO, class_index=[3, 8], method="hirescam", layer=layer)
    # The same model with something added to that tensor.
    proto = onnx.load(path)
    for node in proto.graph.node:
        for k, name in enumerate(node.input):
            if name == layer:
                node.input[k] = "moved"
    place = next(k for k, node in enumerate(proto.graph.node) if layer in node.output)
    proto.graph.node.insert(place + 1, onnx.helper.make_node("Add", [layer, "way"], ["moved"]))
    proto.graph.input.append(onnx.helper.make_tensor_value_info("way", 1, None))
    proto.graph.output.append(onnx.helper.make_tensor_value_info(layer, 1, None))
    session = ort.InferenceSession(proto.SerializeToString())

    def ask(way):
        return [np.asarray(value) for value in session.run(None, {"input": image, "way": way})]

    image = model.vision.see(PHOTO).network_input
    logits, values = ask(np.zeros((1, 1, 1, 1), np.float32))
    places = [(3, 4), (0, 0), (7, 7)]
    for m, index in enumerate([3, 8]):
        for y, x in places:  # HiResCAM is the derivative as the values of one place grow by themselves
            way = np.zeros_like(values)
            way[:, :, y, x] = 1e-3 * values[:, :, y, x]
            more = ask(way)[0]
            expected = max(0.0, float(more[0, index] - logits[0, index]) / 1e-3)
            got = found.activation_maps[0, m, y, x]
            assert abs(got - expected) < 0.02 * found.activation_maps[0, m].max() + 2e-3


def test_several_layers_are_fused(shared):
    path = shared / "models" / "cifar10_resnet20.onnx"
    model = fastcam.load(path, preprocess="imagenet,fit=stretch")
    relus = tensors(path, "Relu")
    names = [relus[6], relus[12], relus[-1]]
    each = [model.explain(PHOTO, method="layercam", layer=name).activation_maps[0, 0] for name in names]
    assert [one.shape for one in each] == [(32, 32), (16, 16), (8, 8)]
    fused = model.explain(PHOTO, method="layercam", layer=names)
    np.testing.assert_allclose(fused.activation_maps[0, 0], layercam.fused(each), atol=1e-5)
    assert fused.layers == tuple(names)
    boxes = fastcam.find_boxes(fused.activation_maps, (32, 32))
    np.testing.assert_array_equal(fused.boxes.xyxy, boxes.xyxy)


def test_maps_of_nothing_are_fused_as_well():
    nothing, one = np.zeros((2, 2), np.float32), np.eye(4, dtype=np.float32)
    np.testing.assert_allclose(layercam.fused([nothing, one]), np.tanh(2) * one, rtol=1e-6)
    assert not layercam.fused([nothing, nothing]).any()


def test_names_of_operators(shared):
    path = shared / "models" / "cifar10_resnet20.onnx"
    node = next(node for node in reversed(onnx.load(path).graph.node) if node.op_type == "Conv")
    model = fastcam.load(path, preprocess="imagenet,fit=stretch")
    assert node.name not in ("", node.output[0])
    one, other = (model.explain(PHOTO, layer=name).activation_maps for name in (node.name, node.output[0]))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["squeezenet1_1_int8_qdq", "mobilenet_v2_1.0_224_quant_q"])
def test_quantised_models(load_real, photos, name):
    """In float32, with what quantisation clips (a ReLU6) clipped; classes and logits are the model's own."""
    model = load_real(name)
    for photo in photos[-3:]:
        closed = model.explain(photo, method="gradcam")
        found = model.explain(photo, method="gradcam", layer=model.head.feature_maps.removesuffix("/real"))
        np.testing.assert_array_equal(found.logits, closed.logits)
        scale = closed.activation_maps.max()
        assert np.abs(found.activation_maps - closed.activation_maps).mean() < 0.03 * scale


def test_tokens_and_their_grid():
    """A layer of patches, and one with a class token before them."""
    named = TOKENS.replace("t = Transpose", "patches = Transpose").replace("(c, t)", "(c, patches)")
    model = fastcam.load(class_token(named), preprocess="unit,fit=stretch")
    own = model.explain(PHOTO)
    for layer in ("f", "patches", "maps"):
        found = model.explain(PHOTO, layer=layer)
        np.testing.assert_allclose(found.activation_maps, own.activation_maps, atol=1e-5 * own.activation_maps.max())


def test_given_classes_and_streams_and_several_images(load_real):
    model = load_real("cifar10_resnet20")
    layer, frames = model.head.feature_maps, [PHOTO, PHOTO[:, ::-1]]
    both = model.explain(frames, class_index=[[1, 2], [3, 4]], method="layercam", layer=layer)
    with model.stream(frames, class_index=[3, 4], method="layercam", layer=layer) as stream:
        second = [found for _, found in stream][1]
    np.testing.assert_allclose(second.activation_maps[0], both.activation_maps[1], rtol=1e-5, atol=1e-7)


FIXED = f"{BACKBONE} r = Relu(maps) g = GlobalMaxPool(r) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"


def test_a_fixed_batch():
    weights = {"k": (6, 3, 3, 3), "w": (5, 6), "b": (5,)}
    fixed = build(FIXED, inputs="float[3, 3, 16, 16] image", outputs="float[3, 5] logits", **weights)
    found = [
        fastcam.load(data, preprocess="unit,fit=stretch").explain(PHOTO, top=2, method="layercam", layer="maps")
        for data in (fixed, build(FIXED, **weights))
    ]
    np.testing.assert_allclose(found[0].activation_maps, found[1].activation_maps, rtol=1e-5, atol=1e-6)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("layer4", InputError, r"layer: expected a tensor that the image is turned into, such as \[.*; got 'layer4'"),
        ("", InputError, "layer: expected a tensor"),
        ("logits", InputError, r"layer: expected feature maps, .*'logits' has the shape \(1, 5\)"),
        ("image", InputError, "layer: expected a tensor"),
        ("w", InputError, "layer: expected a tensor"),
        (["r", "nothing"], InputError, "got 'nothing'"),
        ("aside", GradientError, "doesn't depend on 'aside'"),
        ("dead", GradientError, "the gradient at 'dead' is zero wherever it was looked at"),
        ([], InputError, "layer: expected one name or more"),
        (3, InputError, "layer: expected one name or more"),
    ],
)
def test_layers_that_there_are_not(layer, error, message):
    body = (
        f"{BACKBONE} r = Relu(maps) aside = Neg(maps) z = Mul(maps, none) dead = Add(z, z) e = Mul(dead, none) "
        "s = Add(r, e) g = GlobalMaxPool(s) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"
    )
    model = fastcam.load(build(body, k=(6, 3, 3, 3), w=(5, 6), b=(5,), none=np.zeros(1, np.float32)))
    with pytest.raises(error, match=message):
        model.explain(PHOTO, layer=layer)


def test_options_that_do_not_go_with_layers(load_real):
    model = load_real("cifar10_resnet20")
    for method in ("cam", "scorecam"):
        with pytest.raises(InputError, match=f"layer: expected none for method '{method}', which is for the feature"):
            model.explain(PHOTO, method=method, layer=model.head.feature_maps)
    with pytest.raises(
        InputError, match=r"whose maps are those of the network input; .* input_gradient\(method='cmwp', la"
    ):
        model.explain(PHOTO, method="cmwp", layer=model.head.feature_maps)
    with pytest.raises(InputError, match=r"steady: expected a method that weighs the head's feature maps"):
        model.stream([PHOTO], layer=model.head.feature_maps, steady=Steady())


def test_operators_without_a_gradient_name_the_nearest_tensor_that_has_one():
    body = f"{BACKBONE} z = CumSum(maps, one) t = Relu(z) g = GlobalMaxPool(t) q = Flatten(g) logits = Gemm(q, w, b)"
    model = fastcam.load(build(body, k=(6, 3, 3, 3), w=(6, 5), b=(5,), one=np.array(1)), head="t")
    with pytest.raises(GradientError, match="no gradient of the operator CumSum; .* what the operator makes, 'z'"):
        model.explain(PHOTO, layer="maps")
    assert model.explain(PHOTO, layer="z").activation_maps.max() > 0


# ---- Finer-CAM -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 4, 9])
def test_finer_seeds_are_derivatives_of_the_published_targets(classes):
    logits = np.random.default_rng(classes).standard_normal(classes).astype(np.float32)

    def similar(index):
        return sorted((k for k in range(classes) if k != index), key=lambda k: abs(logits[k] - logits[index]))[:3]

    def difference(values, index):
        return values[index] - 0.6 * np.mean([values[d] for d in similar(index)])

    def weighted(values, index):
        p = np.exp(values) / np.exp(values).sum()
        top = sum(p[d] * (values[index] - values[d]) for d in similar(index))
        return top / sum(p[d] for d in similar(index))

    for method, target in (("finercam", difference), ("finercam-weighted", weighted)):
        for index, seed in enumerate(seeds(weighing(method), logits, np.arange(classes))):
            for k in range(classes):
                step = 1e-5 * np.eye(classes)[k]
                slope = (target(logits + step, index) - target(logits - step, index)) / 2e-5
                assert abs(seed[k] - slope) < 1e-4


def test_finer_cam_is_grad_cam_of_a_difference(load_real, photos):
    """And in closed form CAM of a difference of class weights."""
    model = load_real("mobilenet_v2_1.0_224_nchw_gemm")
    found = model.explain(photos[0], method="finercam")
    logits, index = found.logits[0], found.class_index[0, 0]
    similar = [k for k in np.argsort(np.abs(logits - logits[index]), kind="stable") if k != index][:3]
    cams = model.explain(photos[0], class_index=[index, *similar], method="cam").activation_maps[0]
    expected = np.maximum(cams[0] - 0.6 * cams[1:].mean(axis=0), 0) / cams[0].size
    np.testing.assert_allclose(found.activation_maps[0, 0], expected, atol=1e-5 * expected.max())
    assert (found.method, found.how) == ("finercam", "closed form")


def test_nothing_to_compare_with():
    with pytest.raises(InputError, match="expected a model of two classes or more"):
        seeds(weighing("finercam"), np.zeros(1, np.float32), np.array([0]))
