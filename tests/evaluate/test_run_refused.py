"""Evaluations that are refused: for another plan, for shards that don't fit, for what can't be evaluated."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fastcam import HeadNotFoundError, InputError
from fastcam.evaluate import Problem, Protocol, evaluate, merge_shards, read_annotations
from tests.evaluate.evaluations import QUICK, again

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_other_photos_of_the_same_names_are_another_plan(model_and_data, tmp_path):
    rows = "path,label,x0,y0,x1,y1,mask\np.png,3,2,2,20,20,m.png\n"
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        Image.fromarray(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)).save(tmp_path / name / "p.png")
        Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(tmp_path / name / "m.png")
        (tmp_path / name / "d.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "c" / "p.png").write_bytes((tmp_path / "a" / "p.png").read_bytes())
    Image.fromarray(255 - np.eye(32, dtype=np.uint8) * 255).save(tmp_path / "c" / "m.png")  # other masks alone
    evaluate(model_and_data[0], read_annotations(tmp_path / "a" / "d.csv"), tmp_path / "out")
    with open(tmp_path / "b" / "p.png", "ab") as file:
        file.write(b"more")
    for name in ("b", "c"):
        with pytest.raises(InputError, match="digest|data"):
            evaluate(model_and_data[0], read_annotations(tmp_path / name / "d.csv"), tmp_path / "out")


def test_a_plan_tells_the_newest_problems(model_and_data, tmp_path):
    """Photos that are left out aren't part of a plan: the photos that remain are the same."""
    again(model_and_data, tmp_path)
    problem = Problem("x.png", "missing", "t.csv:9: no such file")
    found = again((model_and_data[0], replace(model_and_data[1], problems=(problem,))), tmp_path)
    assert found["data"]["problems"] == [problem._asdict()]
    assert json.loads((tmp_path / "plan.json").read_bytes())["told"]["problems"] == [problem._asdict()]


def test_another_plan_is_refused(model_and_data, tmp_path):
    again(model_and_data, tmp_path, batch_size=8)
    model, data = model_and_data
    for options, words in (
        ({"methods": ("cam",)}, "they differ in rows: "),
        ({"protocol": Protocol(metrics=QUICK, threshold=0.3)}, "threshold: 0.2 there, 0.3 here"),
        ({"batch_size": 9}, "batch_size: 8 there, 9 here"),
        ({"shard": (1, 2), "batch_size": 8}, r"shard: \[1, 1\] there, \[1, 2\] here. Use another folder, or --force"),
    ):
        with pytest.raises(InputError, match=words):
            again(model_and_data, tmp_path, **({"batch_size": 8} | options))
    with pytest.raises(InputError, match="images: 20 there, 19 here; data: "):
        again((model, data.take(np.arange(19))), tmp_path, batch_size=8)
    again(model_and_data, tmp_path, methods=("cam",), force=True)
    assert len(list((tmp_path / "batches").iterdir())) == 1
    (tmp_path / "plan.json").unlink()
    with pytest.raises(InputError, match="it has a results.json alone"):
        again(model_and_data, tmp_path)
    (tmp_path / "plan.json").write_text("[]")
    with pytest.raises(InputError, match="expected"):
        again(model_and_data, tmp_path)


