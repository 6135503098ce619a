"""Pictures of worst cases: of photos that have moved or are gone, with boxes of every convention, and of shards."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.cli import main
from fastcam.cli.figures import table
from fastcam.evaluate import Pictures, Protocol, merge_shards, read_annotations
from fastcam.evaluate.report import ShardPictures, write_report
from tests.evaluate.evaluations import again
from tests.evaluate.reports import picture, read_report
from tests.evaluate.reports import results as results_of_reports
from tests.markup import parse

pytestmark = pytest.mark.usefixtures("few_resamples")
KNOWN = Protocol(metrics=("known",))


def run(*arguments):
    return main(["eval", *map(str, arguments)])


@pytest.fixture
def command(shared):
    """Arguments of a quick run, without the data and the folder."""
    model = shared / "models" / "cifar10_resnet20.onnx"
    return lambda data, *rest: (
        model, data, "--preprocess", "imagenet,fit=stretch", "--method", "cam,layercam", "--metrics", "known", *rest
    )  # fmt: skip


# ---- photos that aren't where they were ------------------------------------------------------------------------------


def test_photos_are_looked_for_where_they_are_now(model_and_data, cifar_table, tmp_path):
    model, _ = model_and_data
    shutil.copytree(cifar_table.parent, tmp_path / "then")
    results = again((model, read_annotations(tmp_path / "then" / cifar_table.name)), tmp_path / "out", protocol=KNOWN)
    before = Pictures({"cifar10_resnet20": model}, results)(0, 0)
    (tmp_path / "then").rename(tmp_path / "now")
    moved = read_annotations(tmp_path / "now" / cifar_table.name)
    np.testing.assert_array_equal(Pictures({"cifar10_resnet20": model}, results, moved)(0, 0), before)
    gone = Pictures({"cifar10_resnet20": model}, results)
    assert results["worst"][0]["path"] in gone(0, 0)
    (tmp_path / "page").mkdir()
    page = read_report(tmp_path / "page", results, gone)
    told = [next(figure.all("p")).text for item in page.all("ol", class_="cases") for figure in item.all("figure")]
    assert len(told) == 2 * 20
    assert told[0] == f"No picture: {Path(results['worst'][0]['path']).name}: no such file; expected a photo"


def test_a_finished_run_is_told_again_from_another_folder(command, cifar_table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(cifar_table.parent)
    assert run(*command(cifar_table.name, "-o", tmp_path / "out")) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<image ") >= 20
    monkeypatch.chdir(tmp_path)
    assert run(*command(cifar_table, "-o", "out")) == 0
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").count("<image ") == page.count("<image ")
    capsys.readouterr()


# ---- boxes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["gradcam", "wsol", "cam-release"])
def test_boxes_of_every_convention_are_drawn(model_and_data, tmp_path, convention):
    model, data = model_and_data
    results = again(model_and_data, tmp_path, protocol=Protocol(convention=convention, metrics=("known",)))
    pictures, drawn = Pictures({"cifar10_resnet20": model}, results), 0
    for k, case in enumerate(results["worst"]):
        method, path = results["rows"][case["row"]]["method"], data.paths[data.ids.index(case["id"])]
        one = model.explain(path, class_index=case["class_index"], method=method)
        plain = fastcam.overlay(path, one, box=False, label=False)
        shown = np.asarray(pictures(case["row"], k))
        changed = np.argwhere((shown != plain).any(axis=2))
        if case["box"] is None:
            assert not len(changed)
            continue
        x0, y0, x1, y1 = np.rint(case["box"]).astype(int)  # with a black line around it
        assert (shown[[y0, y1 - 1], x0:x1] == 255).all()
        assert (shown[y0:y1, [x0, x1 - 1]] == 255).all()
        assert (changed >= [y0 - 1, x0 - 1]).all()
        assert (changed <= [y1, x1]).all()
        drawn += 1
    assert drawn > 5


# ---- shards ----------------------------------------------------------------------------------------------------------


def test_the_page_of_shards_is_that_of_the_whole(command, cifar_table, tmp_path, capsys):
    assert run(*command(cifar_table, "-o", tmp_path / "whole")) == 0
    shards = [tmp_path / str(part) for part in (1, 2, 3)]
    for part, shard in enumerate(shards, 1):
        assert run(*command(cifar_table, "-o", shard, "--shard", f"{part}/3")) == 0
    shutil.copytree(shards[2], tmp_path / "bare")
    (tmp_path / "bare" / "report.html").unlink()
    capsys.readouterr()
    assert run("merge", *shards, "-o", tmp_path / "merged") == 0
    for name in ("results.json", "results.md", "report.html"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    results = json.loads((tmp_path / "merged" / "results.json").read_bytes())
    told = "20 photos: results.json, results.md and report.html in"
    assert capsys.readouterr().out == f"{table(results, 80)}\n{told} {tmp_path / 'merged'}\n"

    assert run("merge", *shards[:2], tmp_path / "bare", "-o", tmp_path / "fewer") == 0
    page = parse((tmp_path / "fewer" / "report.html").read_text(encoding="utf-8"))
    known = len(list(parse((tmp_path / "whole" / "report.html").read_text(encoding="utf-8")).all("image")))
    assert 0 < len(list(page.all("image"))) < known
    assert page.text.count("No picture: it is in no shard's report") > 0
    assert page.text.count("No picture.") == 0
    refuse_what_means_nothing(shards, tmp_path, capsys)
    refuse_to_replace(shards, tmp_path, capsys)


def refuse_what_means_nothing(shards, tmp_path, capsys):
    """Values that are the defaults, too."""
    for options, told in (
        (("--top", "5"), "--top"),
        (("--convention", "paper", "--metrics=energy"), "--convention, --metrics=energy"),
        (("--method", "cam", "--force"), "--method"),
    ):
        for command in ((*shards, "-o", tmp_path / "new", *options), (*options, "--path", tmp_path / "new", *shards)):
            assert run("merge", *command) == 2
            message = f"merge: expected folders, -o and --force alone, as the shards' plans say the rest; got {told}\n"
            assert capsys.readouterr().err == f"fastcam eval: error: {message}"
    assert not (tmp_path / "new").exists()


def refuse_to_replace(shards, tmp_path, capsys):
    for name in ("results.json", "results.md", "report.html"):
        target = tmp_path / f"of {name}"
        target.mkdir()
        (target / name).write_text("another's")
        assert run("merge", *shards, "-o", target) == 2
        assert f"expected a new folder; it has {name}. Use another, or --force (force=True)" in capsys.readouterr().err
        with pytest.raises(InputError, match=f"expected a new folder; it has {name}"):
            merge_shards(shards, target)
        assert [(one.name, one.read_text()) for one in target.iterdir()] == [(name, "another's")]
        found = merge_shards(shards, target, force=True)
        assert json.loads((target / "results.json").read_bytes()) == found
        assert sorted(one.name for one in target.iterdir()) == ["results.json", "results.md"]
        assert run("merge", *shards, "-o", target, "--force") == 0
        assert (target / "report.html").read_bytes() == (tmp_path / "merged" / "report.html").read_bytes()
    assert run("merge", *shards, "-o", shards[0], "--force") == 2
    assert "expected a folder of its own for what is merged; it has a plan.json" in capsys.readouterr().err


def test_reports_of_others_give_pictures_and_nothing_else(tmp_path):
    given = results_of_reports("cam", "center", cases=1)
    given["worst"], given["rows"][1]["model"] = given["worst"][:1], None
    given["worst"][0]["id"] = "<image>\udcff"
    read_report(tmp_path, given, lambda row, case: None if row else picture(row, case))
    found = ShardPictures([tmp_path], given)
    assert found(1, 0) is None
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    again = write_report(tmp_path, given, found).read_text(encoding="utf-8")
    assert again == page
    for change in (("data:image/jpeg;base64,", "javascript:"), ('width="60"', 'width="0"'), (page, "\udcff")):
        (tmp_path / "report.html").write_text(page.replace(*change), encoding="utf-8", errors="surrogatepass")
        assert ShardPictures([tmp_path, tmp_path / "nowhere"], given)(0, 0) == "it is in no shard's report"
