"""Signals and volumes from files of NumPy and NIfTI."""

import gzip
import io
import sys
import zipfile

import numpy as np
import pytest

from fastcam import BackendError, InputError
from fastcam.arrays import memory
from fastcam.images.recordings import Recording, is_recording, read_recording

F = np.float32
RNG = np.random.default_rng(0)
SIGNAL = RNG.standard_normal((500, 12)).astype(F)
VOLUME = RNG.integers(-1000, 1000, (5, 6, 7)).astype(np.int16)  # (D, H, W)


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_arrays_in_npy_files_are_mapped(tmp_path, version):
    (tmp_path / "ecg.npy").write_bytes(npy(SIGNAL, version=version))
    found = read_recording(tmp_path / "ecg.npy", rank=1, channels=12)
    np.testing.assert_array_equal(found.values, SIGNAL)
    assert isinstance(found.values.base, np.memmap)
    assert found == Recording(found.values)


def test_arrays_in_npz_files_have_keys(tmp_path):
    np.savez(tmp_path / "one.npz", VOLUME)
    np.testing.assert_array_equal(read_recording(tmp_path / "one.npz", rank=3).values, VOLUME)
    np.savez_compressed(tmp_path / "two.npz", chest=VOLUME, ecg=SIGNAL[:, 0])
    np.testing.assert_array_equal(read_recording(f"{tmp_path}/two.npz:chest", rank=3).values, VOLUME)
    assert read_recording(f"{tmp_path}/two.npz:ecg", rank=1, channels=1).values.shape == (500,)
    assert is_recording(f"{tmp_path}/TWO.NPZ:ecg")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_is_brought_to_depth_height_width_and_says_which_way_they_grow(tmp_path, ending):
    nibabel = pytest.importorskip("nibabel")
    affine = np.diag([-0.7, 0.8, 2.5, 1])  # x grows to the left
    nibabel.save(nibabel.Nifti1Image(VOLUME.transpose(2, 1, 0), affine), tmp_path / f"ct{ending}")
    found = read_recording(tmp_path / f"ct{ending}", rank=3, channels=1)
    np.testing.assert_array_equal(found.values, VOLUME)
    assert found.values.dtype == np.int16
    assert found.spacing is not None
    np.testing.assert_allclose(found.spacing, (2.5, 0.8, 0.7), rtol=1e-6)
    assert found.axes == ("S", "A", "L")


