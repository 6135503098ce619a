"""Streams that don't flicker."""

import random
import time
from dataclasses import replace

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.classifier.steady import Smoother, Steady
from tests.model.models import build, red_finder


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture(scope="module")
def red():
    """A model whose maps are the red and the green channel of the frame, pixel by pixel; classes 0 and 1."""
    return fastcam.load(red_finder(8, 12), preprocess="unit,fit=stretch")


def frames(count, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, 48, 60, 3)).astype(np.uint8))


def found(model, given, steady, **options):
    with model.stream(iter(given), steady=steady, **options) as stream:
        return [explanation for _, explanation in stream]


def timed(given, *steps):
    """Frames with times that are those steps apart."""
    times = np.cumsum([0.0, *steps])
    return list(zip(given, times.tolist(), strict=True))


def test_without_smoothing_and_margin_it_is_as_explained(model):
    given = frames(5)
    for frame, steadied in zip(given, found(model, given, Steady(half_life=0, margin=0), top=3), strict=True):
        alone = model.explain(frame, top=3)
        for name in ("class_index", "scores", "logits", "activation_maps", "regions"):
            np.testing.assert_array_equal(getattr(steadied, name), getattr(alone, name))
        np.testing.assert_array_equal(steadied.boxes.xyxy, alone.boxes.xyxy)
        assert alone.steady is None
        assert alone.limits is None


def test_maps_are_averages_over_time(model):
    """Smooth activation maps of one class by the formula in float64: they are linear in the feature maps."""
    given, steps, half_life = frames(6), (0.1, 0.02, 0.5, 0.0, 0.3), 0.2
    alone = np.stack([model.explain(frame, class_index=4).activation_maps[0, 0] for frame in given]).astype(float)
    average = alone[0]
    got = found(model, timed(given, *steps), Steady(half_life, 0.0), class_index=4)
    for k, explanation in enumerate(got):
        if k:
            past = 2 ** (-max(steps[k - 1], 1e-3) / half_life)
            average = past * average + (1 - past) * alone[k]
        np.testing.assert_allclose(explanation.activation_maps[0, 0], average, atol=1e-5 * np.abs(alone).max())
        np.testing.assert_array_equal(
            explanation.boxes.xyxy, fastcam.find_boxes(explanation.activation_maps, (48, 60)).xyxy
        )


def test_boxes_are_of_the_smoothed_map(red):
    """Red moves from the left to the right at once; half a second later both count as much."""
    left, right = np.zeros((2, 80, 120, 3), np.uint8)
    left[:, :60, 0], right[:, 60:, 0] = 255, 255
    got = found(red, timed([left, right, right], 0.5, 5.0), Steady(half_life=0.5), class_index=0)
    widths = [np.diff(explanation.boxes.xyxy[0, 0, ::2]).item() for explanation in got]
    assert widths[1] == 120
    assert max(widths[0], widths[2]) < 70


def near_ties(count, lead):
    """Frames that are by turns a bit more red or more green, by grey levels."""
    given = np.full((count, 16, 24, 3), 120, np.uint8)
    given[::2, ..., 0] += lead
    given[1::2, ..., 1] += lead
    return list(given)


@pytest.fixture(scope="module")
def balanced():
    """Softmax over red and green."""
    return fastcam.load(
        build(
            "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
            inputs="float[N, 3, 8, 12] image",
            outputs="float[N, 2] logits",
            k=np.eye(3, dtype=np.float32)[:, :, None, None],
            w=np.array([[4, 0, 0], [0, 4, 0]], np.float32),
            b=np.array([1e-3, -1e-3], np.float32),
        ),
        preprocess="unit,fit=stretch",
    )


def test_a_class_stays_while_another_one_is_hardly_ahead(balanced):
    given = timed(near_ties(9, 4), *[0.04] * 8)
    flipping = [e.class_index[0, 0] for e in found(balanced, given, Steady(0, 0))]
    assert flipping == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    for steady in (Steady(0, 0.1), Steady(1.0, 0.1)):
        assert {e.class_index[0, 0].item() for e in found(balanced, given, steady)} == {0}


