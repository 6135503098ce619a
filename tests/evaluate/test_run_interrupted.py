"""Evaluations that are interrupted, killed, damaged or shared out end as if they weren't."""

import json
import multiprocessing
import signal
import time

import numpy as np
import pytest

from fastcam.evaluate import Protocol, markdown, merge_shards
from tests.evaluate.evaluations import QUICK, again

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture(scope="module")
def whole(model_and_data, few_resamples, tmp_path_factory):
    """The bytes of one uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    again(model_and_data, folder)
    return (folder / "results.json").read_bytes()


def test_batches_and_shards_change_nothing(model_and_data, tmp_path, whole):
    assert "NaN" not in whole.decode()
    again(model_and_data, tmp_path / "sevens", batch_size=7)
    assert (tmp_path / "sevens" / "results.json").read_bytes() == whole
    for part in (3, 1, 2):
        again(model_and_data, tmp_path / str(part), shard=(part, 3), batch_size=part)
    results = merge_shards([tmp_path / "2", tmp_path / "3", tmp_path / "1"], tmp_path / "merged")
    assert (tmp_path / "merged" / "results.json").read_bytes() == whole
    assert results == json.loads(whole)
    assert (tmp_path / "merged" / "results.md").read_text(encoding="utf-8") == markdown(results)


def test_an_interrupted_run_goes_on_from_its_last_batch(model_and_data, tmp_path, whole):
    class Stop(Exception):
        pass

    def stop_after(count):
        def tell(done, total):
            seen.append((done, total))
            if done > count:
                raise Stop

        return tell

    for count in (0, 3, 11):
        seen = []
        with pytest.raises(Stop):
            again(model_and_data, tmp_path, batch_size=3, progress=stop_after(count))
    assert sorted(path.name for path in (tmp_path / "batches").iterdir()) == [f"{n:06d}.npz" for n in range(3)]
    assert seen[:2] == [(3, 20), (4, 20)]  # a batch that was there at once
    seen = []
    again(model_and_data, tmp_path, batch_size=3, progress=stop_after(20))
    assert seen[:4] == [(3, 20), (6, 20), (9, 20), (10, 20)]
    assert (tmp_path / "results.json").read_bytes() == whole
    assert not list(tmp_path.rglob(".*"))


def test_killed_at_ten_random_moments(shared, cifar_table, tmp_path):
    from tests.evaluate.process import run  # loads kernels

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.evaluate.process", "onnx", "onnxruntime", "numba"])
    model = shared / "models" / "cifar10_resnet20.onnx"

    def begin(folder):
        process = context.Process(target=run, args=(model, cifar_table, folder, QUICK))
        process.start()
        return process

    begin(tmp_path / "first").join()
    began = time.perf_counter()
    begin(tmp_path / "whole").join()
    seconds = time.perf_counter() - began
    expected = (tmp_path / "whole" / "results.json").read_bytes()
    kills, rounds, rng, stages = 0, 0, np.random.default_rng(0), []
    while kills < 10:
        folder = tmp_path / str(rounds)
        process = begin(folder)
        process.join(rng.uniform(0.1, 1) * seconds)
        if process.is_alive():
            process.kill()
            process.join()
        if process.exitcode == -signal.SIGKILL:
            kills += 1
            stages.append(len(list((folder / "batches").glob("0*.npz"))))
        else:
            assert process.exitcode == 0
            assert (folder / "results.json").read_bytes() == expected
            rounds += 1
    process = begin(tmp_path / str(rounds))
    process.join()
    assert (tmp_path / str(rounds) / "results.json").read_bytes() == expected
    assert not list((tmp_path / str(rounds)).rglob(".*"))
    assert max(stages) > 0  # not all of them while the model was opened


@pytest.mark.parametrize("damage", ["bit", "cut", "changed", "empty", "foreign", "text"])
def test_damaged_batches_are_made_anew(model_and_data, tmp_path, whole, damage):
    again(model_and_data, tmp_path, batch_size=5)
    file = tmp_path / "batches" / "000002.npz"
    data = file.read_bytes()
    if damage == "foreign":
        again(model_and_data, tmp_path / "other", batch_size=5, protocol=Protocol(metrics=QUICK, top=3))
        data = (tmp_path / "other" / "batches" / "000002.npz").read_bytes()
    spoilt = bytearray(data)
    spoilt[len(spoilt) // 3 : len(spoilt) // 3 + 200] = bytes(200)
    bit = bytearray(data)
    bit[data.rindex(b"0/known.npy") - 36] ^= 1  # how a member is packed, in the directory at the end
    spoiled = {
        "bit": bytes(bit),
        "cut": data[:-200],
        "changed": bytes(spoilt),
        "empty": b"",
        "foreign": data,
        "text": b"no zip",
    }
    file.write_bytes(spoiled[damage])
    (tmp_path / "results.json").unlink()
    notes = []
    again(model_and_data, tmp_path, batch_size=5, note=notes.append)
    assert (tmp_path / "results.json").read_bytes() == whole
    assert len(notes) == 1
    assert "000002.npz: expected a batch" in notes[0]
    assert notes[0].endswith("it is made anew")
