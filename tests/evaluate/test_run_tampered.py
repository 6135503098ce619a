"""Folders of evaluations that were damaged or edited end in errors that name the file."""

import contextlib
import copy
import hashlib
import io
import json
import shutil
import warnings

import numpy as np
import pytest

from fastcam import FastcamError, InputError
from fastcam.evaluate import merge_shards
from tests.evaluate.evaluations import again

pytestmark = pytest.mark.usefixtures("few_resamples")
ODD = (None, True, -1, 0, 10**30, 1e300, "", "x", [], {}, [1, 2, 3])


@pytest.fixture(scope="module")
def whole(model_and_data, few_resamples, tmp_path_factory):
    """The folder of one run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    again((model_and_data[0], model_and_data[1].take(np.arange(6))), folder, batch_size=3)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def places(value, path=()):
    """The keys that lead to each value of nested dictionaries and lists."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def test_every_value_of_a_plan_that_is_edited(folder, tmp_path):
    plan = json.loads((folder / "plan.json").read_bytes())
    for k, (*outer, last) in enumerate(path for path in places(plan) if path):
        odd = ODD[k % len(ODD)]
        edited = copy.deepcopy(plan)
        inner = edited
        for key in outer:
            inner = inner[key]
        if inner[last] == odd:
            continue
        inner[last] = odd
        (folder / "plan.json").write_text(json.dumps(edited))
        with pytest.raises(InputError, match=r"plan\.json"):
            merge_shards([folder], tmp_path / "merged")
    for text in ("", "[]", "{}", "5", "null", '"sum"', "[" * 100_000, "\udcff", '{"sum": NaN}', '{"a": 1}'):
        (folder / "plan.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(InputError, match=r"plan\.json"):
            merge_shards([folder], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_every_value_of_a_plan_that_is_edited_with_its_check_sum(folder, tmp_path, model_and_data):
    """Changes by somebody who knows how end in an error of ours that names the folder, or in figures of what is there."""

    def write(edited):
        text = json.dumps(edited, indent=2) + "\n"
        (folder / "plan.json").write_text(
            json.dumps({**edited, "sum": hashlib.sha256(text.encode()).hexdigest()}), encoding="utf-8"
        )

    plan = json.loads((folder / "plan.json").read_bytes())
    del plan["sum"]
    for k, (*outer, last) in enumerate(path for path in places(plan) if path):
        for odd in ODD if len(outer) < 2 and last in (*plan, "images", "problems", 0, 1) else ODD[k % len(ODD) :][:1]:
            edited = copy.deepcopy(plan)
            inner = edited
            for key in outer:
                inner = inner[key]
            inner[last] = odd
            write(edited)
            with contextlib.suppress(FastcamError):
                merge_shards([folder], tmp_path / "merged", force=True)
    for odd in ({}, {"asked": []}, plan | {"shard": [1, 0]}, plan | {"asked": {}, "batch_size": 0}):
        write(odd)
        with pytest.raises(
            InputError, match=r"plan\.json: expected the plan of an evaluation; '\w+' in it isn't one's.*--force"
        ):
            again((model_and_data[0], model_and_data[1].take(np.arange(6))), folder, batch_size=3)


def test_a_plan_that_was_edited_is_not_resumed(folder, model_and_data):
    few = model_and_data[0], model_and_data[1].take(np.arange(6))
    text = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(text.replace('"batch_size": 3', '"batch_size": 4'))
    with pytest.raises(InputError, match=r"plan\.json: expected the plan of an evaluation; it was changed.*--force"):
        again(few, folder, batch_size=3)
    again(few, folder, batch_size=3, force=True)


def test_batches_of_damaged_bytes(folder, tmp_path):
    """None passes: each has a check sum."""
    file, rng = folder / "batches" / "000001.npz", np.random.default_rng(0)
    data = file.read_bytes()
    for _ in range(200):
        values = np.frombuffer(data, np.uint8).copy()
        values[rng.integers(len(values))] ^= 1 << rng.integers(0, 8)
        file.write_bytes(values.tobytes()[: None if rng.integers(4) else rng.integers(len(data))])
        if file.read_bytes() == data:
            continue
        with pytest.raises(InputError, match=r"000001\.npz: expected a batch that is whole"):
            merge_shards([folder], tmp_path / "merged", force=True)


def test_columns_that_are_changed_with_their_check_sums(folder, tmp_path):
    """Changes by somebody who knows how end in an error of ours, or in figures of what is there."""
    file = folder / "batches" / "000001.npz"
    with np.load(io.BytesIO(file.read_bytes()[:-32])) as held:
        columns = {name: held[name] for name in held.files}
    refused = 0
    for name, values in columns.items():
        for odd in (
            np.zeros((0, *values.shape[1:]), values.dtype),
            values[None],
            np.array("text"),
            np.full(values.shape, "x"),
            np.zeros(values.shape, np.complex64),
            np.full(values.shape, 2**62),
            np.full(values.shape, -(2**62)),
            None,
        ):
            buffer = io.BytesIO()
            changed = {key: value for key, value in {**columns, name: odd}.items() if value is not None}
            np.savez_compressed(buffer, **changed)
            file.write_bytes(buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                try:
                    merge_shards([folder], tmp_path / "merged", force=True)
                except FastcamError:
                    refused += 1
    assert refused > 3 * len(columns)


def test_a_batch_that_unpacks_to_gigabytes(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("fastcam.evaluate.records.LARGEST", 1000)
    with pytest.raises(
        InputError, match=r"000000\.npz: expected a batch that is whole \(it unpacks to \d+ bytes, more"
    ):
        merge_shards([folder], tmp_path / "merged")


def test_files_that_are_something_else(folder, tmp_path):
    batch = folder / "batches" / "000001.npz"
    batch.unlink()
    batch.mkdir()
    with pytest.raises(InputError, match=r"000001\.npz: expected a batch that is whole"):
        merge_shards([folder], tmp_path / "merged")
    (folder / "plan.json").unlink()
    (folder / "plan.json").mkdir()
    with pytest.raises(InputError, match=r"expected a folder that an evaluation began, with its plan\.json"):
        merge_shards([folder], tmp_path / "merged")


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "a\0b"])
def test_folders_whose_names_are_too_long(model_and_data, folder, name):
    with pytest.raises(FastcamError, match="x{300}|y/y|a.b"):
        again(model_and_data, name)
    with pytest.raises(FastcamError, match="x{300}|y/y|a.b"):
        merge_shards([folder], name)
    with pytest.raises(FastcamError, match="x{300}|y/y|a.b"):
        merge_shards([name], folder)