def test_a_class_goes_when_another_one_is_well_ahead(balanced):
    red, green = np.full((2, 16, 24, 3), 60, np.uint8)
    red[..., 0], green[..., 1] = 250, 250
    got = found(balanced, timed([red] * 3 + [green] * 20, *[0.04] * 22), Steady(half_life=0.2))
    shown = [e.class_index[0, 0].item() for e in got]
    change = shown.index(1)
    assert shown == [0] * change + [1] * (23 - change)
    assert 4 < change < 12  # the lead has to outlast the smoothing, for about a half-life
    scores = [e.scores[0, 0] for e in got]
    assert np.abs(np.diff(scores[3:])).max() < 0.15


def test_shown_classes_keep_their_places():
    """Two that take turns stay where they are; one that is well ahead takes the place, and the other moves on."""
    smoother = Smoother(Steady(0, 0.1))
    shown = []
    for scores in ([0.46, 0.45, 0.05], [0.45, 0.46, 0.05], [0.46, 0.45, 0.05], [0.3, 0.6, 0.05], [0.1, 0.3, 0.55]):
        values = np.array(scores, np.float32)
        shown.append(smoother.best(values, values, 2).tolist())
    assert shown == [[0, 1], [0, 1], [0, 1], [1, 0], [2, 1]]


def test_scores_that_are_equal_are_ranked_as_explain_does(balanced):
    """Sigmoids of large logits are all 1."""
    data = build(
        "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b) "
        "scores = Sigmoid(logits)",
        inputs="float[N, 3, 8, 12] image",
        outputs="float[N, 5] scores",
        k=np.eye(3, dtype=np.float32)[:, :, None, None],
        w=np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32),
        b=np.array([66.9, 23.9, 38.0, 94.4, -1.6], np.float32),
    )
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    frame = np.full((16, 24, 3), 120, np.uint8)
    alone = model.explain(frame, top=5).class_index[0].tolist()
    assert alone[0] == 3
    assert found(model, [frame], Steady(0, 0), top=5)[0].class_index[0].tolist() == alone


def test_frames_of_the_same_time_are_not_left_out(model):
    a, b, c = frames(3)
    got = found(model, [(a, 0.0), (b, 0.0), (c, 0.0)], Steady(), class_index=4)
    assert len({explanation.activation_maps.tobytes() for explanation in got}) == 3


def test_a_running_scale_widens_at_once_and_shrinks_slowly(red):
    bright, dark = np.full((2, 16, 24, 3), 20, np.uint8)
    bright[4:8, 4:8, 0], dark[4:8, 4:8, 0] = 220, 60
    given = timed([dark, bright, *[dark] * 12], *[0.1] * 13)
    got = found(red, given, Steady(half_life=0.1), class_index=0)
    limits = np.array([e.limits[0, 0] for e in got])
    lows, highs = (np.array([getattr(e.activation_maps[0, 0], end)() for e in got]) for end in ("min", "max"))
    assert (limits[:, 0] <= lows).all()
    assert (limits[:, 1] >= highs).all()
    assert limits[1, 1] == highs[1]  # at once
    assert (np.diff(limits[1:, 1]) < 0).all()
    np.testing.assert_allclose(limits[-1, 1], highs[-1], rtol=0.02)
    picture = fastcam.overlay(bright, got[1], label=False, box=False)
    plain = fastcam.overlay(bright, replace(got[1], limits=None), limits=tuple(limits[1]), label=False, box=False)
    np.testing.assert_array_equal(picture, plain)


def test_a_fixed_scale(red):
    for explanation in found(red, frames(3), Steady(scale=(-1, 3)), class_index=[0, 1]):
        assert explanation.limits.tolist() == [[[-1, 3], [-1, 3]]]
        assert explanation.steady == "half-life 0.25 s, margin 0.1, scale -1 to 3"


def test_what_is_drawn_of_a_noisy_still_picture_flickers_less(load_real, photos):
    """A camera that looks at something that doesn't move, with noise of five grey levels."""
    model = load_real("mobilenet_v2_1.0_224_nchw_gemm")
    still = np.asarray(fastcam.images.photos.read_photo(photos[0]))[::2, ::2].astype(int)
    rng = np.random.default_rng(0)
    noisy = [np.clip(still + rng.normal(0, 5, still.shape), 0, 255).astype(np.uint8) for _ in range(24)]

    def flicker(steady):
        drawn = [
            fastcam.overlay(np.zeros_like(noisy[0]), e, opacity=1, colormap="gray", box=False, label=False)
            for e in found(model, timed(noisy, *[0.04] * 23), steady)
        ]
        return np.abs(np.diff(np.stack(drawn[8:]).astype(int), axis=0)).mean()

    assert flicker(Steady(half_life=0.5)) < 0.35 * flicker(None)


