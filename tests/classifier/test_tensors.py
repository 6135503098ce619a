"""Tensors that are preprocessed already: the bits of the photo road, whatever hands them over, and what is refused."""

import dataclasses
import re

import numpy as np
import pytest

import fastcam
from fastcam import InputError, methods
from fastcam.images import tensors
from tests.model.models import BACKBONE, WEIGHTS, build, classifier

RNG = np.random.default_rng(0)
PHOTOS = [RNG.integers(0, 256, shape, np.uint8) for shape in ((21, 34, 3), (40, 16, 3), (16, 16, 3))]
BENT = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) s = Gemm<transB = 1>(q, v) r = Relu(s)"
BENT += " logits = Gemm<transB = 1>(r, w, b)"
LAST = "float[N, 16, 16, 3] photo"
TURN = "image = Transpose<perm = [0, 3, 1, 2]>(photo)"
POOLED = "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"


def opened(data, **options):
    return fastcam.load(data, labels=list("abcde"), **{"preprocess": "imagenet,fit=letterbox", **options})


@pytest.fixture(scope="module")
def model():
    return opened(classifier())


@pytest.fixture(scope="module")
def bent():
    """A model whose head isn't exact: methods go back through its tail, and mask it."""
    return opened(build(BENT, **WEIGHTS, v=(6, 6)))


def inputs_of(model, photos=PHOTOS):
    return np.concatenate([model.vision.prepare(photo).network_input for photo in photos])


