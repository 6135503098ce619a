"""`fastcam explain` of signals, volumes and clips: files in, pictures and results.json out."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fastcam import InputError
from fastcam.arrays import memory
from fastcam.cli import explain, main
from fastcam.cli.crew import Crew
from fastcam.cli.options import open_model
from fastcam.cli.recordings import open_recording
from tests.model.models import build
from tests.model.ranks import SIZES, array, network


def run(*arguments) -> tuple[int, Any]:
    code = main(["explain", "model.onnx", *map(str, arguments), "--preprocess", "raw", "-o", "out"])
    return code, json.loads(Path("out/results.json").read_text(encoding="utf-8")) if code == 0 else None


@pytest.fixture(params=[1, 3])
def rank(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(network(request.param).model)
    return request.param


def test_arrays_of_both_ranks_are_explained_and_drawn(rank):
    np.save("one.npy", array(rank))
    np.savez("two.npz", a=array(rank, 1), b=array(rank, 2))
    code, found = run("one.npy", "two.npz:b", "--top", "2")
    assert code == 0
    assert [one["file"] for one in found["images"]] == ["one.npy", "two.npz:b"]
    sides = dict(zip(("width", "height", "depth") if rank == 3 else ("length",), SIZES[rank][::-1], strict=True))
    for image in found["images"]:
        assert image["size"] == sides
        assert image["sha256"]
        for one in image["maps"]:
            assert one["box"] is None or len(one["box"]) == 2 * rank
            picture = np.asarray(Image.open(f"out/{one['overlay']}"))
            assert picture.shape[2] == 3
            assert picture.std() > 1
    again, same = run("one.npy", "two.npz:b", "--top", "2")
    assert (again, same["images"]) == (0, found["images"])


def test_folders_are_searched_for_what_the_model_takes(rank, capsys):
    """A folder of photos and arrays stands for what the model takes; a file that is named is always taken."""
    Path("all/below").mkdir(parents=True)
    Path("photos").mkdir()
    np.save("all/one.npy", array(rank))
    np.savez("all/below/two.NPZ", array(rank, 1))
    os.rename("all/below/two.NPZ.npz", "all/below/two.NPZ")
    for place in ("all/photo.png", "photos/photo.png"):
        Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(place)
    code, found = run("all", "al*/one.npy")
    assert code == 0
    assert [one["file"] for one in found["images"]] == ["all/below/two.NPZ", "all/one.npy"]
    capsys.readouterr()
    assert run("all", "photos") == (2, None)
    kind = {1: "signals", 3: "volumes"}[rank]
    assert f"photos: expected a folder with {kind} (.npy, .npz, .nii, .nii.gz), which the model takes" in (
        capsys.readouterr().err
    )
    assert run("all", "all/photo.png") == (2, None)
    assert "photo.png: expected a file of .npy" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "workers", "threads"), [((), 1, None), (("--workers", "3"), 3, 2)])
def test_volumes_are_explained_one_by_one(rank, monkeypatch, options, workers, threads):
    """Each fills the memory; several only where they are asked for."""
    asked = []
    monkeypatch.setattr("fastcam.arrays.pool.processors", lambda: 6)
    monkeypatch.setattr(explain, "Crew", lambda work, count: asked.append(count) or Crew(work, count))
    monkeypatch.setattr(explain, "open_model", lambda options: asked.append(options.threads) or open_model(options))
    for seed in range(4):
        np.save(f"{seed}.npy", array(rank, seed))
    assert run(*(f"{seed}.npy" for seed in range(4)), *options)[0] == 0
    assert asked == [threads, workers if rank == 3 or options else 4]


def test_nifti_is_explained_as_depth_height_width(tmp_path, monkeypatch):
    nibabel = pytest.importorskip("nibabel")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(network(3).model)
    nibabel.save(nibabel.Nifti1Image(array(3).transpose(2, 1, 0, 3), np.diag([1, 1, 3, 1])), "ct.nii.gz")
    np.save("ct.npy", array(3))
    code, found = run("ct.nii.gz", "ct.npy")
    assert code == 0
    one, other = (image["maps"][0] for image in found["images"])
    assert one["box"] == other["box"]
    assert one["score"] == other["score"]


def test_clips_are_read_from_videos(tmp_path, monkeypatch):
    pytest.importorskip("av")
    from fastcam.video.writer import write

    monkeypatch.chdir(tmp_path)
    body = "c = Conv<pads = [1, 1, 1, 1, 1, 1]>(clip, k) maps = Relu(c) p = GlobalAveragePool(maps) q = Flatten(p)"
    body += " logits = Gemm<transB = 1>(q, w, b)"
    weights = {"k": (6, 3, 3, 3, 3), "w": (5, 6), "b": (5,)}
    (tmp_path / "model.onnx").write_bytes(build(body, "float[N, 3, 4, 16, 16] clip", "float[N, 5] logits", **weights))
    with write("clip.mp4", rate=25) as writer:
        for seed in range(9):
            writer.write(np.random.default_rng(seed).integers(0, 256, (32, 48, 3), dtype=np.uint8))
    code, found = run("clip.mp4")
    assert code == 0
    (image,) = found["images"]
    assert image["size"] == {"width": 48, "height": 32, "depth": 9}
    assert (tmp_path / "out" / image["maps"][0]["overlay"]).is_file()
    monkeypatch.setattr(memory, "free_memory", lambda: 1)
    with pytest.raises(InputError, match="clip.mp4: expected an array that fits the memory"):
        open_recording("clip.mp4", 3, 3)


def test_signals_of_many_channels_are_drawn(tmp_path, monkeypatch):
    """An EEG of 64 channels needs more than the default height."""
    monkeypatch.chdir(tmp_path)
    body = "c = Conv<pads = [1, 1]>(eeg, k) maps = Relu(c) p = GlobalAveragePool(maps) q = Flatten(p)"
    body += " logits = Gemm<transB = 1>(q, w, b)"
    weights = {"k": (6, 64, 3), "w": (5, 6), "b": (5,)}
    (tmp_path / "model.onnx").write_bytes(build(body, "float[N, 64, 40] eeg", "float[N, 5] logits", **weights))
    np.save("eeg.npy", np.random.default_rng(0).standard_normal((40, 64)))
    code, found = run("eeg.npy")
    assert code == 0
    assert np.asarray(Image.open(f"out/{found['images'][0]['maps'][0]['overlay']}")).shape == (804, 1080, 3)


def test_files_that_a_model_does_not_take_are_refused(rank, capsys):
    kind = {1: "signals", 3: "volumes"}[rank]
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save("photo.png")
    assert run("photo.png") == (2, None)
    assert (
        f"photo.png: expected a file of .npy, .npz, .nii, .nii.gz, as the model takes {kind}" in capsys.readouterr().err
    )
    np.save("flat.npy", np.zeros((3, 3, 3, 3, 3)))
    assert run("flat.npy") == (2, None)
    assert "flat.npy: expected a " in capsys.readouterr().err
    np.savez("two.npz", a=array(rank), b=array(rank))
    assert run("two.npz:c") == (2, None)
    assert "two.npz:c: expected the key of an array, one of a, b; got 'c'" in capsys.readouterr().err
