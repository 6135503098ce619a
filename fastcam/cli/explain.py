"""Write heatmaps, boxes and results.json for photos."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.journal import RESULTS, Journal, digest, lock_folder, overlays_of, read_earlier
from fastcam.cli.options import add_map_arguments, add_model_arguments, check_map_arguments, map_options, open_model
from fastcam.cli.progress import Progress
from fastcam.errors import BackendError, FastcamError, GradientError, InputError

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier
    from fastcam.cli.recordings import Opened
    from fastcam.images.photos import Photo
    from fastcam.results import Explanation

LEFT_OUT = 3  # the exit code of a run that left photos out
LONGEST = 200  # bytes of a photo's name in those of its overlays


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam explain`."""
    add_model_arguments(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="photos, folders of photos, or patterns ('*.jpg')")
    parser.add_argument("-o", "--path", metavar="DIR", required=True, help="directory for overlays and results.json")
    add_map_arguments(parser)
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="masked images, or feature maps, at once, of methods that ask the model again (default: some 256 MB)",
    )
    parser.add_argument(
        "--lenient", action="store_true", help="leave out photos that can't be explained, and list them (exit code 3)"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="explain photos anew that DIR has results of, and replace files that no earlier run wrote",
    )


def run(options: argparse.Namespace) -> int:
    """Check everything, then explain photo by photo; each result is written at once."""
    from fastcam.cli import writing
    from fastcam.cli.photos import find_photos

    check_map_arguments(options)
    with lock_folder(Path(options.path)) as locked:
        earlier = read_earlier(locked.folder)
        beside = {str((locked.folder / name).absolute()) for name in overlays_of(earlier)}
        photos = find_photos(options.images, beside=beside, missing=options.lenient)
        model = open_model(options)
        how = map_options(options, model) | {"batch_size": options.batch_size}
        names = dict(zip(photos, overlay_names(photos, _maps_of_each(model, how)), strict=True))
        header = {
            "model": writing.model_record(model),
            "versions": writing.versions(),
            "options": _record(options, model),
        }
        journal = Journal(locked, header, earlier, names, anew=options.force)
        written = {name for several in names.values() for name in several}
        _check_nothing_is_lost(photos, locked.folder, {RESULTS, *journal.stale, *written})
        if not (options.force or locked.was_left):  # after a kill, overlays may exist whose record was cut
            _check_free(locked.folder, written - overlays_of(earlier))
        return _explain_each(journal, names, partial(_explained, model, how), locked.folder, options)


def _explain_each(
    journal: Journal,
    names: Mapping[str, Sequence[str]],
    explain: Callable[[Progress, str], Explanation],
    folder: Path,
    options: argparse.Namespace,
) -> int:
    """Explain photo by photo, and print what was done; return the exit code."""
    from fastcam.cli import writing

    with ExitStack() as stack:
        stack.push(lambda kind, *_: _sum_up(journal, len(names), folder, kind is None))
        stack.enter_context(journal)
        progress = stack.enter_context(Progress(sys.stderr, len(names), "photo"))
        for n, (path, several) in enumerate(names.items()):
            try:
                maps = _known_or_new(journal, path, several, partial(explain, progress), options.colormap)
            except PhotoError as error:
                if not options.lenient:
                    raise
                journal.leave_out(path, str(error))
                with progress.aside():
                    print(f"fastcam explain: left out: {error}", file=sys.stderr)
            else:
                with progress.aside():
                    print(path, *map(writing.line, maps), sep="\n")
            progress.reach(n + 1, len(names))
    return LEFT_OUT if journal.problems else 0


class PhotoError(InputError):
    """A photo that can't be read or explained, while others may be; the message has its path."""


def _known_or_new(
    journal: Journal, path: str, names: Sequence[str], explain: Callable[[str], Explanation], colormap: str
) -> list[dict[str, Any]]:
    """Return the records of a photo's maps: those of an earlier run, or new ones after their overlays are written."""
    from fastcam.cli import writing
    from fastcam.cli.recordings import open_recording
    from fastcam.export.pictures import picture_of

    sha256 = digest(path)
    if record := journal.known(path, sha256):
        return record["maps"]
    try:
        explanation = explain(path)
        rank = explanation.image_sizes.shape[1]
        photo = picture_of(path, explanation) if rank == 2 else open_recording(path, rank)
    except (BackendError, GradientError):  # they aren't about this photo
        raise
    except FastcamError as error:
        message = str(error)
        raise PhotoError(message if message.startswith(f"{path}: ") else f"{path}: {message}") from error
    found = explanation[0].to_dict()
    maps = [one | {"overlay": name} for one, name in zip(found["maps"], names, strict=True)]
    with journal.adding({"file": path, "sha256": sha256, **found, "maps": maps}) as folder:
        for m, name in enumerate(names):
            writing.write_png(folder / name, _picture(photo, explanation, m, colormap))
    return maps


