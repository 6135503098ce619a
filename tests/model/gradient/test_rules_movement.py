"""Rules of operators that move values; older opsets, and what there is no gradient of."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper, version_converter

from fastcam.errors import GradientError
from fastcam.model.gradient.rules import RULES
from fastcam.model.gradient.tape import GRADIENT, SEED, differentiate
from tests.model.gradient.differences import by_onnxruntime, check, known_of, model, node, noise, session


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        (lambda s: model(node("Reshape", "x", "to"), s, to=np.array([0, -1])), (2, 3, 4)),
        (lambda s: model(node("Flatten", "x", axis=2), s), (2, 3, 4, 5)),
        (lambda s: model(node("Squeeze", "x", "at"), s, at=np.array([1, 3])), (2, 1, 4, 1)),
        (lambda s: model(node("Unsqueeze", "x", "at"), s, at=np.array([0, 2])), (2, 3)),
        (lambda s: model(node("Transpose", "x", perm=[2, 0, 1]), s), (2, 3, 4)),
        (lambda s: model(node("Transpose", "x"), s), (2, 3, 4)),
        (lambda s: model(node("Expand", "x", "to"), s, to=np.array([5, 2, 3])), (2, 1)),
        (lambda s: model(node("Concat", "x", "c", "x", axis=1), s, c=noise(2, 2)), (2, 3)),
        (lambda s: model(node("Concat", "c", "x", axis=-1), s, c=noise(2, 2)), (2, 3)),
        (lambda s: model(node("Pad", "x", "p"), s, p=np.array([0, 1, 2, 0])), (3, 4)),
        (lambda s: model(node("Pad", "x", "p", mode="reflect"), s, p=np.array([1, 1, 1, 2])), (3, 4)),
        (lambda s: model(node("Pad", "x", "p", mode="edge"), s, p=np.array([1, 1, 1, 2])), (3, 4)),
        (lambda s: model(node("Gather", "x", "i", axis=1), s, i=np.array(2)), (2, 3, 4)),
        (lambda s: model(node("Gather", "x", "i", axis=0), s, i=np.array([-1])), (2, 3)),
        (lambda s: model(node("Gather", "x", "i", axis=1), s, i=np.array([[1]])), (2, 3)),
        (lambda s: model(node("Gather", "x", "i", axis=1), s, i=np.array([2, 0, 2])), (2, 3, 2)),
        (lambda s: model(node("GatherElements", "x", "i", axis=1), s, i=np.array([[0, 2, 2], [1, 1, 0]])), (2, 3)),
        (lambda s: model(node("GatherND", "x", "i"), s, i=np.array([[0, 2], [1, 1]])), (2, 3, 2)),
        (lambda s: model(node("Tile", "x", "r"), s, r=np.array([2, 3])), (2, 3)),
        (lambda s: model(node("DepthToSpace", "x", blocksize=2), s), (1, 8, 2, 3)),
        (lambda s: model(node("DepthToSpace", "x", blocksize=2, mode="CRD"), s), (1, 8, 2, 3)),
        (lambda s: model(node("SpaceToDepth", "x", blocksize=2), s), (1, 2, 4, 6)),
        (lambda s: model(node("Trilu", "x"), s), (4, 5)),
        (lambda s: model(node("Resize", "x", "", "f"), s, f=np.array([1, 1, 2, 2], np.float32)), (1, 2, 3, 4)),
    ],
)
def test_movement(written, shape):
    check(written(shape), noise(*shape))


def test_pads_that_cut():
    written = model(node("Pad", "x", "p"), (3, 4), p=np.array([0, -1, 2, -1]))
    check(written, noise(3, 4), forward=by_onnxruntime(written), step=0.5)


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ([1], [3], [1], None),
        ([0, -3], [9, -1], [0, 2], None),
        ([1], [2**31], [-1], None),
        ([1, 0], [2, 3], None, None),
        ([0], [9], [2], [2]),
        ([-1], [-9], [1], [-1]),
        ([2], [2], [1], None),
    ],
)
def test_slices(starts, ends, axes, steps):
    """Joined with x, since one of them is empty."""
    given = {"s": starts, "e": ends, "a": axes, "t": steps}
    stored = {name: np.array(value) for name, value in given.items() if value is not None}
    inputs = [name if name in stored else "" for name in given]
    nodes = [
        helper.make_node("Slice", ["x", *inputs], ["part"]),
        helper.make_node("Reshape", ["part", "flat"], ["a0"]),
        helper.make_node("Reshape", ["x", "flat"], ["b0"]),
        node("Concat", "a0", "b0", axis=0),
    ]
    check(model(nodes, (2, 4, 5), flat=np.array([-1]), **stored), noise(2, 4, 5))


def test_split_of_which_a_part_is_used():
    nodes = [
        helper.make_node("Split", ["x", "parts"], ["a", "b", "c"], axis=1),
        helper.make_node("Mul", ["a", "a"], ["d"]),
        node("Concat", "d", "c", axis=1),
    ]
    check(model(nodes, (2, 6), parts=np.array([1, 2, 3])), noise(2, 6))


# ---- older opsets, and what there is no gradient of ------------------------------------------------------------------


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 15])
def test_older_opsets_are_converted(opset):
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        node("Softmax", "f", axis=1),
    ]
    old = model(nodes, (1, 2, 7, 7), opset)
    check(version_converter.convert_version(old, 17), noise(1, 2, 7, 7))


def refused(written, x, match):
    with pytest.raises(GradientError, match=match):
        differentiate(written, "x", "y", known_of(written, x), RULES)


def test_operators_without_a_rule_are_named():
    x = noise(2, 3)
    sums = model(node("CumSum", "x", "a"), (2, 3), a=np.array(1))
    refused(sums, x, "'y': there is no gradient of the operator CumSum")
    exponent = [helper.make_node("Exp", ["x"], ["e"]), node("Pow", "c", "e")]
    refused(model(exponent, (2, 3), c=np.float32(2)), x, "'y', Pow: an exponent that is computed has no rule")


def test_other_inputs_that_depend_on_the_start():
    """Axes from the model's inputs are refused where a rule knows the first value only, and never frozen."""
    bound = [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0), node("Clip", "x", "m")]
    refused(model(bound, (2, 3)), noise(2, 3), "'y', Clip: another input that depends on the image")
    best = [helper.make_node("ArgMax", ["x"], ["i"], axis=1, keepdims=0), node("Gather", "x", "i", axis=1)]
    written, x = model(best, (1, 5)), noise(1, 5)
    made = session(differentiate(written, "x", "y", known_of(written, x), RULES))
    for given in (x, -x):
        (gradient,) = made.run([GRADIENT], {"x": given, SEED: np.ones((1, 1), np.float32)})
        assert gradient.argmax() == given.argmax()
        assert gradient.sum() == 1


def test_what_does_not_depend_on_the_start():
    signs = [helper.make_node("Greater", ["x", "c"], ["b"]), helper.make_node("Cast", ["b"], ["y"], to=1)]
    refused(model(signs, (2, 3), c=np.float32(0)), noise(2, 3), "'y' doesn't depend on 'x'")


def test_paths_by_shapes_and_conditions_have_no_gradient():
    nodes = [
        helper.make_node("Greater", ["x", "c"], ["b"]),
        helper.make_node("Cast", ["b"], ["m"], to=1),
        helper.make_node("Mul", ["x", "m"], ["r"]),
        helper.make_node("Shape", ["r"], ["s"]),
        node("Reshape", "r", "s"),
    ]
    written = model(nodes, (2, 3), c=np.float32(0))
    check(written, noise(2, 3), forward=by_onnxruntime(written), step=0.01)


def test_every_rule_is_tested():
    """Each rule is tested by its operator's name in one of these files; those of ONNX Runtime's own domain elsewhere."""
    files = Path(__file__).parent.glob("test_rules_*.py")
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    left = {name for name in RULES if f'"{name}"' not in text and not name.startswith("com.microsoft")}
    assert left <= {"Swish"}  # of an opset that is newer than this ONNX Runtime
