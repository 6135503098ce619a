"""Constants with each image: as of a model that was loaded with these values, by every method, or refused."""

from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam import HeadNotFoundError, InputError, ModelError, methods
from fastcam.methods import table
from fastcam.methods.method import ClassWeightMethod
from tests.model.models import BACKBONE, WEIGHTS, build

RNG = np.random.default_rng(0)
PHOTOS = [RNG.integers(0, 256, shape, np.uint8) for shape in ((21, 34, 3), (40, 16, 3))]
POOLED = "p = GlobalAveragePool(maps) q = Flatten(p)"
GEMM = "logits = Gemm<transB = 1>(q, w, b)"
IMAGE = "float[N, 3, 16, 16] image"


def noise(seed, *shape):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(np.float32)


# name → (nodes, further input, weights, value at loading, rows for two images, whether class weights hold)
MODELS = {
    "a gain of the channels before the maps": (
        f"f = Conv<pads = [1, 1, 1, 1]>(image, k) r = Relu(f) maps = Mul(r, gain) {POOLED} {GEMM}",
        "float[6, 1, 1] gain", {}, noise(1, 6, 1, 1), noise(2, 2, 6, 1, 1), True,
    ),
    "a factor of the logits": (
        f"{BACKBONE} {POOLED} s = Gemm<transB = 1>(q, w, b) logits = Mul(s, factor)",
        "float[1] factor", {}, np.array([1], np.float32), np.array([3, 0.25], np.float32), False,
    ),
    "gates of the pooled channels": (
        f"{BACKBONE} {POOLED} g = Mul(q, gates) logits = Gemm<transB = 1>(g, w, b)",
        "float[M, 6] gates", {}, noise(3, 1, 6), noise(4, 2, 6), False,
    ),
    "a vector beside the features, before a layer that bends": (
        f"{BACKBONE} {POOLED} both = Concat<axis = 1>(q, age) s = Gemm<transB = 1>(both, v) r = Relu(s) "
        "logits = Gemm<transB = 1>(r, w, b)",
        "float[N, 2] age", {"v": (6, 8)}, noise(5, 1, 2), noise(6, 2, 2), False,
    ),
    "a switch between two heads": (
        f"{BACKBONE} {POOLED} s = Gemm<transB = 1>(q, w, b) t = Gemm<transB = 1>(q, w2) "
        "logits = Where(switch, s, t)",
        "bool[1] switch", {"w2": (5, 6)}, np.array([True]), np.array([False, True]), False,
    ),
    "an index of the channels that are kept": (
        f"{BACKBONE} few = Gather<axis = 1>(maps, kept) p = GlobalAveragePool(few) q = Flatten(p) s = Gemm(q, v) "
        "r = Relu(s) logits = Gemm<transB = 1>(r, w, b)",
        "int64[3] kept", {"v": (3, 6)}, np.array([0, 1, 2]), np.array([[5, 3, 1], [0, 1, 4]]), False,
    ),
    "halves": (
        "f = Conv<pads = [1, 1, 1, 1]>(image, k) r = Relu(f) maps = Mul(r, gain) p = GlobalAveragePool(maps) "
        "q = Flatten(p) s = Gemm(q, v) t = Tanh(s) logits = Gemm<transB = 1>(t, w, b)",
        "float16[1, 6, 1, 1] gain", {"v": (6, 6)}, noise(1, 1, 6, 1, 1), noise(2, 2, 6, 1, 1), False,
    ),
}  # fmt: skip


def data_of(name, opset=17):
    body, further, weights, *_ = MODELS[name]
    image, outputs, own = IMAGE, "float[N, 5] logits", {**WEIGHTS, **weights}
    if "float16" in further:
        image, outputs = (text.replace("float", "float16") for text in (image, outputs))
        own: Any = {key: (0.5 * noise(9, *shape) - 0.3).astype(np.float16) for key, shape in own.items()}
    return build(body, f"{further}, {image}", outputs, opset, **own)


def named(name):
    return MODELS[name][1].split()[-1]


def loaded(name, value, **options):
    return fastcam.load(data_of(name, **options), preprocess="unit,fit=stretch", constants={named(name): value})


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """A model, rows for two images, models that were loaded with these, and whether its class weights hold."""
    *_, value, rows, holds = MODELS[request.param]
    each = [loaded(request.param, row if row.ndim == value.ndim else row[None]) for row in rows]
    return request.param, loaded(request.param, value), rows, each, holds


