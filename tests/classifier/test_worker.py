"""Parts of a data set in other processes: the numbers are those of a plain loop."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastcam
from fastcam import InputError, ModelError
from fastcam.classifier import Worker
from fastcam.results.boxes import corners
from tests.model import ranks

ROOT = Path(__file__).resolve().parents[2]
SPEC = "imagenet,fit=stretch"


@pytest.fixture(scope="module")
def cifar(load_real, shared):
    photos = [str(path) for path in sorted(shared.glob("photos/cifar10/*.png"))]
    return load_real("cifar10_resnet20"), photos


def assert_as_explained(found, explanation):
    for name in ("class_index", "scores", "activation_maps", "image_sizes"):
        np.testing.assert_array_equal(found[name], getattr(explanation, name))
    np.testing.assert_array_equal(found["boxes"], explanation.boxes.xyxy)
    np.testing.assert_array_equal(found["area"], explanation.boxes.area)


def test_other_processes_give_the_same_numbers(cifar):
    model, photos = cifar
    worker = Worker(model.path, load={"preprocess": SPEC, "threads": 1}, top=2, convention="minmax")
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        parts = list(pool.map(worker, [photos[:3], photos[3:5]]))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    alone = fastcam.load(model.path, preprocess=SPEC, threads=1)
    assert_as_explained(found, alone.explain(photos[:5], top=2, convention="minmax"))


def test_columns_are_handed_on(cifar):
    """Paths as Ray Data gives them, photos of one size as one array, and of several."""
    model, photos = cifar
    worker = Worker(model.path, load={"preprocess": SPEC})
    pixels = [np.asarray(fastcam.images.photos.read_photo(path)) for path in photos[:2]]
    expected = model.explain(photos[:2])
    found = worker({"path": np.array(photos[:2], object), "id": np.array([7, 8])})
    assert_as_explained(found, expected)
    assert found["path"].tolist() == photos[:2]
    assert found["id"].tolist() == [7, 8]
    images = Worker(model.path, load={"preprocess": SPEC}, column="image", maps=False)
    found = images({"image": np.stack(pixels), "id": np.array([7, 8])})
    assert sorted(found) == ["area", "boxes", "class_index", "id", "image_sizes", "scores"]
    np.testing.assert_array_equal(found["scores"], expected.scores)
    ragged = np.empty(2, object)
    ragged[:] = [pixels[0], pixels[1][:20]]
    assert images({"image": ragged})["image_sizes"].tolist() == [[32, 32], [20, 32]]


def test_what_is_sent_is_small_and_opened_once(cifar):
    model, photos = cifar
    worker = Worker(model.path, load={"preprocess": SPEC})
    worker(photos[:1])
    sent = pickle.dumps(worker)
    assert len(sent) < 1000
    again = pickle.loads(sent)
    with ThreadPoolExecutor(4) as pool:
        opened = set(pool.map(lambda _: id(again._classifier()), range(8)))
    assert len(opened) == 1
    assert_as_explained(again(photos[:1]), model.explain(photos[:1]))
    assert_as_explained(Worker(model.path.read_bytes(), load={"preprocess": SPEC})(photos[0]), model.explain(photos[0]))


@pytest.mark.parametrize(("rank", "sides"), [(1, 2), (3, 6)])
def test_signals_and_volumes(rank, sides):
    path, images = ranks.network(rank).model, [ranks.array(rank), ranks.array(rank, 1)]
    found = Worker(path)(images)
    assert found["boxes"].shape == (2, 1, sides)
    np.testing.assert_array_equal(found["boxes"], corners(fastcam.load(path).explain(images).boxes))


def test_after_a_fork_the_model_is_opened_anew(cifar, monkeypatch):
    model, photos = cifar
    worker = Worker(model.path, load={"preprocess": SPEC})
    before = worker._classifier()
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert worker._classifier() is not before
    assert_as_explained(worker(photos[0]), model.explain(photos[0]))


def test_what_is_refused(cifar, tmp_path):
    model, photos = cifar
    with pytest.raises(InputError, match="explain: expected options out of batch_size, class_index, .*; got tpo"):
        Worker(model.path, tpo=5)
    with pytest.raises(
        InputError, match="load: expected options out of activation, constants, .*; got session_options"
    ):
        Worker(model.path, load={"session_options": None})
    with pytest.raises(ModelError, match="none.onnx: no such file"):
        Worker(tmp_path / "none.onnx")
    with pytest.raises(InputError, match=r"batch: expected a column 'path' of photos; got \['image'\]"):
        Worker(model.path)({"image": []})
    with pytest.raises(InputError, match="image 1 of 2: .*no such file"):
        Worker(model.path)([photos[0], "none.png"])


def test_ray_data_gives_the_numbers_of_the_plain_loop(cifar, shared, tmp_path):
    import pyarrow.parquet as pq  # pyright: ignore[reportMissingImports]

    model, photos = cifar
    out = tmp_path / "out.parquet"
    example = ROOT / "examples" / "ray_data.py"
    command = [sys.executable, example, model.path, shared / "photos" / "cifar10", out, SPEC]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300)
    table = pq.read_table(out).to_pydict()
    expected = fastcam.load(model.path, preprocess=SPEC, threads=1).explain(photos, top=5)
    assert table["path"] == photos
    arrays = (expected.class_index, expected.scores, expected.boxes.xyxy)
    for name, array in zip(("class_index", "scores", "boxes"), arrays, strict=True):
        np.testing.assert_array_equal(np.array(table[name], array.dtype).reshape(array.shape), array)
