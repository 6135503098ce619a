"""The page on architecture is true: its table of rooms, and its roads, which are walked and compared."""

import re
import sys
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.data import chelsea

import fastcam
from tests.house.test_architecture import FLOORS, INNER, arrows, name_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
SMALL = {"errors", "package", "data", "files"}
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| `\w+` \|.*\|$", PAGE, re.MULTILINE)]
ROOMS = [row[0].strip("`") for row in ROWS if len(row) == 4]
LANES = {"MainThread": "the caller's thread", "fastcam-stream-source": "the thread of the source"}
MODEL = str(files("fastcam.data") / "squeezenet1_1.onnx")


def may_import(room: str, cell: str) -> set[str]:
    """Return the rooms that a cell of the table allows."""
    above, named = set(ROOMS[: ROOMS.index(room)]), set(re.findall(r"`(\w+)`", cell))
    if cell.startswith("rooms above"):
        return above - named
    return named | (SMALL if "four" in cell or "three" in cell else set())


def test_the_table_has_the_rooms_in_the_order_of_the_house():
    assert [room for floor in FLOORS for room in floor] == [*ROOMS, "__main__", "pyinstaller"]


@pytest.mark.parametrize("row", [row for row in ROWS if len(row) == 4], ids=lambda row: row[0])
def test_a_room_imports_what_its_row_says(row):
    room = row[0].strip("`")
    modules = [path for path in INNER if name_of(path).split(".")[0] == room]
    used = {target.split(".")[0] for path in modules for target in arrows(path)} - {room}
    assert modules
    assert used <= may_import(room, row[3])


Step = tuple[str, str]  # thread, function


def road(title: str) -> list[Step]:
    """Return the functions of a drawing, in order, each with the thread that it is drawn on."""
    drawing = PAGE.split(f"### {title}")[1].split("```text\n")[1].split("```")[0]
    found, room, lane = [], "", "the caller's thread"
    for line in drawing.splitlines():
        if heading := re.fullmatch(r"│  (the .*)", line):
            lane = heading[1]
        elif step := re.match(r"(?:├─ (\w+)|│) +(\S+)\.py +([\w.]+(?:, [\w.]+)*)", line):
            room = step[1] or room
            module = f"{room}.{step[2].replace('/', '.')}"
            found += [(lane, f"{module}.{name}") for name in step[3].split(", ")]
    return found


def walk(call: Callable[[], Any]) -> list[Step]:
    """Return the functions of fastcam that a call enters, in the order of their first calls."""
    found: dict[Step, None] = {}

    def note(frame: Any, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("fastcam."):
            thread = LANES.get(threading.current_thread().name, "the threads of the workers")
            found[thread, f"{module.removeprefix('fastcam.')}.{frame.f_code.co_qualname}"] = None

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(found)


def stream(model: fastcam.Classifier) -> None:
    with model.stream([chelsea()] * 2) as pairs:
        assert len(list(pairs)) == 2


ARRAYS = (np.ones((2, 2, 3, 3), np.float32), np.ones((2, 2), np.float32), 1, (50, 60))
CALLS: dict[str, tuple[int, Callable[[fastcam.Classifier], object]]] = {  # rooms, as the issue counts them
    "A photo": (7, lambda model: model.explain(chelsea(), top=2)),
    "A frame": (7, stream),
    "A model file": (5, lambda _: fastcam.load(MODEL, labels="imagenet", preprocess="caffe-bgr")),
    "An array": (2, lambda _: fastcam.localize(*ARRAYS)),
}


@pytest.fixture(scope="module")
def model() -> fastcam.Classifier:
    return fastcam.load(MODEL, preprocess="caffe-bgr")


@pytest.mark.parametrize("title", CALLS)
def test_a_call_goes_the_road_that_is_drawn(title, model):
    rooms, call = CALLS[title]
    call(model)  # what is compiled or opened once is not of the road
    drawn, walked = road(title), walk(lambda: call(model))
    on_cpu = [name for _, name in drawn if name.startswith("kernels.")]
    assert all(callable(_found(name)) for name in on_cpu)  # machine code, which no profile shows
    drawn = [step for step in drawn if step[1] not in on_cpu]
    assert len(drawn) > 5
    for lane in {lane for lane, _ in drawn}:
        wanted = [name for own, name in drawn if own == lane]
        assert [name for own, name in walked if own == lane and name in wanted] == wanted
    entered = {name.split(".")[0] for _, name in walked} - SMALL
    assert len(entered) <= rooms


def _found(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules[f"fastcam.{module}"], attribute)
