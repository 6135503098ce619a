"""Arrays on a device at the door, and what is said where CUDA isn't to be had."""

import threading
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam.arrays import conventions, devices
from fastcam.arrays.checks import feature_maps_of
from fastcam.arrays.engines import cuda
from fastcam.arrays.engines.cuda import CudaEngine
from fastcam.arrays.grids import grid
from tests.cuda.device import HostDriver, on_host

F = np.float32


class OnDevice:
    """An array as another library has it on a device, that can't be handed over."""

    __cuda_array_interface__ = {}  # noqa: RUF012


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is installed")
def test_cupy_is_missing():
    for call in (
        lambda: fastcam.heatmaps(OnDevice(), (4, 4)),  # type: ignore[arg-type]
        lambda: fastcam.find_boxes([[1.0]], (4, 4), engine="cuda"),
    ):
        with pytest.raises(fastcam.BackendError, match=r"CuPy can't be imported .*pip install 'fastcam\[cuda12\]'"):
            call()


def test_a_tensor_whose_properties_raise():
    """An array whose exports raise, as PyTorch's with gradients: its kind has to be found out without them."""

    class Tensor:
        def __dlpack_device__(self):
            return (1, 0)

        @property
        def __cuda_array_interface__(self):
            raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad")

        def __array__(self, dtype=None, copy=None):
            return np.ones((1, 1), F)

    assert not devices.is_on_device(Tensor())
    assert fastcam.find_boxes(Tensor(), (2, 2)).area == 4  # type: ignore[arg-type]


def test_maps_too_wide_for_a_row_in_shared_memory():
    with on_host(HostDriver()), pytest.raises(fastcam.InputError, match="cuda: expected maps of at most 11774 columns"):
        fastcam.heatmaps(np.ones((1, 1, 20_000), F), (1, 300), engine="cuda")


def test_copies_on_the_device_are_made_once_and_forgotten_in_turn(monkeypatch):
    monkeypatch.setattr(cuda, "KEPT", 2)
    uploads = cuda.Uploads(np)
    with on_host(HostDriver()):
        a, b, c = (np.zeros(1) for _ in range(3))
        for array in (a, b, a, c, a, b):
            uploads(array)
    assert [copy[0] for copy in uploads._copies.values()] == [a, b]


def test_versions_of_cuda_that_differ():
    devices.compare_cuda_versions("12.8", 12)
    devices.compare_cuda_versions(None, 12)
    with pytest.raises(fastcam.BackendError, match=r"same CUDA; got 12\.8 and 13\. Install .*cupy-cuda12x in place of"):
        devices.compare_cuda_versions("12.8", 13)


def test_nothing_of_cuda_is_loaded_without_need():
    assert not devices.is_on_device(np.zeros(3))
    assert not devices.is_on_device([1.0])


def test_arrays_in_two_places():
    class There:
        device = "<CUDA Device 1>"

    with pytest.raises(
        fastcam.InputError, match=r"class_weights: expected an array where feature_maps is \(cpu\); got"
    ):
        devices.check_together("feature_maps", np.zeros(3), "class_weights", There())


def test_more_than_a_launch_takes():
    with on_host(HostDriver()), pytest.raises(fastcam.InputError, match="cuda: expected at most 65535 images or maps"):
        fastcam.localize(np.ones((70_000, 1, 1, 1), F), np.ones((1, 1), F), 0, (1, 1), engine="cuda")
    where = grid((1, 32_768), (65_535, 65_536))
    with pytest.raises(fastcam.InputError, match=r"cuda: maps \(1, 32768\) at \(65535, 65536\) would need"):
        CudaEngine(np).find_boxes(np.ones((1, 1, 32_768), F), where, conventions.named("paper"), 8)


def test_no_room_on_the_device():
    def empty(shape, dtype):
        raise MemoryError("Out of memory allocating 4,096 bytes")

    engine = CudaEngine(SimpleNamespace(empty=empty, ndarray=np.ndarray))
    with pytest.raises(fastcam.KernelError, match="cuda: no room for 16 MiB on the device. Give fewer images"):
        engine.activation_maps(feature_maps_of(np.ones((4, 1, 1024, 1024), F)), np.ones((1, 1), F), np.zeros((4, 1)))


@pytest.mark.gpu
def test_arrays_of_the_host_for_the_engine_of_the_device():
    with pytest.raises(fastcam.InputError, match="engine: expected one for an array in the host's memory; got 'cuda'"):
        fastcam.find_boxes([[1.0]], (4, 4), engine="cuda")


@pytest.mark.gpu
def test_weights_of_the_host_with_feature_maps_of_the_device():
    cupy = pytest.importorskip("cupy")
    with pytest.raises(fastcam.InputError, match="class_weights: expected an array where feature_maps is"):
        fastcam.localize(cupy.ones((1, 2, 3, 3)), np.ones((1, 2), F), 0, (9, 9))


@pytest.mark.gpu
def test_results_stay_on_the_device():
    cupy = pytest.importorskip("cupy")
    features = cupy.random.default_rng(0).standard_normal((2, 64, 7, 7), dtype=F)
    boxes = fastcam.localize(features, cupy.ones((3, 64), F), [0, 1], (64, 64))
    assert all(isinstance(values, cupy.ndarray) for values in (boxes.xyxy, boxes.area, boxes.peak))
    assert isinstance(fastcam.activation_maps(features, cupy.ones((3, 64), F), 0), cupy.ndarray)