def assert_like(got, n, expected, atol=2e-5):
    """Check that row n of a result is that of another, but for rounding."""
    for name in ("logits", "activation_maps"):
        one, other = getattr(got, name)[n], getattr(expected, name)[0]
        np.testing.assert_allclose(one, other, rtol=0, atol=atol * np.abs(other).max(), err_msg=name)
    np.testing.assert_array_equal(got.class_index[n], expected.class_index[0])


def test_every_method_sees_the_values_of_each_image(case):
    name, model, rows, each, holds = case
    atol = 5e-3 if name == "halves" else 2e-5
    for method in methods.METHODS:
        if isinstance(table.METHODS[method], ClassWeightMethod) and not holds:
            continue
        if method in ("excitation", "cmwp") and "switch" in name:
            continue  # which have no rule for it
        got = model.explain(PHOTOS, constants={named(name): rows}, method=method, top=2)
        for n, other in enumerate(each):
            assert_like(got, n, other.explain(PHOTOS[n], method=method, top=2), atol)


def test_so_do_layers(case):
    name, model, rows, each, _ = case
    atol = 5e-3 if name == "halves" else 2e-5
    for method in ("gradcam", "eigencam"):
        got = model.explain(PHOTOS, constants={named(name): rows}, method=method, layer="f", top=2)
        for n, other in enumerate(each):
            assert_like(got, n, other.explain(PHOTOS[n], method=method, layer="f", top=2), atol)


def test_so_do_gradients_and_features(case):
    name, model, rows, each, _ = case
    atol = 5e-3 if name == "halves" else 2e-5
    constants = {named(name): rows}
    got, features = model.input_gradient(PHOTOS, constants=constants), model.features(PHOTOS, constants=constants)
    for n, other in enumerate(each):
        assert_like(got, n, other.input_gradient(PHOTOS[n]), atol)
        np.testing.assert_allclose(features[n], other.features(PHOTOS[n])[0], rtol=1e-3 if atol > 1e-3 else 1e-5)


def test_class_weights_that_depend_on_them_are_never_taken_for_others(case):
    name, model, rows, _, holds = case
    if not model.head.is_exact:
        pytest.skip("there are none")
    constants = {named(name): rows}
    if holds:
        got = model.explain(PHOTOS, constants=constants)
        mean = got.activation_maps.mean(axis=(2, 3), dtype=np.float64)
        bias = model.head.bias[got.class_index]
        expected = np.take_along_axis(got.logits, got.class_index, axis=1)
        np.testing.assert_allclose(mean + bias, expected, atol=1e-5)
        return
    says = (
        f"constants: expected values with which .*; with those of '{named(name)}' it isn't: .* or use method='gradcam'"
    )
    with pytest.raises(HeadNotFoundError, match=says):
        model.explain(PHOTOS, constants=constants)
    assert "backward" in model.explain(PHOTOS, constants=constants, method="gradcam").how
    assert "forwards of the tail" in model.explain(PHOTOS, constants=constants, method="reciprocam").how
    assert model.explain(PHOTOS, method="gradcam").how == "closed form"


def test_values_as_at_loading_change_nothing(case):
    name, model, *_ = case
    value, expected = MODELS[name][3], model.explain(PHOTOS, top=3)
    for given in (value, np.stack([value, value])):
        got = model.explain(PHOTOS, constants={named(name): given}, top=3)
        np.testing.assert_array_equal(got.activation_maps, expected.activation_maps)
        np.testing.assert_array_equal(got.logits, expected.logits)
        assert got.how == expected.how


def test_they_go_with_tensors_and_with_all_images():
    name = "a gain of the channels before the maps"
    model, rows = loaded(name, MODELS[name][3]), MODELS[name][4]
    tensors = np.concatenate([model.vision.prepare(photo).network_input for photo in PHOTOS])
    for one in (rows[0], rows[:1].repeat(2, axis=0), rows[0].astype(float)):
        got = model.explain(tensors=tensors, constants={"gain": one})
        np.testing.assert_array_equal(got.logits, model.explain(PHOTOS, constants={"gain": one}).logits)
        assert_like(got, 1, loaded(name, rows[0]).explain(PHOTOS[1]))


