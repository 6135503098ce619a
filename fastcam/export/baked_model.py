"""Models with activation maps baked in: ONNX files with maps among their outputs, for runtimes without Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from fastcam.arrays.checks import LONGEST, image_size
from fastcam.arrays.places import rank_of, size_of
from fastcam.errors import HeadNotFoundError, InputError
from fastcam.export.bake_graph import CLASSES, Classes, Recipe, check_names, maps_said
from fastcam.export.bake_proof import Baker
from fastcam.files import check_place, place_beside, rename_new, unwritable
from fastcam.images.inputs import ImageInput
from fastcam.methods.table import named
from fastcam.model.file.source import Source, on_disk, read_source
from fastcam.model.file.storage import data_file, refers_to
from fastcam.model.graph.read import as_onnx_source, read_graph
from fastcam.model.head.discovery import discover
from fastcam.model.head.head import KINDS, Head
from fastcam.model.run.session import Opening

METHODS = ("auto", "cam", "gradcam")


@dataclass(frozen=True)
class Baked:
    """A model with activation maps baked in.

    Attributes
    ----------
    path, files
        The file, and all its files: a second one contains the weights if the model's own are in a file of their own, or
        if they are too large for one file.
    method
        "cam" or "gradcam".
    description
        Description of the maps for people, also in the file.
    head
        The `Head` that gives the maps.
    deviation
        Largest difference from fastcam's own maps on probe images, relative to the largest value of a map (of scaled
        maps: to their range, in units of the largest value if that is larger).
    notes
        Sizes that the file fixes and the model leaves open, with the reason.
    """

    path: Path
    files: tuple[Path, ...]
    method: str
    description: str
    head: Head
    deviation: float
    notes: tuple[str, ...] = ()


def bake(
    model: str | os.PathLike[str] | bytes,
    path: str | os.PathLike[str],
    *,
    head: str | Head | None = None,
    output: str | None = None,
    method: str = "auto",
    classes: Classes = "top",
    size: tuple[int, ...] | Literal["input"] | None = None,
    normalize: bool = False,
    force: bool = False,
    constants: Mapping[str, ArrayLike] | None = None,
    input_size: tuple[int, ...] | None = None,
) -> Baked:
    """Write a plain ONNX file of a model, with activation maps among its outputs.

    The file runs wherever ONNX Runtime runs, without Python. Its output "activation_maps" is float32, (N, 1, h, w): for
    the class with the highest score, which is the output "class_index", (N,) int64; or, with `classes="given"`, for the
    classes in the new input "class_index", (N,) int64. With `classes="all"` it is (N, K, h, w). The model's own
    operators, inputs and outputs stay; only operators of ONNX's own set are added. A model of an opset too old for them
    (16 for Grad-CAM, 8 to 12 for CAM) is converted to 17.

    The file is loaded and run before it gets its name: on probe images, its maps equal those of `Classifier.explain` to
    1e-5 of their maximum (Grad-CAM: on at least one image, and to 1e-2 on others, if the network has a kink). Its
    metadata describe its source and its maps. The model's own file is not changed.

    Parameters
    ----------
    model
        Path of an .onnx file, or its bytes, as for `fastcam.load`.
    path
        The file to write, ends in ".onnx". The weights of a model with external data, or of over 2 GB, go into a second
        file, PATH.data.
    head, output, constants
        See `fastcam.load`; `output` is the name of a tensor. Inputs with constants stay inputs.
    method
        "cam", exact heads only: `M_c(x, y) = sum_k W[c, k] f_k(x, y)` (Zhou et al. 2016). "gradcam": the backward pass
        from the logit to the feature maps is written into the file, `ReLU(sum_k alpha_k A_k)` with
        `alpha_k = mean_xy d logit / d A_k` (Selvaraju et al. 2017). "auto": CAM where it is exact.
    classes
        "top", "given" or "all" (CAM only). A given class may count from the end, -K to -1; others out of range are
        refused by ONNX Runtime's CPU kernels when the file is run.
    size
        (H, W) to upsample to, bilinear with half-pixel centres (`Resize`); "input": the network input's own. (L,) of
        signals, linear; (D, H, W) of volumes, trilinear.
    normalize
        Scale each map to [0, 1] by its minimum and maximum, after upsampling; a constant map becomes zeros.
    force
        Replace PATH if it exists, and the file of its weights, which is removed if the new one has none outside.
    input_size
        (height, width) of the probe images, if the model leaves its size open; None: 224. Grad-CAM fixes it. (length,)
        of signals, (depth, height, width) of volumes; None: see `fastcam.images.inputs.OPEN`.

    Returns
    -------
    Baked
        The files, the method, the head, and the deviation from fastcam's own maps.

    Raises
    ------
    InputError
        An option out of range; PATH exists, is the model itself, can't be written, or is in a folder that doesn't
        exist; the model has tensors named "activation_maps" or "class_index".
    ModelError, HeadNotFoundError, GradientError
        A model that `fastcam.load` or the method refuses; or the written file doesn't give fastcam's maps.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     made = bake(files("fastcam.data") / "squeezenet1_1.onnx", f"{folder}/baked.onnx", size="input")
    >>> made.method, made.deviation < 1e-5
    ('cam', True)
    """
    recipe = _checked(method, classes, size, normalize)
    sides = None if input_size is None else _sides("input_size", input_size, "(height, width) in pixels, or None")
    _check_kinds(model, path, head, output)
    source, path = read_source(model), Path(path)
    _check_place(source, path, force)
    opening = Opening(constants={name: np.asarray(value) for name, value in (constants or {}).items()})
    try:
        with on_disk(as_onnx_source(source)) as readable, _staging(path) as folder:
            graph = read_graph(readable, opening)
            check_names(graph)
            _check_weights(source, graph.parsed.files, path, force)
            found = discover(source, opening, head, output, sides)
            _check_rank(recipe, found.session.input)
            recipe = replace(recipe, method=_method(recipe, found.head))
            proof = Baker(found, recipe, opening, source, graph, sides).write(folder / path.name)
            files = _place(folder / path.name, path, force)
    except OSError as error:
        raise unwritable(path, error) from error
    return Baked(path, files, recipe.method, maps_said(recipe), found.head, proof.deviation, proof.notes)


def _checked(method: Any, classes: Any, size: Any, normalize: Any) -> Recipe:
    """Check the options before any work is done, and return them as a `Recipe`."""
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method: expected one of {', '.join(METHODS)}; got {method!r}")
    if not isinstance(classes, str) or classes not in CLASSES:
        raise InputError(f"classes: expected one of {', '.join(CLASSES)}; got {classes!r}")
    if not isinstance(normalize, bool):
        raise InputError(f"normalize: expected True or False; got {normalize!r}")
    if size is None or (isinstance(size, str) and size == "input"):
        return Recipe(method, classes, size, normalize)
    return Recipe(method, classes, _sides("size", size, "(H, W) in pixels, 'input' or None"), normalize)


def _sides(name: str, value: Any, expected: str) -> tuple[int, ...]:
    """Return sizes of places as `fastcam.find_boxes` takes them, with an error about this option."""
    rank = rank_of(value)
    try:
        return image_size(value) if rank == 2 else size_of(value, rank)
    except InputError:
        raise InputError(f"{name}: expected {expected}; got {value!r} (a side may have 1 to {LONGEST})") from None


def _check_rank(recipe: Recipe, image: ImageInput) -> None:
    if isinstance(recipe.size, tuple) and len(recipe.size) != image.rank:
        raise InputError(
            f"size: expected as many sides as the places of the model's input {image.shape}; got {recipe.size}"
        )


def _check_kinds(model: Any, path: Any, head: Any, output: Any) -> None:
    if not isinstance(model, str | os.PathLike | bytes):
        raise InputError(f"model: expected a path or bytes, which can be taken apart; got {type(model).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"path: expected a path that ends in .onnx; got {path!r}")
    if not isinstance(head, str | Head | None) or not isinstance(output, str | None):
        raise InputError(f"head, output: expected the name of a tensor, for head also a Head; got {head!r}, {output!r}")


def _method(recipe: Recipe, head: Head) -> str:
    """Return the name of the method, "cam" or "gradcam"."""
    method = named(recipe.method, head).name
    if method == "gradcam" and recipe.classes == "all":
        hint = "method='cam' gives them" if head.is_exact else f"the logits are {KINDS[head.kind]}"
        raise HeadNotFoundError(
            "classes: expected 'top' or 'given' for Grad-CAM, which takes a backward pass for each class; got 'all' "
            f"({hint})"
        )
    return method


def _check_place(source: Source, path: Path, force: bool) -> None:
    """Check that the file can be written: its folder exists, and its name is free or may be replaced."""
    if path.suffix != ".onnx":
        raise InputError(f"path: expected a name that ends in .onnx; got {str(path)!r}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: expected a folder that there is; got {str(path.parent)!r}. Make it first")
    check_place(path)
    _check_different(source.path, path)
    _check_free(path, force)


def _check_weights(source: Source, names: tuple[str, ...], path: Path, force: bool) -> None:
    """Check that neither file to write contains the model's weights, and that the new weights can be written."""
    if not names:
        return
    check_place(data_file(path))
    for name in names:
        for target in (path, data_file(path)):
            _check_different((source.path or Path()).parent / name, target)
    _check_free(data_file(path), force)