def test_frames_finish_in_order_whatever_is_done_first(model, monkeypatch):
    given = timed(frames(16), *[0.04] * 15)
    expected = found(model, given, Steady(), top=2, workers=1)
    see = type(model.vision).see

    def unevenly(self, photo, run):
        time.sleep(random.random() / 200)
        return see(self, photo, run)

    monkeypatch.setattr(type(model.vision), "see", unevenly)
    for steadied, one in zip(found(model, given, Steady(), top=2, workers=5), expected, strict=True):
        assert (steadied.frame_index, steadied.timestamp) == (one.frame_index, one.timestamp)
        np.testing.assert_array_equal(steadied.activation_maps, one.activation_maps)
        np.testing.assert_array_equal(steadied.boxes.xyxy, one.boxes.xyxy)


def test_a_new_size_and_time_that_goes_back_begin_anew(model):
    a, b, c = frames(3)
    small = c[:40]
    got = found(model, [(a, 0.0), (small, 0.04), (b, 0.08), (c, 0.01)], Steady(), top=2)
    for explanation, frame in zip(got, (a, small, b, c), strict=True):
        np.testing.assert_array_equal(explanation.activation_maps, model.explain(frame, top=2).activation_maps)


def test_every_third_frame_and_frames_that_fail(model):
    given = timed(frames(7), *[0.04] * 6)
    got = found(model, given, Steady(), every=3)
    assert [e.frame_index for e in got] == [0, 0, 0, 3, 3, 3, 6]
    with (
        model.stream([*given[:2], np.zeros((3, 3, 3, 3))], steady=Steady()) as stream,
        pytest.raises(InputError, match="frame 2: image: expected"),
    ):
        for _ in stream:
            pass


@pytest.mark.parametrize(
    "name",
    [
        "squeezenet1_1_int8_qdq",
        "squeezenet1_1_nchw_fp16",
        "mobilenet_v1_0.25_128_fp32_nhwc",
        "mobilenet_v2_1.0_224_quant_q",
    ],
)
def test_feature_maps_of_any_layout_and_dtype(load_real, name):
    model, given = load_real(name), frames(3)
    got = found(model, timed(given, 0.1, 0.1), Steady(half_life=0.1), class_index=7)
    alone = [model.explain(frame, class_index=7).activation_maps.astype(float) for frame in given]
    expected = (alone[0] / 2 + alone[1] / 2) / 2 + alone[2] / 2
    np.testing.assert_allclose(got[2].activation_maps, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"half_life": -1}, "steady: half_life: expected a number from 0 to 1e.06; got -1"),
        ({"half_life": float("nan")}, "steady: half_life: expected"),
        ({"margin": 1.5}, "steady: margin: expected a number from 0 to 1; got 1.5"),
        ({"margin": True}, "steady: margin: expected a number"),
        ({"scale": "fixed"}, r"steady: scale: expected 'running' or \(low, high\), low < high; got 'fixed'"),
        ({"scale": (2, 1)}, r"got \(2, 1\)"),
        ({"scale": (1.0, 1.0 + 1e-12)}, "low < high"),
        ({"scale": (0, float("inf"))}, "steady: scale: expected"),
        ({"scale": None}, "got None"),
    ],
)
def test_options_that_are_refused(options, match):
    with pytest.raises(InputError, match=match):
        Steady(**options)


def test_a_stream_wants_a_steady(model):
    with pytest.raises(InputError, match="steady: expected a fastcam.Steady or None; got True"):
        model.stream([], steady=True)


def test_a_first_frame_is_what_it_is_and_is_not_written_to(model):
    smoother = Smoother(Steady())
    seen = model.vision.see(frames(1)[0])
    before = seen.feature_maps.copy()
    assert smoother.smooth(seen, 0.0) is seen
    smoother.smooth(replace(seen, feature_maps=before + 1), 0.1)
    np.testing.assert_array_equal(seen.feature_maps, before)
