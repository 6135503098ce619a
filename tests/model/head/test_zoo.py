"""Every hand-made head of the zoo: the right kind, the right tensor, the framework's weights, and no false exact."""

import numpy as np
import pytest

import fastcam
from fastcam import HeadNotFoundError
from tests.zoo import ALL

EXACT = ("cam", "cam-spatial")


def kind_and_head(case):
    try:
        head = fastcam.load(case.model, **case.options).head
    except HeadNotFoundError as error:
        if not str(error).startswith("no head found: no tensor of feature maps that every path"):
            raise
        return "none", None
    return head.kind, head


@pytest.mark.parametrize("name", ALL)
def test_the_head_is_what_it_is(name):
    case = ALL[name]()
    kind, head = kind_and_head(case)
    if case.kind == "not-exact":
        assert kind not in EXACT
        return
    assert kind == case.kind, head.reason if head else ""
    if head is None:
        return
    right = dict.fromkeys(case.feature_maps, (case.layout, case.prefix)) | dict(case.also)
    found = head.feature_maps.removesuffix("/real")
    if right:
        assert found in right
        assert (head.layout, head.prefix) == right[found]
    if case.weights is not None:
        scale = np.abs(case.weights).max()
        np.testing.assert_allclose(head.class_weights, case.weights, rtol=0, atol=case.tolerance * scale)
        np.testing.assert_allclose(head.bias, case.bias, rtol=0, atol=case.tolerance * max(1, np.abs(case.bias).max()))
    if head.is_exact:
        assert head.identity_error <= 1e-5
