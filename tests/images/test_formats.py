"""Image files that are opened: those that Pillow decodes by itself, and none that starts a program."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, UnidentifiedImageError

from fastcam import InputError
from fastcam.cli import main
from fastcam.evaluate.data.headers import read_header
from fastcam.evaluate.data.masks import read_mask
from fastcam.images.formats import FILES, UPLOADS, open_image
from fastcam.images.photos import decode_photo, read_photo
from tests.model.models import classifier

PAGE = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
PACKAGE = Path(__file__).parents[2] / "fastcam"


@pytest.fixture
def witness(tmp_path_factory, monkeypatch):
    """The trace of a program named as Ghostscript, first on the path, if it is started."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("gs", "gswin32c", "gswin64c"):
        (folder / name).write_text(f"#!/bin/sh\necho started >> {folder}/witness\nexit 1\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # not looked for yet
    return folder / "witness"


def test_the_witness_sees_what_pillow_does_by_itself(tmp_path, witness):
    (tmp_path / "x.jpg").write_bytes(PAGE)
    with Image.open(tmp_path / "x.jpg") as image, pytest.raises((OSError, subprocess.CalledProcessError)):
        image.load()
    assert witness.exists()


@pytest.mark.parametrize("name", ["x.jpg", "x.eps", "x.png", "x"])
def test_no_program_is_started_for_a_photo(tmp_path, witness, name):
    (tmp_path / name).write_bytes(PAGE)
    for read in (read_photo, lambda path: read_mask([path], None, (48, 64)), read_header):
        with pytest.raises(InputError, match="not an image that Pillow can read|cannot identify image file"):
            read(tmp_path / name)
    with pytest.raises(InputError, match="not an image that Pillow can read by itself; expected JPEG, PNG, WEBP"):
        decode_photo(PAGE)
    assert not witness.exists()


def test_no_program_is_started_by_commands(tmp_path, witness, capsys):
    (tmp_path / "model.onnx").write_bytes(classifier())
    (tmp_path / "x.jpg").write_bytes(PAGE)
    Image.fromarray(PHOTO).save(tmp_path / "good.jpg")
    model = str(tmp_path / "model.onnx")
    assert main(["explain", model, str(tmp_path / "x.jpg"), "-o", str(tmp_path / "out")]) != 0
    assert "x.jpg: not an image that Pillow can read by itself" in capsys.readouterr().err
    (tmp_path / "boxes.csv").write_text("path,label,x0,y0,x1,y1\nx.jpg,1,2,3,40,40\ngood.jpg,1,2,3,40,40\n")
    assert main(["eval", model, str(tmp_path / "boxes.csv"), "-o", str(tmp_path / "run")]) == 0
    assert "x.jpg: can't be read as an image" in (tmp_path / "run" / "results.md").read_text(encoding="utf-8")
    assert not witness.exists()


SAVED = {"JPEG2000": "jp2", "TIFF": "tiff", "JPEG": "jpg", "MPO": "mpo", "PPM": "pgm"}


@pytest.mark.parametrize("name", [*(name for name in FILES if name not in ("HEIF", "JXL", "SUN", "PSD")), "MPO"])
def test_photos_of_each_format_are_read(tmp_path, name):
    """The content decides, not the file's name."""
    Image.init()
    if name not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {name}")
    image = Image.fromarray(PHOTO[:48, :48])
    how = (
        {"save_all": True, "append_images": [image]}
        if name == "MPO"
        else {"sizes": [(48, 48)]}
        if name == "ICO"
        else {}
    )
    for place in (tmp_path / f"photo.{SAVED.get(name, name.lower())}", tmp_path / "photo.jpg", tmp_path / "photo"):
        image.save(place, name, **how)
        photo = np.asarray(read_photo(place)).astype(int)
        assert photo.shape == (48, 48, 3)
        assert abs(photo.mean() - PHOTO[:48, :48].mean()) < 3
        assert read_header(place).size == (48, 48)


def test_formats_that_this_pillow_does_not_have_change_nothing(tmp_path, monkeypatch):
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    (tmp_path / "x.jpg").write_text("no photo")
    with pytest.raises(UnidentifiedImageError):
        open_image(tmp_path / "x.jpg")


def test_formats_of_plugins_are_opened(tmp_path, monkeypatch):
    """Plugins such as pillow-heif register their formats."""
    Image.init()
    for table in (Image.OPEN, Image.ID):
        monkeypatch.setattr(Image, "OPEN" if table is Image.OPEN else "ID", table.copy())

    def opened(file, _):
        file.close()
        return Image.fromarray(PHOTO)

    Image.register_open("HEIF", opened, lambda prefix: prefix[4:12] == b"ftypheic")  # pyright: ignore
    (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "x.heic")), PHOTO)


def test_all_doors_ask_here():
    """One file only calls `PIL.Image.open`."""
    with_open = [path.name for path in PACKAGE.rglob("*.py") if "Image.open(" in path.read_text(encoding="utf-8")]
    assert with_open == ["formats.py"]
    assert set(UPLOADS) < set(FILES)
    assert not {"EPS", "WMF", "IPTC", "BUFR", "GRIB", "HDF5", "FPX", "MIC"} & set(FILES)