def assert_same(got, expected):
    """Check that all that two results have is the same, to the bit, but for how it came about and how long it took."""
    for field in dataclasses.fields(expected):
        one, other = getattr(got, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, strict=True, err_msg=field.name)
        elif field.name == "boxes":
            for name in ("xyxy", "area", "peak"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
        elif field.name not in ("preprocess", "timings", "levels", "head"):
            assert one == other, field.name
    assert got.preprocess == "none: tensors were given"


# ---- the bits of the photo road --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", methods.METHODS)
@pytest.mark.parametrize("kind", ["model", "bent"])
def test_every_method_gives_the_bits_of_the_photo_road(kind, method, request):
    model = request.getfixturevalue(kind)
    if method == "cam" and kind == "bent":
        pytest.skip("its head isn't exact")
    expected = model.explain(PHOTOS, top=2, method=method)
    region = (expected.regions, expected.image_sizes)
    assert_same(model.explain(tensors=inputs_of(model), region=region, top=2, method=method), expected)


@pytest.mark.parametrize("layer", ["maps", ["f", "maps"]])
def test_layers_give_them_as_well(bent, layer):
    expected = bent.explain(PHOTOS, layer=layer, method="gradcam++", class_index=[[0], [1], [4]])
    region = (expected.regions, expected.image_sizes)
    given = {"region": region, "layer": layer, "method": "gradcam++", "class_index": [["a"], ["B"], [4]]}
    assert_same(bent.explain(tensors=inputs_of(bent), **given), expected)


def test_gradients_and_features_too(bent):
    how = {"method": "guidedbackprop", "samples": 2, "top": 2}
    expected = bent.input_gradient(PHOTOS, **how)
    got = bent.input_gradient(tensors=inputs_of(bent), region=(expected.regions, expected.image_sizes), **how)
    assert_same(got, expected)
    np.testing.assert_array_equal(bent.features(tensors=inputs_of(bent)), bent.features(PHOTOS))


OTHER_MODELS = {
    "channels last": (f"{TURN} {BACKBONE} {POOLED}", {"inputs": LAST}, {}),
    "bytes": (
        f"turned = Transpose<perm = [0, 3, 1, 2]>(photo) image = Cast<to = 1>(turned) {BACKBONE} {POOLED}",
        {"inputs": LAST.replace("float", "uint8")},
        {"preprocess": "raw"},
    ),
    "float16": (
        f"image = Cast<to = 1>(half) {BACKBONE} {POOLED}",
        {"inputs": "float16[N, 3, 16, 16] half"},
        {},
    ),
    "float64": (f"image = Cast<to = 1>(double) {BACKBONE} {POOLED}", {"inputs": "double[N, 3, 16, 16] double"}, {}),
    "a batch of four": (
        f"{BACKBONE} p = GlobalAveragePool(maps) q = Reshape(p, shape) logits = Gemm<transB = 1>(q, w, b)",
        {"inputs": "float[4, 3, 16, 16] image", "outputs": "float[4, 5] logits", "shape": np.array([4, 6])},
        {},
    ),
    "any size": (f"{BACKBONE} {POOLED}", {"inputs": "float[N, 3, H, W] image"}, {"preprocess": "unit,size=24x20"}),
}


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_models_of_other_inputs(name):
    body, made, options = OTHER_MODELS[name]
    model = opened(build(body, **{**WEIGHTS, **made}), **options)
    expected = model.explain(PHOTOS, top=2)
    assert_same(
        model.explain(tensors=inputs_of(model), region=(expected.regions, expected.image_sizes), top=2), expected
    )


def test_a_batch_gives_the_bits_of_each_item_alone(model):
    given = inputs_of(model)
    together = model.explain(tensors=given)
    for n in range(3):
        for item in (given[n], given[n : n + 1], [given[n]]):
            alone = model.explain(tensors=item)
            np.testing.assert_array_equal(alone.activation_maps[0], together.activation_maps[n])
            np.testing.assert_array_equal(alone.logits[0], together.logits[n])


# ---- where boxes are -------------------------------------------------------------------------------------------------


def test_without_a_region_boxes_are_in_the_tensors_own_pixels(model):
    found = model.explain(tensors=inputs_of(model))
    assert found.image_sizes.tolist() == [[16, 16]] * 3
    assert found.regions.tolist() == [[0, 0, 16, 16]] * 3
    boxes = fastcam.find_boxes(found.activation_maps, (16, 16))
    np.testing.assert_array_equal(found.boxes.xyxy, boxes.xyxy)
    assert found.heatmap(1).shape == (16, 16)


def test_a_region_for_all_is_that_of_each(model):
    region = ((5, 3, 25, 19), (21, 34))
    one = model.explain(tensors=inputs_of(model), region=region)
    each = model.explain(tensors=inputs_of(model), region=([region[0]] * 3, np.array([region[1]] * 3)))
    assert_same(one, each)
    assert one.image_sizes.tolist() == [[21, 34]] * 3
    assert fastcam.overlay(PHOTOS[0], one).shape == PHOTOS[0].shape


@pytest.mark.parametrize(
    ("region", "match"),
    [
        ((0, 0, 16, 16), r"region: expected \(xyxy, \(height, width\)\) of the photos"),
        (((0, 0, 16), (21, 34)), "region: expected .*, 3 here"),
        (((0, 0, 16.5, 16), (21, 34)), "region: expected .* in whole pixels"),
        ((np.zeros((2, 4), int), (21, 34)), "region: expected .*, 3 here"),
        (([[0, 0, 1, 1], [0, 1]], (21, 34)), "region: expected"),
        (((5, 3, 5, 19), (21, 34)), r"region: expected x0 < x1 and y0 < y1, .*; got \(5, 3, 5, 19\)"),
        (((0, 0, 16, 16), (0, 34)), "region: expected a photo of 1 to 65536 pixels a side"),
        (((34, 0, 40, 16), (21, 34)), r"region: expected a part of the photo of .* \(21, 34\); got .*, outside it"),
    ],
)
def test_regions_that_are_refused(model, region, match):
    with pytest.raises(InputError, match=match):
        model.explain(tensors=inputs_of(model), region=region)


# ---- whatever hands them over ----------------------------------------------------------------------------------------


class Exported:
    """An array of a library that has DLPack alone."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **how):
        return self._array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Converted:
    """An array of a library that has `__array__` alone, as PyTorch's tensors; one that wants gradients is detached."""

    def __init__(self, array, requires_grad=False):
        self._array, self.requires_grad = array, requires_grad

    def detach(self):
        return Converted(self._array)

    def __array__(self, dtype=None, copy=None):
        assert not self.requires_grad
        return self._array


class OnDevice:
    """An array on a CUDA device."""

    def __dlpack_device__(self):
        return 2, 0


WAYS = {
    "NumPy": lambda array: array,
    "DLPack": Exported,
    "__array__": Converted,
    "with gradients": lambda array: Converted(array, requires_grad=True),
    "a buffer": memoryview,
    "items": list,
    "items of a library": lambda array: [Exported(one) for one in array],
}


@pytest.mark.parametrize("way", WAYS)
def test_arrays_of_any_library_reach_the_session_without_a_copy(model, way, monkeypatch):
    given, reached = inputs_of(model), []
    session = model.vision.session._session

    class Noting:
        def run(self, outputs, feeds, options=None):
            reached.append(feeds["image"])
            return session.run(outputs, feeds, options)

    monkeypatch.setattr(model.vision.session, "_session", Noting())
    expected = model.explain(tensors=given)
    assert_same(model.explain(tensors=WAYS[way](given)), expected)
    assert len(reached) == 6
    for n, one in enumerate(reached):
        assert one.shape == (1, 3, 16, 16)
        assert one.__array_interface__["data"][0] == given[n % 3].__array_interface__["data"][0]
        assert np.shares_memory(one, given)


def test_axes_in_another_order_in_memory_are_the_same(model):
    given = inputs_of(model)
    expected = model.explain(tensors=given)
    last = np.ascontiguousarray(given.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    padded = np.zeros((3, 3, 16, 20), np.float32)
    padded[..., 2:18] = given
    locked = given.copy()
    locked.flags.writeable = False
    for other in (last, padded[..., 2:18], np.repeat(given, 2, axis=0)[::2], given[::-1][::-1], locked):
        assert_same(model.explain(tensors=other), expected)


def test_a_device_where_the_model_does_not_run_is_refused(model):
    says = (
        r"tensors: expected in the host's memory, as this model runs by CPUExecutionProvider; got .*OnDevice on a CUDA"
    )
    with pytest.raises(InputError, match=says):
        model.explain(tensors=OnDevice())


def test_inputs_on_a_device_are_bound_where_they_are(model, monkeypatch):
    """A pointer stands for CuPy's array: the CPU's memory takes the place of the device's."""
    given, session = inputs_of(model)[:1], model.vision.session

    class Bound:
        shape, dtype, flags = given.shape, given.dtype, given.flags

        class data:
            ptr = given.ctypes.data

        def __len__(self):
            return 1

    class Library:
        class cuda:
            class get_current_stream:
                def synchronize(self):
                    pass

    monkeypatch.setattr("fastcam.model.run.session.cupy_module", lambda: Library)
    expected = session.run(given, ["maps", "logits"])
    got = session._run(Bound(), ["maps", "logits"], None, {})
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])


