"""Write heatmaps, boxes and results.json for photos."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.options import add_map_arguments, add_model_arguments, check_map_arguments, map_options, open_model
from fastcam.errors import InputError
from fastcam.export.lines import map_records

if TYPE_CHECKING:
    from fastcam.classifier import Classifier
    from fastcam.images import Photo
    from fastcam.results import Explanation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of this command."""
    add_model_arguments(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="photos")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="directory for overlays and results.json")
    add_map_arguments(parser)
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="masked images, or feature maps, at once, of methods that ask the model again (default: some 256 MB)",
    )


def run(options: argparse.Namespace) -> None:
    """Check everything, then explain photo by photo."""
    from fastcam.cli import report
    from fastcam.images import read_photo

    check_map_arguments(options)
    model = open_model(options)
    explain = partial(_explained, model, map_options(options, model) | {"batch_size": options.batch_size})
    found = [explain(path) for path in options.images]  # all of them, before anything is written
    plans = list(zip(options.images, found, overlay_names(options.images, found), strict=True))
    _check_nothing_is_overwritten(options.images, Path(options.output), [name for *_, names in plans for name in names])
    directory = report.prepare_directory(options.output)
    records = []
    for path, explanation, names in plans:
        photo, maps = read_photo(path, model.preprocess.levels), map_records(explanation, 0)
        for m, (record, name) in enumerate(zip(maps, names, strict=True)):
            record["overlay"] = name
            report.write_png(directory / name, _picture(photo, explanation, m, options.colormap))
        height, width = explanation.image_sizes[0].tolist()
        seen = explanation.regions[0].tolist()
        records.append({"file": path, "size": {"width": width, "height": height}, "seen": seen, "maps": maps})
        print(path, *map(report.line, maps), sep="\n")
    result = {"model": report.model_record(model), "versions": report.versions(), "images": records}
    report.write_json(directory / "results.json", result)
    photos = "1 photo" if len(records) == 1 else f"{len(records)} photos"
    print(f"{photos}: overlays and results.json in {directory}")


def _explained(model: Classifier, how: dict[str, Any], path: str) -> Explanation:
    """One photo's, with a line on the terminal while a method asks the model again."""
    from fastcam.cli.progress import Progress

    with Progress(sys.stderr, None, "step") as progress:
        return model.explain(path, progress=progress.reach, **how)


def overlay_names(paths: list[str], explanations: list[Explanation]) -> list[list[str]]:
    """File names of each photo's overlays, one a map, no two the same: dog-overlay.png, or dog.2-overlay-1.png, ..."""
    taken: set[str] = set()
    names = []
    for path, explanation in zip(paths, explanations, strict=True):
        stem, name, number = Path(path).stem, Path(path).stem, 1
        while name in taken:
            number += 1
            name = f"{stem}.{number}"
        taken.add(name)
        maps = explanation.class_index.shape[1]
        names.append([f"{name}-overlay{f'-{m + 1}' if maps > 1 else ''}.png" for m in range(maps)])
    return names


def _check_nothing_is_overwritten(paths: list[str], directory: Path, names: list[str]) -> None:
    """An overlay from an earlier run may be among the photos of this one; and a directory may bear a file's name."""
    photos = {Path(path).resolve() for path in paths}
    for name in (*names, "results.json"):
        target = (directory / name).resolve()
        if target in photos:
            raise InputError(f"{target}: expected photos; an overlay would be written over this one. Choose another -o")
        if target.is_dir():
            raise InputError(f"{target}: expected a place for a file; there is a directory of that name")


def _picture(photo: Photo, explanation: Explanation, m: int, colormap: str) -> Any:
    from fastcam.overlays import legible_scale, overlay

    height, width = explanation.image_sizes[0].tolist()
    return overlay(photo, explanation, map=m, colormap=colormap, scale=legible_scale((height, width)))