def _explained(model: Classifier, how: Mapping[str, Any], progress: Progress, path: str) -> Explanation:
    """Explain one photo, with a line on the terminal while a method asks the model again."""
    from fastcam.cli.recordings import open_recording

    put = model.input
    given = path if put.rank == 2 else open_recording(path, put.rank, put.channels).recording.values
    with progress.aside(), Progress(sys.stderr, None, "step") as steps:
        return model.explain(given, progress=steps.reach, **how)


def _sum_up(journal: Journal, photos: int, folder: Path, is_whole: bool) -> None:
    """Print what was done, and after how many photos the run ended."""
    done, all_of_them = journal.done, f"{photos} photo{'s' if photos > 1 else ''}"
    if not is_whole and done:
        place = f"overlays and results.json in {folder}, where the same command goes on"
        print(f"fastcam explain: ended after {done} of {all_of_them}: {place}", file=sys.stderr)
    elif is_whole:
        known = f", {journal.reused} of them as they were there before (--force: anew)" if journal.reused else ""
        left = f"; {len(journal.problems)} left out, which results.json lists" if journal.problems else ""
        count = f"{done} of {all_of_them}" if left else all_of_them
        print(f"{count}: overlays and results.json in {folder}{known}{left}")


def overlay_names(paths: Sequence[str], maps: int) -> list[list[str]]:
    """Return unique file names of each photo's overlays, one a map: dog-overlay.png, dog.2-overlay-1.png, ...

    Examples
    --------
    >>> overlay_names(["a/dog.jpg", "b/dog.jpg"], 1)
    [['dog-overlay.png'], ['dog.2-overlay.png']]
    """
    taken: set[str] = set()
    names = []
    for path in paths:
        stem = Path(path).stem
        while len(os.fsencode(stem)) > LONGEST:
            stem = stem[:-1]
        name, number = stem, 1
        while name.casefold() in taken:  # some file systems ignore case
            number += 1
            name = f"{stem}.{number}"
        taken.add(name.casefold())
        names.append([f"{name}-overlay{f'-{m + 1}' if maps > 1 else ''}.png" for m in range(maps)])
    return names


def _maps_of_each(model: Classifier, how: Mapping[str, Any]) -> int:
    """Return the number of maps of each photo, or raise InputError for wrong options before any work."""
    wanted = model.vision.options(**how).wanted
    return wanted if isinstance(wanted, int) else wanted.shape[1]


def _record(options: argparse.Namespace, model: Classifier) -> dict[str, Any]:
    """Return the options that maps, boxes, names and colours depend on."""
    labels = None if model.labels is None else hashlib.sha256("\n".join(model.labels).encode()).hexdigest()
    how = map_options(options, model)
    return {"top": None, "class_index": None, **how, "colormap": options.colormap, "labels_sha256": labels}


def _check_nothing_is_lost(paths: Sequence[str], folder: Path, names: Collection[str]) -> None:
    """Refuse photos that are overlays to be removed or written anew, and directories with the name of an overlay."""
    photos = {Path(path).resolve() for path in paths}
    for name in sorted(names):
        target = (folder / name).resolve()
        if target in photos:
            raise InputError(f"{target}: expected photos; an overlay would be written over this one. Choose another -o")
        if target.is_dir():
            raise InputError(f"{target}: expected a place for a file; there is a directory of that name")


def _check_free(folder: Path, names: Collection[str]) -> None:
    """Refuse to replace files that no earlier run lists, which may be the user's own."""
    for name in sorted(names):
        if os.path.lexists(folder / name):
            raise InputError(
                f"{folder / name}: expected a name that is free, or of an overlay that results.json lists; there is "
                "another file. Choose another -o, or --force to replace it"
            )


def _picture(photo: Photo | Opened, explanation: Explanation, m: int, colormap: str) -> Any:
    from fastcam.cli.recordings import Opened, draw_recording
    from fastcam.export.overlays import legible_scale, overlay

    if isinstance(photo, Opened):
        return draw_recording(photo, explanation, m, colormap=colormap)
    height, width = explanation.image_sizes[0].tolist()
    return overlay(photo, explanation, map=m, colormap=colormap, scale=legible_scale((height, width)))