def test_shards_that_do_not_fit_are_refused(model_and_data, tmp_path):
    few = model_and_data[0], model_and_data[1].take(np.arange(6))
    for part in (1, 2, 3):
        again(few, tmp_path / str(part), shard=(part, 3), batch_size=1)
    one, two, three = (tmp_path / str(part) for part in (1, 2, 3))
    target = tmp_path / "merged"
    shutil.copytree(two, tmp_path / "copy")
    again(few, tmp_path / "half", shard=(2, 2))
    again(few, tmp_path / "other", shard=(3, 3), methods=("cam",))
    for folders, words in (
        ([one, three], "expected all shards; 2/3 missing"),
        ([one, two, three, tmp_path / "copy"], "copy: expected another shard than that of .*; both are 2/3"),
        ([one, two, three, tmp_path / "half"], "half: expected a shard of 3, as .* is; got 2/2"),
        ([one, two, tmp_path / "other"], "they differ in rows: .*Use shards of one evaluation"),
        ([one, one], "each once"),
        ([], "one or more"),
        ([tmp_path], r"expected a folder that an evaluation began, with its plan.json"),
    ):
        with pytest.raises(InputError, match=words):
            merge_shards(folders, target)
    with pytest.raises(InputError, match="expected a folder of its own"):
        merge_shards([one, two, three], one)
    (two / "batches" / "000001.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"000001.npz: expected a batch that is whole"):
        merge_shards([one, two, three], target)
    (two / "batches" / "000001.npz").unlink()
    with pytest.raises(InputError, match="2: expected 2 batches; missing: 1. Finish it first"):
        merge_shards([one, two, three], target)
    assert not (target / "results.json").exists()


def test_masks_that_cannot_be_decoded(model_and_data, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / name)
    Image.fromarray(np.eye(32, dtype=np.uint8)).save(tmp_path / "m.bmp")
    (tmp_path / "n.bmp").write_bytes((tmp_path / "m.bmp").read_bytes()[:-300])
    rows = ("path,label,x0,y0,x1,y1,mask", "a.png,3,0,0,9,9,m.bmp", "b.png,3,0,0,9,9,n.bmp")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    data, protocol = read_annotations(tmp_path / "t.csv"), Protocol(metrics=("px_ap",))
    with pytest.raises(InputError, match="n.bmp: expected a mask that can be read"):
        evaluate(model_and_data[0], data, tmp_path / "out", protocol=protocol)
    found = evaluate(model_and_data[0], data, tmp_path / "out", protocol=protocol, strict=False)
    assert found["data"]["images"] == 1
    assert [(one["id"], one["reason"]) for one in found["data"]["problems"]] == [("b.png", "unreadable")]


def test_photos_that_cannot_be_decoded_are_named_once(model_and_data, tmp_path):
    rng = np.random.default_rng(2)
    Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:900])
    (tmp_path / "t.csv").write_text("path,label,x0,y0,x1,y1\na.jpg,3,0,0,9,9", encoding="utf-8")
    data, path = read_annotations(tmp_path / "t.csv"), re.escape(str(tmp_path / "a.jpg"))
    with pytest.raises(InputError, match=f"^{path}: the image is broken or truncated") as caught:
        evaluate(model_and_data[0], data, tmp_path / "out")
    assert str(caught.value).count("a.jpg") == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Protocol(metrics=5), "metrics: expected a tuple of names, or None for all; got 5"),  # pyright: ignore
        (lambda: Protocol(metrics="energy"), "metrics: expected a tuple of names, .*got 'energy'"),  # pyright: ignore
        (lambda: Protocol(metrics=("heuristics",), threshold=0.4), "with top=5 and threshold=0.4; got heuristics"),
        (lambda: Protocol(metrics=("heuristics",), top=2), "with top=2 and threshold=0.2; got heuristics"),
    ],
)
def test_protocols_that_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
    assert "heuristics" in Protocol(threshold=0.39).asked
    assert "heuristics" not in Protocol(threshold=0.4).asked


def test_models_and_data_that_do_not_fit(load_real, mnist, model_and_data, tmp_path):
    model, data = model_and_data
    with pytest.raises(HeadNotFoundError):
        evaluate(mnist, data, tmp_path / "out", methods=["cam"])
    with pytest.raises(
        InputError, match="expected the same classes of all, 10 or more as the data has; a has 10, b has 1000"
    ):
        evaluate({"a": model, "b": load_real("squeezenet1_1_nchw")}, data, tmp_path / "out")
    with pytest.raises(InputError, match="models: expected at least one; got none"):
        evaluate({}, data, tmp_path / "out")
    with pytest.raises(InputError, match="methods: expected one name or more; got 'cam'"):
        evaluate(model, data, tmp_path / "out", methods="cam")
    with pytest.raises(InputError, match="metrics: expected one that the data has truth for; got px_ap; no masks"):
        evaluate(model, data.take([1, 2]), tmp_path / "out", protocol=Protocol(metrics=("px_ap",)))
    for shard in (5, (1,), (0, 2), (1, 2.0), "12"):
        with pytest.raises(InputError, match=r"shard: expected \(i, n\) with 1 <= i <= n; got "):
            evaluate(model, data, tmp_path / "out", shard=shard)  # pyright: ignore
    with pytest.raises(InputError, match="batch_size: expected 1 photo or more; got 2.5"):
        evaluate(model, data, tmp_path / "out", batch_size=2.5)  # pyright: ignore
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written"):
        evaluate(model, data, tmp_path / "file" / "out")
    assert not (tmp_path / "out").exists()
