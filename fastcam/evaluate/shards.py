"""The shards of an evaluation, and how they become one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastcam.errors import InputError
from fastcam.evaluate.records import PAGE, PLAN, RESULTS, TABLES, Batch, Records, batches_of, check_same, read_plan
from fastcam.evaluate.results import counted, write_results
from fastcam.files import unwritable


def merge_shards(folders: Sequence[str | Path], folder: str | Path, *, force: bool = False) -> dict[str, Any]:
    """Merge the shards of one evaluation into the results of one run, and write them to a folder.

    Parameters
    ----------
    folders
        One folder for each shard, in any order.
    folder
        For `results.json` and `results.md`. For a page with the pictures of the shards' pages give
        `fastcam.evaluate.report.ShardPictures` to `write_report`.
    force
        Replace results that the folder has.

    Returns
    -------
    dict
        As `evaluate` returns it.

    Raises
    ------
    InputError
        Shards of different evaluations, a shard that comes twice, is missing or unfinished, or a damaged batch. The
        folder is that of a run, or has results and `force` is False.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from tempfile import TemporaryDirectory
    >>> import fastcam
    >>> from PIL import Image
    >>> from skimage.data import chelsea
    >>> from fastcam.evaluate import Protocol, evaluate, merge_shards, read_annotations
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr,fit=stretch")
    >>> with TemporaryDirectory() as folder:
    ...     rows = ["path,label,x0,y0,x1,y1"]
    ...     for n in range(2):
    ...         Image.fromarray(chelsea()[:, :: 1 - 2 * n]).save(Path(folder) / f"{n}.png")
    ...         rows.append(f"{n}.png,285,70,20,380,300")
    ...     _ = (Path(folder) / "boxes.csv").write_text("\\n".join(rows))
    ...     data, known = read_annotations(Path(folder) / "boxes.csv"), Protocol(metrics=("known",))
    ...     shards = [Path(folder) / f"shard{n}" for n in (1, 2)]
    ...     for n, shard in enumerate(shards):
    ...         _ = evaluate(model, data, shard, protocol=known, shard=(n + 1, 2))
    ...     found = merge_shards(shards, Path(folder) / "whole")
    >>> found["rows"][0]["metrics"]["known"]["images"]
    2
    """
    plans = {Path(one): read_plan(Path(one)) for one in folders}
    if len(plans) != len(folders) or not plans:
        raise InputError(f"folders: expected one or more, each once; got {', '.join(map(str, folders))}")
    place, first = next(iter(plans.items()))
    seen: dict[int, Path] = {}
    for other, plan in plans.items():
        check_same(place, first, other, plan, shard=False)
        part, of = plan["shard"]
        if of != first["shard"][1]:
            raise InputError(f"{other}: expected a shard of {first['shard'][1]}, as {place} is; got {part}/{of}")
        if part in seen:
            raise InputError(f"{other}: expected another shard than that of {seen[part]}; both are {part}/{of}")
        seen[part] = other
    count = first["shard"][1]
    if missing := [f"{n}/{count}" for n in range(1, count + 1) if n not in seen]:
        raise InputError(f"folders: expected all shards; {', '.join(missing)} missing")
    batches = [one for part in sorted(seen) for one in _finished(seen[part], plans[seen[part]])]
    target = Path(folder)
    _prepare(target, force=force)
    problems = [one for part in sorted(seen) for one in plans[seen[part]]["told"]["problems"]]
    united = {tuple(one.values()): one for one in problems}  # shards have the problems of all the data
    plan = dict(plans[seen[1]])
    return write_results(target, plan | {"told": plan["told"] | {"problems": list(united.values())}}, batches)


def _prepare(target: Path, *, force: bool) -> None:
    """Make the folder, without results that may be replaced, or raise `InputError`."""
    if os.path.exists(target / PLAN):
        raise InputError(f"{target}: expected a folder of its own for what is merged; it has a {PLAN}")
    there = [name for name in (RESULTS, TABLES, PAGE) if os.path.exists(target / name)]
    if there and not force:
        had = ", ".join(there)
        raise InputError(f"{target}: expected a new folder; it has {had}. Use another, or --force (force=True)")
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / PAGE).unlink(missing_ok=True)  # which shows other results
    except (OSError, ValueError) as error:
        raise unwritable(target, error) from error


def _finished(folder: Path, plan: Mapping[str, Any]) -> list[Batch]:
    """Return the batches of a shard, all of which are there, or raise `InputError`."""
    found = batches_of(Records(folder, plan))
    if absent := [one for one in found if not one.exists]:
        of = counted(len(found), "batch", "batches")
        raise InputError(f"{folder}: expected {of}; missing: {len(absent)}. Finish it first")
    return found
