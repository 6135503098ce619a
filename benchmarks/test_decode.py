"""Photos from files: JPEG to RGB pixels and to a network input, by simplejpeg and by Pillow, in one run."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.data import chelsea

from fastcam.images import jpeg
from fastcam.images.frames import network_input
from fastcam.images.inputs import ImageInput
from fastcam.images.photos import photo_pixels
from fastcam.images.preprocessing import NAMED
from fastcam.images.regions import view_of

SIZES = {"640×480": (640, 480), "1920×1080": (1920, 1080), "4032×3024": (4032, 3024)}
SPEC, MODEL = NAMED["imagenet"], ImageInput("images", np.float32, "NCHW", 1, 3, (224, 224))


@pytest.fixture(params=SIZES)
def data(request):
    """Bytes of a JPEG with the detail of a photo."""
    file = io.BytesIO()
    Image.fromarray(chelsea()).resize(SIZES[request.param], Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(params=["simplejpeg", "Pillow"])
def decoder(request, monkeypatch):
    if request.param == "simplejpeg":
        pytest.importorskip("simplejpeg")
    else:
        monkeypatch.setattr(jpeg, "_simplejpeg", lambda: None)
    return request.param


def seen(data):
    pixels = photo_pixels(data)
    return network_input(pixels, view_of((pixels.shape[0], pixels.shape[1]), (224, 224), SPEC), SPEC, MODEL, threads=1)


@pytest.mark.parametrize("work", ["decode", "decode and preprocess"])
def test_decode(benchmark, data, decoder, work):
    benchmark.group = work
    run = photo_pixels if work == "decode" else seen
    expected = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(photo_pixels(data), expected)  # before it is timed
    benchmark(run, data)
