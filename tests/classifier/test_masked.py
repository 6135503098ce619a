"""Arrays with a mask: refused at every door, as the mask would be lost."""

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.images import network_input
from fastcam.images.preprocessing import Preprocess
from tests.model.models import build, classifier
from tests.model.ranks import array, network

BANDS = "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)"


def bands():
    return build(BANDS, "float[N, 4, 16, 16] image", k=(5, 4, 1, 1))


# name → (model, preprocessing, array)
DOORS = {
    "a photo": (classifier, "unit", np.zeros((20, 20, 3), np.uint8)),
    "photos": (classifier, "unit", np.zeros((2, 20, 20, 3), np.uint8)),
    "bands": (bands, "bands", np.zeros((20, 20, 4), np.uint8)),
    "a signal": (lambda: network(1).model, "raw", array(1)),
    "a volume": (lambda: network(3).model, "raw", array(3)),
}


@pytest.mark.parametrize("door", DOORS)
def test_masked_arrays_are_refused(door):
    made, name, values = DOORS[door]
    spec = Preprocess(channels="bands") if name == "bands" else name
    model, masked = fastcam.load(made(), preprocess=spec), np.ma.MaskedArray(values, mask=values == 0)
    assert model.explain(values, method="auto").logits.shape[1]
    for given in (masked, [masked]) if values.ndim != 4 else (masked,):
        with pytest.raises(InputError, match=r"expected a plain array; got a masked one, whose mask would be lost"):
            model.explain(given)
    if model.input.rank == 2:
        with pytest.raises(InputError, match="frame: expected a plain array; got a masked one"):
            network_input(masked[0] if values.ndim == 4 else masked, (0, 0, 20, 20), model.preprocess, model.input)


def test_a_masked_clip_is_refused():
    body = "maps = Conv(clip, k) p = GlobalAveragePool(maps) logits = Flatten(p)"
    data = build(body, "float[N, 3, 4, 8, 8] clip", k=(5, 3, 1, 1, 1))
    model = fastcam.load(data, preprocess="imagenet")
    with pytest.raises(InputError, match="clip: expected a plain array; got a masked one"):
        model.explain(np.ma.zeros((4, 8, 8, 3), np.uint8))


def test_masked_constants_are_refused_at_loading():
    data = build(
        f"{BANDS} scaled = Mul(logits, gain)".replace("logits", "s").replace("scaled", "logits"),
        "float[1] gain, float[N, 4, 16, 16] image",
        k=(5, 4, 1, 1),
    )
    with pytest.raises(InputError, match="constants: 'gain': expected a plain array; got a masked one"):
        fastcam.load(data, preprocess="raw", constants={"gain": np.ma.ones(1)})