@pytest.mark.parametrize("opset", [11, 13])
def test_older_opsets_are_converted_with_them(opset):
    name = "a vector beside the features, before a layer that bends"
    model, rows = loaded(name, MODELS[name][3], opset=opset), MODELS[name][4]
    for method in ("gradcam", "saliency", "ablationcam"):
        got = model.explain(PHOTOS, constants={"age": rows}, method=method)
        for n in range(2):
            assert_like(got, n, loaded(name, rows[n : n + 1], opset=opset).explain(PHOTOS[n], method=method))


def test_items_of_a_fixed_batch_share_the_row_of_their_image():
    body = f"{BACKBONE} {POOLED} both = Concat<axis = 1>(q, age) s = Gemm<transB = 1>(both, v) r = Relu(s)"
    body += " logits = Gemm<transB = 1>(r, w, b)"
    inputs = "float[2, 2] age, float[2, 3, 16, 16] image"
    data = build(body, inputs, "float[2, 5] logits", **WEIGHTS, v=(6, 8))
    value, rows, photos = noise(5, 2, 2), noise(6, 3, 2), [*PHOTOS, PHOTOS[0]]
    model = fastcam.load(data, preprocess="unit", constants={"age": value})
    for method in ("gradcam", "scorecam", "saliency"):
        got = model.explain(photos, constants={"age": rows}, method=method)
        for n, row in enumerate(rows):
            other = fastcam.load(data, preprocess="unit", constants={"age": np.tile(row, (2, 1))})
            assert_like(got, n, other.explain(photos[n], method=method))


def test_rows_of_images_and_values_of_a_fixed_batch_are_never_mistaken():
    body = f"{BACKBONE} {POOLED} s = Gemm<transB = 1>(q, w, b) logits = Mul(s, factor)"
    data = build(body, "float[2, 1] factor, float[2, 3, 16, 16] image", "float[2, 5] logits", **WEIGHTS)
    model, value = fastcam.load(data, preprocess="unit", constants={"factor": [[1], [1]]}), np.array([[1], [10]])
    with pytest.raises(
        InputError, match=r"expected shape \(2, 2, 1\) for 'factor', .*may be one value for all .* or one"
    ):
        model.explain(PHOTOS, constants={"factor": value}, method="gradcam")
    plain = model.explain(PHOTOS, method="gradcam").logits
    each = model.explain(PHOTOS, constants={"factor": np.stack([value] * 2, axis=1)}, method="gradcam").logits
    shared = model.explain(PHOTOS, constants={"factor": np.stack([value[::-1]] * 2)}, method="gradcam").logits
    np.testing.assert_allclose(each, plain * [[1], [10]], rtol=1e-5)
    np.testing.assert_allclose(shared, 10 * plain, rtol=1e-5)
    same = model.explain(PHOTOS, constants={"factor": [[3], [3]]}, method="gradcam").logits  # in either reading
    np.testing.assert_allclose(same, 3 * plain, rtol=1e-5)


def test_classes_that_were_learned_hold_whatever_the_values():
    name = "a gain of the channels before the maps"
    rows = MODELS[name][4]
    model = loaded(name, MODELS[name][3]).with_classes(noise(8, 2, 6), [0, 1])
    got = model.explain(PHOTOS, constants={"gain": rows}, top=2)
    mean = got.activation_maps.mean(axis=(2, 3), dtype=np.float64)
    logits = np.take_along_axis(got.logits, got.class_index, axis=1)
    np.testing.assert_allclose(mean + np.array([0, 1])[got.class_index], logits, atol=1e-5)
    assert not np.allclose(got.logits, model.explain(PHOTOS).logits)