def test_nifti_with_channels_and_a_slope(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    several = RNG.standard_normal((4, 5, 6, 2))  # x, y, z, channels
    image = nibabel.Nifti1Image(several, np.eye(4))
    image.set_data_dtype(np.int16)  # scaled by a slope
    nibabel.save(image, tmp_path / "mri.nii")
    found = read_recording(tmp_path / "mri.nii", rank=3, channels=2)
    np.testing.assert_allclose(found.values, several.transpose(2, 1, 0, 3), atol=1e-3)
    with pytest.raises(InputError, match=r"mri.nii: expected a volume.*, with 1 channels; got \(6, 5, 4, 2\) float64"):
        read_recording(tmp_path / "mri.nii", rank=3, channels=1)
    with pytest.raises(InputError, match=r"expected a signal, .*got a NIfTI file of \(4, 5, 6, 2\), \(x, y, z\)"):
        read_recording(tmp_path / "mri.nii", rank=1)


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def claiming(shape):
    """Return an NPY file of four bytes whose header claims a shape."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(4)


PICKLE = npy(np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "data", "rank", "match"),
    [
        ("a.npy", npy(VOLUME), 1, r"a.npy: expected a signal, \(L,\) or \(L, C\), not empty; got \(5, 6, 7\) int16"),
        ("a.npy", npy(SIGNAL), 3, r"expected a volume, \(D, H, W\) or \(D, H, W, C\), not empty; got \(500, 12\)"),
        ("a.npy", npy(SIGNAL[:0]), 1, "not empty; got"),
        ("a.npy", npy(SIGNAL.T), 1, r"with 12 channels; got \(12, 500\).*channels first: save np.moveaxis"),
        ("a.npy", npy(SIGNAL[:, :3]), 1, "The model takes 12 channels, the file has 3"),
        ("a.npy", npy(SIGNAL.astype(complex)), 1, r"expected an array of real numbers; got \(500, 12\) complex128"),
        ("a.npy", npy(SIGNAL > 0), 1, "expected an array of real numbers"),
        ("a.npy", PICKLE, 1, "got one of Python objects, which aren't loaded"),
        ("a.npy", b"nothing", 1, "a.npy: can't be read as an array in NumPy's format"),
        ("a.npy", b"", 1, "can't be read as an array in NumPy's format"),
        ("a.npy", npy(SIGNAL)[:900], 1, "a.npy: can't be read as an NPY file"),
        ("a.npy", npy(np.where(np.arange(6000).reshape(500, 12) == 123, np.nan, SIGNAL)), 1, r"got nan at \[10, 3\]"),
        ("a.npz", zipped(one=npy(SIGNAL), two=npy(SIGNAL)), 1, "NPZ file of one array; got 2: one, two.*a.npz:one"),
        ("a.npz", zipped(), 1, "NPZ file of one array; got 0: none"),
        ("a.npz", zipped(one=PICKLE), 1, "got one of Python objects"),
        ("a.npz", zipped(one=b"nothing"), 1, "a.npz: can't be read as an array in NumPy's format"),
        ("a.npz", zipped(one=npy(SIGNAL)[:900]), 1, "a.npz: can't be read as an NPZ file"),
        ("a.npz", npy(SIGNAL), 1, "a.npz: can't be read as an NPZ file"),
        ("a.txt", b"1 2 3", 1, r"a.txt: expected a file of .npy, .npz, .nii, .nii.gz; got .txt"),
        ("a", b"1 2 3", 1, "got no ending"),
    ],
)
def test_files_that_are_refused(tmp_path, name, data, rank, match):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=match):
        read_recording(tmp_path / name, rank, 12 if rank == 1 else None)


@pytest.mark.parametrize("data", [b"nothing", b"", gzip.compress(b"nothing", mtime=0)], ids=["text", "empty", "packed"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_damaged_nifti_files_are_refused(tmp_path, data, ending):
    pytest.importorskip("nibabel")
    (tmp_path / f"ct{ending}").write_bytes(data)
    with pytest.raises(InputError, match=rf"ct{ending}: can't be read as a NIfTI file"):
        read_recording(tmp_path / f"ct{ending}", rank=3)


def test_a_nifti_file_that_ends_early_is_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(VOLUME, np.eye(4)), tmp_path / "ct.nii")
    (tmp_path / "ct.nii").write_bytes((tmp_path / "ct.nii").read_bytes()[:400])
    with pytest.raises(InputError, match=r"ct.nii: can't be read as a NIfTI file"):
        read_recording(tmp_path / "ct.nii", rank=3)


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(InputError, match=r"none.npy: expected a file; got no such file"):
        read_recording(tmp_path / "none.npy", rank=1)
    with pytest.raises(InputError, match="expected a file; got a folder"):
        read_recording(tmp_path, rank=1)
    np.savez(tmp_path / "scans.npz", chest=VOLUME)
    with pytest.raises(InputError, match=r"scans.npz:head: expected the key of an array, one of chest; got 'head'"):
        read_recording(f"{tmp_path}/scans.npz:head", rank=3)


def test_sizes_are_checked_before_values_are_read(tmp_path, monkeypatch):
    """A header of a few bytes may claim any size: the archive's member as well."""
    monkeypatch.setattr(memory, "free_memory", lambda: 2**30)
    for name, data in (("a.npy", claiming((10**11,))), ("a.npz", zipped(one=claiming((10**11,))))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=rf"{name}: expected an array that fits .* needs 745.1 GiB, where 1.0 GiB"):
            read_recording(tmp_path / name, rank=1)


def test_without_nibabel_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "ct.nii").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(BackendError, match=r"ct.nii: NIfTI files need nibabel .*: pip install 'fastcam\[medical\]'"):
        read_recording(tmp_path / "ct.nii", rank=3)