@pytest.mark.parametrize("name", ["squeezenet1_1_nchw", "mobilenet_v1_0.25_128_fp32_nhwc", "squeezenet1_1_nchw_fp16"])
def test_a_classifier_that_leaves_its_maps_where_they_are(load_real, photos, name):
    """The way of a CUDA provider, walked on the host: outputs bound, feature maps handed over as they are."""
    model = load_real(name)
    with on_host(HostDriver(processors=1)) as host:
        got = model.explain([str(photos[0]), str(photos[1])], top=2, engine="cuda")
        assert "find_boxes" in host.launched
    expected = model.explain([str(photos[0]), str(photos[1])], top=2)
    assert got.engine == "cuda"
    np.testing.assert_array_equal(got.class_index, expected.class_index)
    np.testing.assert_array_equal(got.logits, expected.logits)
    scale = np.abs(expected.activation_maps).max()
    np.testing.assert_allclose(got.activation_maps, expected.activation_maps, atol=2e-6 * scale, rtol=0)
    assert np.abs(got.boxes.xyxy - expected.boxes.xyxy).max() <= 1
    np.testing.assert_allclose(got.boxes.peak, expected.boxes.peak, atol=2e-6 * scale, rtol=0)


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is installed")
def test_a_classifier_on_the_cpu_has_nothing_for_cuda(load_real, photos):
    with pytest.raises(fastcam.BackendError, match="CuPy can't be imported"):
        load_real("cifar10_resnet20").explain(str(photos[0]), engine="cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("images", [1, 300])
def test_nothing_waits_and_everything_is_captured(images):
    """A CUDA graph can't be captured, in the strict mode, of what waits, copies to the host or allocates by the driver.

    It is launched after other arrays took what memory was free, and has to leave them alone.
    """
    cupy = pytest.importorskip("cupy")
    rng = cupy.random.default_rng(0)
    features, weights = rng.standard_normal((images, 2048, 7, 7), dtype=F), rng.standard_normal((3, 2048), dtype=F)
    frame = cupy.zeros((96, 128, 3), np.uint8)

    def work():
        boxes = fastcam.localize(features, weights, 2, (96, 128))
        maps = fastcam.activation_maps(features, weights, 2)
        fastcam.overlay(frame, maps[0, 0], out=frame)
        return boxes.xyxy, fastcam.heatmaps(maps, (96, 128)), fastcam.heatmaps(maps, (96, 128), dtype="uint8")

    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        expected = [cupy.asnumpy(values) for values in work()]
        work()  # its memory is in CuPy's pool by now
        stream.begin_capture(cupy.cuda.runtime.streamCaptureModeGlobal)
        captured = work()
        graph = stream.end_capture()
        others = [cupy.full(size, 7, np.uint8) for size in (1 << k for k in range(6, 24))]
        graph.launch(stream)
        stream.synchronize()
        assert all((other == 7).all() for other in others)
    for got, wanted in zip(captured, expected, strict=True):
        np.testing.assert_array_equal(cupy.asnumpy(got), wanted)


@pytest.mark.gpu
def test_streams_side_by_side():
    """An upload by the first call of one thread is whole for the calls of others."""
    cupy = pytest.importorskip("cupy")
    maps = np.random.default_rng(0).standard_normal((8, 9, 11)).astype(F)
    expected = fastcam.find_boxes(maps, (777, 555)).xyxy
    given, results = cupy.asarray(maps), {}
    cupy.cuda.Device().synchronize()

    def run(name):
        with cupy.cuda.Stream(non_blocking=True):
            results[name] = cupy.asnumpy(fastcam.find_boxes(given, (777, 555)).xyxy)

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in range(8):
        np.testing.assert_array_equal(results[name], expected)


@pytest.mark.gpu
def test_tensors_of_pytorch_without_a_copy():
    cupy, torch = pytest.importorskip("cupy"), pytest.importorskip("torch")
    features = torch.randn(2, 64, 7, 7, device="cuda")
    assert devices.adopt("features", features).data.ptr == features.data_ptr()
    boxes = fastcam.localize(features, torch.ones(3, 64, device="cuda"), 0, (64, 64))
    expected = fastcam.localize(features.cpu().numpy(), np.ones((3, 64), F), 0, (64, 64))
    assert abs(cupy.asnumpy(boxes.xyxy) - expected.xyxy).max() <= 1


@pytest.mark.gpu
def test_a_classifier_with_the_cuda_provider(shared, photos):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA provider")
    path = shared / "models" / "squeezenet1_1_nchw.onnx"
    options: Any = {"preprocess": "caffe-bgr,fit=stretch,size=227"}
    got = fastcam.load(path, providers=["CUDAExecutionProvider"], **options).explain(str(photos[0]), top=5)
    expected = fastcam.load(path, **options).explain(str(photos[0]), top=5)
    assert (got.engine, got.provider) == ("cuda", "CUDAExecutionProvider")
    np.testing.assert_array_equal(got.class_index, expected.class_index)
    assert np.abs(got.boxes.xyxy - expected.boxes.xyxy).max() <= 8
