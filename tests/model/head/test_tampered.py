"""Saved heads that were damaged or changed: refused when they are read, or when they are held against the model."""

import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest

import fastcam
from fastcam import FastcamError, Head, HeadNotFoundError, ModelError
from tests.model.heads import B, K, W
from tests.model.models import classifier
from tests.zoo import ALL

MODEL = classifier(k=K, w=W, b=B)
PHOTO = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
ODD = (None, True, -1, 0, 1.5, 10**30, 1e300, float("nan"), float("inf"), "", "x", "a\0b", [], [[]], {}, [1, 2, 3])


@pytest.fixture(scope="module")
def model():
    return fastcam.load(MODEL)


@pytest.fixture
def path(model, tmp_path):
    model.head.save(tmp_path / "head.npz")
    return tmp_path / "head.npz"


def rewritten(path, change, **arrays):
    """The file, its values changed."""
    with np.load(path) as file:
        held = {name: file[name] for name in file.files}
    values = json.loads(str(held["head"]))
    change(values)
    held |= {"head": np.array(json.dumps(values)), **arrays}
    np.savez(path, **held)
    return path


def use(path, model=MODEL):
    """Whatever may go wrong with a head later on."""
    found = fastcam.load(model, head=Head.load(path))
    found.head.describe()
    return found.explain(PHOTO)


def test_every_value_that_is_changed_is_refused_or_changes_no_map(path, model):
    data, expected = path.read_bytes(), model.explain(PHOTO)
    names = json.loads(str(np.load(path)["head"])).keys()
    refused = 0
    for name in (*names, "unknown"):
        for odd in ODD:
            path.write_bytes(data)
            rewritten(path, lambda values, name=name, odd=odd: values.update({name: odd}))
            try:
                found = use(path)
            except FastcamError:
                refused += 1
            else:
                np.testing.assert_array_equal(found.activation_maps, expected.activation_maps)
    assert refused > 0.7 * len(ODD) * len(names)


def test_damaged_bytes_are_refused_or_change_no_map(path, model):
    data, expected, rng = path.read_bytes(), model.explain(PHOTO), np.random.default_rng(0)
    for _ in range(300):
        values = np.frombuffer(data, np.uint8).copy()
        where = rng.integers(len(values), size=rng.integers(1, 4))
        values[where] ^= (1 << rng.integers(0, 8, where.size)).astype(np.uint8)
        path.write_bytes(values.tobytes()[: None if rng.integers(4) else rng.integers(1, len(data))])
        try:
            found = use(path)
        except FastcamError:
            continue
        np.testing.assert_array_equal(found.activation_maps, expected.activation_maps)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"class_weights": W[:, :3]}, "expected 3 channels in 'maps'"),
        ({"class_weights": W[:4], "bias": B[:4]}, "and 4 classes in 'logits'"),
        ({"class_weights": W[:, ::-1]}, r"mean\(M_c\) \+ b_c should be 'logits'"),
        ({"bias": B + 1}, r"mean\(M_c\) \+ b_c should be 'logits'"),
    ],
)
def test_weights_of_another_model_are_refused(path, arrays, message):
    """Finite, of shapes that fit each other, and with the model's own check sum."""
    with pytest.raises(HeadNotFoundError, match=message):
        use(rewritten(path, lambda _: None, **arrays))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"class_weights": W * np.nan}, r"head\.npz: .*expected finite class_weights and bias"),
        ({"bias": np.array(["a"] * len(B))}, r"head\.npz: .*expected class_weights and bias of numbers"),
        ({"bias": B[:2]}, r"head\.npz: .*expected class_weights \(K, C\) and bias \(K,\); got"),
        ({"class_weights": np.array([object()])}, "Object arrays cannot be loaded"),
    ],
)
def test_arrays_that_are_no_weights_are_refused_when_they_are_read(path, arrays, message):
    with pytest.raises(ModelError, match=message):
        Head.load(rewritten(path, lambda _: None, **arrays))


@pytest.mark.parametrize("kind", ["gap-nonlinear", "pool-nonlinear", "generic"])
def test_heads_without_weights_are_held_against_the_model_as_well(tmp_path, kind):
    case = next(case for name in sorted(ALL) if (case := ALL[name]()).kind == kind)
    first = fastcam.load(case.model, **case.options)
    path = tmp_path / "head.npz"
    first.head.save(path)
    options = {name: value for name, value in case.options.items() if name != "output"}
    fastcam.load(case.model, head=Head.load(path), **options)
    wrong = first.head.classes + 1
    rewritten(path, lambda values: values.update(classes=wrong))
    with pytest.raises(HeadNotFoundError, match=f"and {wrong} classes in"):
        fastcam.load(case.model, head=Head.load(path), **options)
    assert first.head.feature_shape is not None
    channels, *sides = first.head.feature_shape
    rewritten(path, lambda values: values.update(classes=wrong - 1, feature_shape=[channels + 1, *sides]))
    with pytest.raises(HeadNotFoundError, match=f"expected {channels + 1} channels in"):
        fastcam.load(case.model, head=Head.load(path), **options)


def test_a_file_that_unpacks_to_much_more_is_not_unpacked(path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2**24, np.float32))
    with zipfile.ZipFile(path) as file:
        head = file.read("head.npy")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("head.npy", head)
        for name in ("class_weights.npy", "bias.npy"):
            file.writestr(name, buffer.getvalue())
    with pytest.raises(ModelError, match=r"expected a head that Head.save wrote \(ValueError: it has \d+ bytes, which"):
        Head.load(path)


def test_a_header_that_asks_for_more_than_there_is(path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(path) as file:
        head = file.read("head.npy")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("head.npy", head)
        file.writestr("class_weights.npy", buffer.getvalue())
        file.writestr("bias.npy", buffer.getvalue())
    with pytest.raises(ModelError, match="expected a head that Head.save wrote"):
        Head.load(path)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "", "."])
def test_names_that_are_none(name):
    with pytest.raises(ModelError, match="expected a head that Head.save wrote"):
        Head.load(name)


def test_a_head_that_is_as_it_was_keeps_what_is_known_of_it(path, model):
    again = fastcam.load(MODEL, head=Head.load(path)).head
    assert (again.identity_error, again.proven_with) == (model.head.identity_error, model.head.proven_with)


@pytest.mark.parametrize(
    "options",
    [
        {"prefix": -1},
        {"prefix": 1.5},
        {"classes": "5"},
        {"identity_error": "small"},
        {"feature_shape": (6, 16)},
        {"feature_shape": (6, 0, 16)},
        {"quantization_gap": "none"},
        {"quantization_gap": -0.1},
    ],
)
def test_numbers_that_are_none(model, options):
    with pytest.raises(ModelError, match="head: expected "):
        dataclasses.replace(model.head, **options)
