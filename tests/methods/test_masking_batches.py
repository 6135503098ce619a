"""Methods that ask the model again, in batches: of any size, of models that mix a batch's items, told as they go on."""

import numpy as np
import pytest

import fastcam
from fastcam import InputError, methods
from fastcam.model.run import batches
from tests.methods.masks import HIDDEN, PHOTO, assert_close, hidden
from tests.model.models import BACKBONE, WEIGHTS, build

MASKING = methods.names(methods.MaskingMethod)

# ---- batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", MASKING)
def test_the_batch_size_changes_nothing(method):
    model = hidden()
    expected = model.explain(PHOTO, top=3, method=method).activation_maps
    for batch_size in (1, 4, 1000):
        found = model.explain(PHOTO, top=3, method=method, batch_size=batch_size).activation_maps
        assert_close(found, expected, 1e-5)


FIXED = "float[3, 3, 16, 16] image"
STUBBORN = f"{BACKBONE} g = GlobalMaxPool(maps) q = Reshape(g, one) logits = Gemm<transB = 1>(q, w, b)"
MIXING = f"m = ReduceMax<keepdims = 0>(image) i = Div(image, m) {HIDDEN.replace('Conv<pads = [1, 1, 1, 1]>(image', 'Conv<pads = [1, 1, 1, 1]>(i')}"
MIXING_TAIL = HIDDEN.replace("Flatten(g)", "Flatten(d) ").replace(
    "q =", "m = ReduceMax<keepdims = 0>(g) d = Div(g, m) q ="
)


@pytest.mark.parametrize("method", MASKING)
@pytest.mark.parametrize(
    ("body", "inputs", "weights"),
    [
        (HIDDEN, FIXED, {}),
        (STUBBORN, "float[N, 3, 16, 16] image", {"one": np.array([1, 6])}),
        (MIXING, "float[N, 3, 16, 16] image", {}),
        (MIXING_TAIL, "float[N, 3, 16, 16] image", {}),
    ],
    ids=["a batch of three", "a Reshape to a batch of one", "images scaled together", "feature maps scaled together"],
)
def test_models_that_do_not_keep_a_batch_apart(method, body, inputs, weights):
    """The answer is that of images alone, as the same model gives for one."""
    outputs = "float[3, 5] logits" if inputs is FIXED else "float[N, 5] logits"
    model = fastcam.load(
        build(body, inputs=inputs, outputs=outputs, **WEIGHTS | weights), preprocess="unit,fit=stretch"
    )
    single = inputs.replace("N,", "1,").replace("[3, 3", "[1, 3")
    alone = fastcam.load(
        build(body, inputs=single, outputs="float[1, 5] logits", **WEIGHTS | weights), preprocess="unit,fit=stretch"
    )
    found, expected = (one.explain(PHOTO, top=2, method=method).activation_maps for one in (model, alone))
    assert_close(found, expected, 1e-5)


@pytest.mark.parametrize("batch_size", [6, 3, 2])
def test_items_that_the_others_drown(batch_size):
    """As int8 models that find their ranges while running: where all are alike it doesn't show."""

    def rounded(items):
        step = np.abs(items).max() / 8
        return np.round(items / step) * step

    items = np.tile(np.array([1, 0.3, 1], np.float32), (6, 1))
    items[5] = [100, 1, 1]
    told = []
    asked = batches.Forwards(rounded, 1, 1, 3)
    found = asked.ask(6, lambda n: items[n], (3,), lambda _, logits: logits, batch_size, told.append)
    np.testing.assert_allclose(found, np.concatenate([rounded(item[None]) for item in items]), rtol=1e-6)
    assert told[-1] == 6


def test_a_model_that_keeps_items_apart_is_seldom_asked_twice():
    asked = []
    items = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)

    def double(items):
        asked.append(len(items))
        return 2 * items

    found = batches.Forwards(double, 1, 1, 3).ask(
        64, lambda n: items[n], (3,), lambda _, logits: logits, 2, lambda _: None
    )
    np.testing.assert_array_equal(found, 2 * items)
    assert sum(asked) <= 64 + 2 * 6  # of batches 1, 2, 3, 5, 9 and 17 out of 32


def test_batches_that_memory_does_not_hold(monkeypatch):
    model = hidden()
    with pytest.raises(InputError, match=r"batch_size: expected at most \d+, which take about 4096 MB .* got 1000000"):
        model.explain(PHOTO, method="scorecam", batch_size=1_000_000)
    told = []
    item = 4 * (3 * 16 * 16 * 49 + 5)
    monkeypatch.setattr(batches, "BUDGET", 2 * item + 1)
    model.explain(PHOTO, method="scorecam", progress=lambda *now: told.append(now))
    assert told == [(2, 6), (4, 6), (6, 6)]
    monkeypatch.setattr(batches, "LIMIT", item - 1)
    with pytest.raises(
        InputError,
        match="expected a forward that takes less than .* Use a smaller .*; method='gradcam' asks the model once",
    ):
        model.explain(PHOTO, method="scorecam")


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "8", [4]])
@pytest.mark.parametrize("method", ["scorecam", "cam"])
def test_batch_sizes_that_are_none(load_real, method, value):
    with pytest.raises(InputError, match="batch_size: expected a whole number, 1 or more, or None; got"):
        load_real("cifar10_resnet20").explain(PHOTO, method=method, batch_size=value)


# ---- progress --------------------------------------------------------------------------------------------------------


def test_progress_of_several_images(load_real):
    told, model = [], load_real("cifar10_resnet20")
    model.explain(np.stack([PHOTO, 255 - PHOTO]), method="scorecam", batch_size=10, progress=lambda *n: told.append(n))
    done = [n for n, _ in told]
    assert {total for _, total in told} == {128}
    assert done == sorted(set(done))
    assert 64 in done
    assert done[-1] == 128
    assert len(told) >= 8


def test_progress_may_end_the_work():
    model = hidden()
    told = []

    def stop(done, total):
        told.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.explain(PHOTO, method="reciprocam", batch_size=5, progress=stop)
    assert told == [5]
    with pytest.raises(InputError, match=r"progress: expected a function of \(done, total\), or None; got 3"):
        model.explain(PHOTO, method="scorecam", progress=3)  # pyright: ignore