def _check_different(read: Path | None, written: Path) -> None:
    if read is not None and written.exists() and written.samefile(read):
        raise InputError(f"{written}: expected another file than the model's own, which is never written to")


def _check_free(path: Path, force: bool) -> None:
    if os.path.lexists(path) and not force:
        raise InputError(f"{path}: expected a name that is free; there is one. force=True (--force) replaces it")


@contextmanager
def _staging(path: Path) -> Iterator[Path]:
    """A folder beside a path, for files still to be checked; it is removed in the end."""
    folder = place_beside(path)
    try:
        folder.mkdir(0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(made: Path, path: Path, force: bool) -> tuple[Path, ...]:
    """Give a file its name, and first the file of its weights, if there is one: both, or neither.

    Weights of the replaced file, with the same name, are removed if the new file has none.
    """
    weights, target, aside = data_file(made), data_file(path), made.with_name("before")
    if not os.path.exists(weights):  # Path.exists raises where a name is too long
        is_left_over = os.path.isfile(target) and refers_to(path, target.name)
        _rename(made, path, force)
        if is_left_over:
            target.unlink()
        return (path,)
    check_place(target)
    if force and os.path.lexists(target):
        target.rename(aside)
    try:
        _rename(weights, target, force)
        try:
            _rename(made, path, force)
        except BaseException:
            target.unlink()
            raise
    finally:
        if not os.path.lexists(target) and os.path.lexists(aside):
            aside.rename(target)
    return path, target


def _rename(made: Path, path: Path, force: bool) -> None:
    """Give a file its name; without force no file is replaced, not even one that appeared meanwhile."""
    if force:
        made.replace(path)
        return
    try:
        rename_new(made, path)
    except FileExistsError:
        _check_free(path, force)
        raise