# ---- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "further", "value"),
    [
        (f"{POOLED} r = Pow(q, power)", "float[1] power", [2.0]),
        (f"twice = Add(power, power) {POOLED} r = Pow(q, twice)", "float[1] power", [1.0]),
        (
            f"t = BatchNormalization(maps, power, b6, b6, v6) {POOLED.replace('maps', 't')} s = Gemm(q, v) r = Tanh(s)",
            "float[6] power",
            [1.0] * 6,
        ),
    ],
)
def test_values_that_a_gradient_is_written_for_are_refused(body, further, value):
    whole = f"{BACKBONE} {body} {GEMM.replace('(q', '(r')}"
    stored = {"v": (6, 6), "b6": np.zeros(6, np.float32), "v6": np.ones(6, np.float32)}
    stored = {key: one for key, one in stored.items() if key in whole}
    value = np.array(value, np.float32)
    data = build(whole, f"{IMAGE}, {further}", **WEIGHTS, **stored)
    model = fastcam.load(data, preprocess="unit", constants={"power": value}, head="maps")
    says = "constants: expected 'power' as the model was loaded with, as its gradient is written for that value"
    for method in ("gradcam", "saliency"):
        assert model.explain(PHOTOS, constants={"power": value}, method=method)
        with pytest.raises(InputError, match=says):
            model.explain(PHOTOS[0], constants={"power": value + 1}, method=method)
    other = fastcam.load(data, preprocess="unit", constants={"power": value + 1}, head="maps")
    for method in ("scorecam", "reciprocam", "eigencam"):  # which need no gradient
        got = model.explain(PHOTOS, constants={"power": value + 1}, method=method)
        assert_like(got, 1, other.explain(PHOTOS[1], method=method))


REFUSED = {
    "no mapping": ([1.0], "constants: expected a mapping of names to values; got list"),
    "another name": ({"x": 1.0}, r"constants: expected names of further inputs .*\['gates'\]; got 'x'"),
    "another shape": (
        {"gates": np.ones((2, 5), np.float32)},
        r"constants: expected shape \(1, 6\) for 'gates', .*, or \(2, 6\), one row an image; got \(2, 5\)",
    ),
    "too many rows": ({"gates": np.ones((3, 6), np.float32)}, r"or \(2, 6\), one row an image; got \(3, 6\)"),
    "text": ({"gates": ["a"]}, "constants: 'gates': expected an array of numbers; got builtins.list of dtype <U1"),
    "ragged": ({"gates": [[1.0], [1.0, 2.0]]}, "constants: 'gates': builtins.list can't be handed over"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_constants_that_do_not_fit_are_refused(name):
    given, match = REFUSED[name]
    model = loaded("gates of the pooled channels", noise(3, 1, 6))
    with pytest.raises(InputError, match=match):
        model.explain(PHOTOS, constants=given)


def test_fractions_are_no_whole_numbers():
    model = loaded("an index of the channels that are kept", np.array([0, 1, 2]))
    with pytest.raises(InputError, match="constants: expected int64 for 'kept'; got float64"):
        model.explain(PHOTOS, constants={"kept": [0.5, 1, 2]})


LOST = {
    "above whole numbers": ("uint8[6] gain", 300, "uint8 for 'gain'; got 300 to 300, outside 0 to 255"),
    "below whole numbers": ("uint8[6] gain", -1, "uint8 for 'gain'; got -1 to -1, outside 0 to 255"),
    "above float32": ("float[6] gain", 1e39, r"float32 for 'gain'; got 1e\+39, too large for it"),
    "below float32": ("float[6] gain", -1e39, r"float32 for 'gain'; got -1e\+39, too large for it"),
    "two of a switch": ("bool[6] gain", 2, "bool for 'gain'; got 2 to 2, outside 0 to 1"),
}


@pytest.mark.parametrize("name", LOST)
def test_numbers_are_never_wrapped_or_made_infinite(name):
    further, value, match = LOST[name]
    body = f"{BACKBONE} {POOLED} s = Gemm<transB = 1>(q, w, b) g = Cast<to = 1>(gain) h = ReduceSum<keepdims = 0>(g) "
    data = build(f"{body} logits = Mul(s, h)", f"{further}, {IMAGE}", **WEIGHTS)
    model = fastcam.load(data, preprocess="unit", constants={"gain": np.ones(6, int)})
    with pytest.raises(InputError, match=f"constants: expected {match}"):
        model.explain(PHOTOS, constants={"gain": np.full(6, value)})
    with pytest.raises(ModelError, match=f"constants: expected {match}"):
        fastcam.load(data, preprocess="unit", constants={"gain": np.full(6, value)})


def test_a_model_without_further_inputs_takes_none():
    model = fastcam.load(build(f"{BACKBONE} {POOLED} {GEMM}", **WEIGHTS), preprocess="unit")
    with pytest.raises(InputError, match=r"constants: expected names of .*, \[\]; got 'x'"):
        model.explain(PHOTOS, constants={"x": 1.0})
