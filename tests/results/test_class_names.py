"""Classes by name: in Python and on the command line, in any case, and what is said where none or several are meant."""

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.cli.options import in_options
from fastcam.results.class_names import class_numbers
from tests.model.models import classifier

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
LABELS = ("Egyptian cat", "crane", "tabby", "crane", "TABBY")


@pytest.fixture(scope="module")
def model():
    return fastcam.load(classifier(), labels=LABELS, preprocess="unit")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("egyptian CAT", [[0], [0]]),
        (" Egyptian cat ", [[0], [0]]),
        ("tabby", [[2], [2]]),
        ("TABBY", [[4], [4]]),
        (["tabby", 1], [[2, 1], [2, 1]]),
        (("TABBY", np.int64(3)), [[4, 3], [4, 3]]),
        ([["tabby"], [3]], [[2], [3]]),
        (np.array([["tabby", "TABBY"], ["TABBY", "Egyptian cat"]]), [[2, 4], [4, 0]]),
        (np.array(["tabby", 0], object), [[2, 0], [2, 0]]),
        ("3", [[3], [3]]),
    ],
)
def test_names_are_the_classes_that_they_name(model, wanted, expected):
    found = model.explain([PHOTO, PHOTO[::-1]], class_index=wanted)
    assert found.class_index.tolist() == expected


def test_gradients_and_streams_take_names(model):
    assert model.input_gradient(PHOTO, class_index="Egyptian Cat").class_index.tolist() == [[0]]
    with model.stream([PHOTO], class_index=["tabby", 3]) as stream:
        assert next(stream)[1].class_index.tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ("crane", r"expected the name of one class; 'crane' is that of 1 \('crane'\), 3 \('crane'\). Give the number"),
        ("Tabby", r"'Tabby' is that of 2 \('tabby'\), 4 \('TABBY'\)"),
        ("egyptain cat", r"got 'egyptain cat'. Did you mean 'Egyptian cat' \(0\)\?"),
        ("cat", r"got 'cat'. Did you mean 'Egyptian cat' \(0\)\?"),
        ("tabi", r"Did you mean 'tabby' \(2\)\?"),
        ("zebra", "expected a number or the name of a class; got 'zebra'$"),
        ("", "expected a number or the name of a class; got ''$"),
        ("x" * 1000, f"got '{'x' * 80}'$"),
        ("9" * 5000, f"got '{'9' * 80}'$"),
        (["tabby", ["tabby"]], "expected whole numbers of shape .*; got ragged rows"),
        (["tabby", 0.5], "expected whole numbers"),
        ("99", "expected 0 to 4, the model has 5 classes; got 99"),
    ],
)
def test_what_names_no_class_or_several(model, wanted, match):
    with pytest.raises(InputError, match=f"class_index: .*{match}"):
        model.explain([PHOTO, PHOTO], class_index=wanted)


def test_without_labels_there_are_no_names():
    model = fastcam.load(classifier(), preprocess="unit")
    says = "class_index: expected class numbers, as no names are known for this model; got 'cat'. Load it with labels="
    with pytest.raises(InputError, match=says) as error:
        model.explain(PHOTO, class_index="cat")
    told = in_options(str(error.value))
    assert told.startswith("--class: expected class numbers")
    assert told.endswith("Load it with --labels")
    assert model.explain(PHOTO, class_index="3").class_index.tolist() == [[3]]


def test_many_of_one_name_are_counted():
    with pytest.raises(InputError, match=r"is that of 0 \('a'\), .*, 4 \('a'\) and 2 more. Give the number"):
        class_numbers("a", ["a"] * 7)


def test_digits_may_be_a_name():
    assert class_numbers(["7", "1"], ["seven", "8", "7"]) == [2, 1]
