"""Fixtures that more than one file needs."""

import csv
import os
import signal
import threading
from pathlib import Path

import pytest
from hypothesis import settings

import fastcam
from fastcam.evaluate import read_annotations, results
from tests.browser import Browser, find
from tests.evaluate.evaluations import annotate
from tests.waiting import until

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.load_profile("fixed")

# A shell that starts this in the background has it ignore Ctrl-C, and all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def shared_folder() -> Path:
    """The folder with real models and photos; beside the project, or where FASTCAM_SHARED_DATA says."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FASTCAM_SHARED_DATA", beside))
    if not (folder / "MANIFEST.md").is_file():
        pytest.fail(
            f"expected the folder of real models and photos at {folder}; set FASTCAM_SHARED_DATA to where it is",
            pytrace=False,
        )
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """See `shared_folder`."""
    return shared_folder()


@pytest.fixture(scope="session")
def photos(shared: Path) -> list[Path]:
    """Every real photo: 128 of COCO, 8 of Open Images."""
    found = sorted(shared.glob("photos/coco/images/*.jpg")) + sorted(shared.glob("photos/openimages_cc/*.jpg"))
    assert len(found) == 136
    return found


# What each real model wants of its input, as its manifest says; the fit is the one of the reference numbers.
PREPROCESS = {
    "squeezenet1_1_nchw": "caffe-bgr,fit=stretch,size=227",
    "squeezenet1_1_nchw_fp16": "caffe-bgr,fit=stretch,size=227",
    "squeezenet1_1_int8_qdq": "caffe-bgr,fit=stretch,size=227",
    "mobilenet_v2_1.0_224_nchw_gemm": "inception,fit=stretch",
    "mobilenet_v2_1.0_224_quant_q": "raw,fit=stretch",
    "mobilenet_v1_0.25_128_fp32_nhwc": "inception,fit=stretch",
    "cifar10_resnet20": "imagenet,fit=stretch",
    "cifar10_resnet8_keras": "raw,fit=stretch",
    "mnist_cnn_flatten_fc": "unit,fit=stretch,channels=grey",
}


@pytest.fixture(scope="session")
def load_real(shared: Path):
    """Load a real model by name, each once."""
    opened: dict[str, fastcam.Classifier] = {}

    def load(name: str) -> fastcam.Classifier:
        if name not in opened:
            own = {"cifar10": shared / "labels" / "cifar10_classes.txt", "mnist": None}  # else ImageNet's
            labels = own.get(name.split("_")[0], "imagenet")
            path = shared / "models" / f"{name}.onnx"
            opened[name] = fastcam.load(path, labels=labels, preprocess=PREPROCESS[name])
        return opened[name]

    return load


@pytest.fixture(scope="session")
def mnist(load_real) -> fastcam.Classifier:
    """A real model of grey digits, behind whose feature maps nothing is linear."""
    return load_real("mnist_cnn_flatten_fc")


@pytest.fixture(scope="session")
def cifar_table(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `tests.evaluate.evaluations.annotate`."""
    return annotate(shared, tmp_path_factory.mktemp("cifar"))


@pytest.fixture(scope="session")
def model_and_data(load_real, cifar_table: Path):
    """A real model to be evaluated, and that table as it is read."""
    return load_real("cifar10_resnet20"), read_annotations(cifar_table)


@pytest.fixture(scope="module")
def few_resamples():
    """Evaluations whose intervals cost little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "RESAMPLES", 20)
        yield


@pytest.fixture(scope="session")
def rows():
    """Rows of a CSV file as dictionaries."""

    def read(path: Path) -> list[dict[str, str]]:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def nothing_left_running():
    """No thread of a source, a stream, a video, a server or its connections outlives the test."""

    def threads() -> set[threading.Thread]:  # but for those of the pool that all functions share
        return {thread for thread in threading.enumerate() if thread.name.startswith(("fastcam-", "Thread-"))}

    before = threads()
    yield
    until(lambda: threads() <= before)


@pytest.fixture
def live_source(tmp_path: Path):
    """See `tests.video.videos.serving`."""
    from tests.video.videos import serving  # which needs PyAV

    with serving(tmp_path / "clip.ts") as serve:
        yield serve


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory):
    path = find()
    assert path
    browser = Browser(path, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser):
    """One that starts once; its policies refuse nothing of a page's own, and no script fails."""
    yield chromium
    assert chromium.complaints() == []
