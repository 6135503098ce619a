"""Explanations of signals and volumes in every export: written as they are, or refused with what to use instead."""

import re
from typing import Any

import numpy as np
import pytest

from fastcam import InputError, export
from tests.results.explained import model, of_rank, photos

SIZES: dict[int, Any] = {1: (30,), 3: (60, 40, 20)}
KINDS = {1: r"signals, \(30,\). Draw it with overlay_signal$", 3: "volumes or clips, .*overlay_slices, overlay_frames$"}


def image_of(rank):
    return np.random.default_rng(rank).integers(0, 256, SIZES[rank], dtype=np.uint8)


def calls(found, rank, folder):
    """Return what calls each export of an explanation, by its name, and whether the rank is its own."""
    image, photo = image_of(rank), np.zeros((30, 40, 3), np.uint8)
    clip = np.zeros((*SIZES[3], 3), np.uint8)
    return {
        "overlay": (lambda: export.overlay(photo, found), False),
        "overlay_signal": (lambda: export.overlay_signal(image, found), rank == 1),
        "overlay_slices": (lambda: export.overlay_slices(image, found), rank == 3),
        "overlay_montage": (lambda: export.overlay_montage(image, found), rank == 3),
        "overlay_frames": (lambda: export.overlay_frames(clip, found), rank == 3),
        "segment": (lambda: export.segment(photo, found), False),
        "show": (lambda: export.show(image, found), False),
        "to_coco": (lambda: export.to_coco(found), False),
        "to_yolo": (lambda: export.to_yolo(found), False),
        "to_supervision": (lambda: export.to_supervision(found), False),
        "to_json_line": (lambda: export.to_json_line(found), True),
        "save_npz": (lambda: export.save_npz(folder / "found.npz", found), True),
    }


OF_SOMETHING_ELSE = {"Baked", "bake", "colormap", "load_npz", "save_labels", "seeds"}  # models, maps, labels, files


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("name", sorted(set(export.__all__) - OF_SOMETHING_ELSE))
def test_every_export_of_other_ranks(rank, name, tmp_path):
    call, fits = calls(of_rank(model().explain(photos()[:1], top=2), rank), rank, tmp_path)[name]
    if fits:
        call()
        return
    with pytest.raises(InputError, match=r"^(explanation|image|signal|volume|clip|frames)\b.*: expected ") as raised:
        call()
    if not name.startswith("overlay_"):
        assert re.search(f"^explanation: expected one of images; got one of {KINDS[rank]}", str(raised.value))


@pytest.mark.parametrize(("rank", "field"), [(1, "xx"), (3, "xyzxyz")])
def test_boxes_in_npz_have_the_name_of_their_kind(rank, field, tmp_path):
    found: Any = of_rank(model().explain(photos(), top=2), rank)
    export.save_npz(tmp_path / "found.npz", found)
    held = export.load_npz(tmp_path / "found.npz")
    np.testing.assert_array_equal(held[field], getattr(found.boxes, field))
    np.testing.assert_array_equal(held["area"], found.boxes.area)
    assert "xyxy" not in held


@pytest.mark.parametrize("part", [lambda e: e[0], lambda e: e[0][0]], ids=["image", "class"])
@pytest.mark.parametrize(
    "call",
    [
        lambda photo, part: export.overlay(photo, part),
        lambda photo, part: export.show(photo, part),
        lambda photo, part: export.segment(photo, part),
        lambda photo, part: export.overlay_signal(photo[:, 0, 0], part),
    ],
    ids=["overlay", "show", "segment", "overlay_signal"],
)
def test_what_iterating_yields_is_refused_with_what_to_give(call, part):
    image = photos()[0]
    with pytest.raises(
        InputError, match=r"explanation: expected the result .* got (ImageExplanation|Found)\. .*\[0:1\]"
    ):
        call(image, part(model().explain(image)))