# ---- what is refused -------------------------------------------------------------------------------------------------

GIVEN = np.zeros((2, 3, 16, 16), np.float32)
REFUSED = {
    "channels last": (
        GIVEN.transpose(0, 2, 3, 1),
        "expected (N, 3, 16, 16) float32, or one item without N; got (2, 16, 16, 3) float32. These have channels last, "
        "the model takes them first: use .transpose(0, 3, 1, 2), in PyTorch .permute",
    ),
    "an item with channels last": (
        GIVEN[0].transpose(1, 2, 0),
        "got (16, 16, 3) float32. These .* .transpose(2, 0, 1)",
    ),
    "float64": (
        GIVEN.astype(float),
        "got (2, 3, 16, 16) float64. Convert them: .astype(np.float32), in PyTorch .to(torch",
    ),
    "float16": (GIVEN.astype(np.float16), "got (2, 3, 16, 16) float16. Convert them"),
    "another order of bytes": (GIVEN.astype(">f4"), "got (2, 3, 16, 16) >f4. Convert them"),
    "a list of numbers": ([GIVEN[0].tolist()], "got (3, 16, 16) float64. Convert them"),
    "a photo": (
        PHOTOS[2],
        "got (16, 16, 3) uint8. These have .* Photos that are to be preprocessed go in as images=...",
    ),
    "another size": (GIVEN[..., :15], "got (2, 3, 16, 15) float32"),
    "a batch of batches": (GIVEN[None], "got (1, 2, 3, 16, 16) float32"),
    "none": (GIVEN[:0], "expected at least one; got none"),
    "no items": ([], "expected at least one; got none"),
    "no pixels": (GIVEN[:, :, :0], "got (2, 3, 0, 16) float32"),
    "text": ("photo.jpg", "expected an array of numbers; got builtins.str of dtype <U9"),
    "a mask": (np.ma.masked_array(GIVEN), "expected a plain array; got a masked one"),
    "an object": (object(), "expected an array of numbers; got builtins.object of dtype object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tensors_that_do_not_fit_are_refused_before_any_work(model, name):
    given, match = REFUSED[name]
    with pytest.raises(InputError, match="tensors: .*" + re.escape(match).replace(r"\ \.\*\ ", " .* ")):
        model.explain(tensors=given)


def test_a_model_with_channels_last_says_so():
    model = opened(build(f"{TURN} {BACKBONE} {POOLED}", **{**WEIGHTS, "inputs": LAST}))
    says = r"expected \(N, 16, 16, 3\) float32, .*; got \(2, 3, 16, 16\) float32. These have channels first, .* \(0, 2, 3, 1\)"
    with pytest.raises(InputError, match=says.replace(r" \(0", r"transpose\(0")):
        model.explain(tensors=GIVEN)


def test_items_of_several_sizes_are_refused():
    model = opened(build(f"{BACKBONE} {POOLED}", **{**WEIGHTS, "inputs": "float[N, 3, H, W] image"}))
    with pytest.raises(InputError, match=r"tensors: expected all of one size; got \(3, 16, 16\) and \(3, 16, 15\)"):
        model.explain(tensors=[GIVEN[0], GIVEN[0, :, :, :15]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_name_the_item(model, value):
    given = inputs_of(model)
    given[1, 2, 5, 7] = value
    says = rf"image 1 of 3: tensors: expected finite values; got {value} at \[2, 5, 7\]"
    with pytest.raises(InputError, match=says):
        model.explain(tensors=given)
    found = model.explain(tensors=given, on_error="skip", region=((0, 0, 16, 16), (16, 16)))
    assert found.image_index.tolist() == [0, 2]


def test_a_library_that_does_not_hand_its_array_over():
    class Narrow:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("Got unsupported ScalarType BFloat16")

    with pytest.raises(
        InputError, match=r"tensors: .*Narrow can't be handed over \(.*\). NumPy has no bfloat16: use .float"
    ):
        tensors.host_array("tensors", Narrow())


def test_a_tensor_without_values(model):
    class Meta:
        def __dlpack_device__(self):
            raise ValueError("Unknown device type meta for Dlpack")

    with pytest.raises(InputError, match=r"tensors: .*Meta can't be handed over \(Unknown device type meta"):
        tensors.network_inputs(Meta(), model.input, ("cpu", 0), "CPU")


def test_both_or_neither(model):
    for given in ({}, {"images": PHOTOS, "tensors": GIVEN}):
        with pytest.raises(InputError, match="images, tensors: expected one of them; got (none|both)"):
            model.explain(**given)
    with pytest.raises(InputError, match="region: expected with tensors alone"):
        model.explain(PHOTOS, region=((0, 0, 16, 16), (21, 34)))
