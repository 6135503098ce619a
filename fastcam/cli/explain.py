"""Write heatmaps, boxes and results.json for photos."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.crew import Crew
from fastcam.cli.journal import RESULTS, Journal, LockedFolder, lock_folder, overlays_of, read_earlier, summaries_of
from fastcam.cli.options import (
    add_map_arguments,
    add_message_arguments,
    add_model_arguments,
    check_map_arguments,
    drawing_of,
    map_options,
    open_model,
)
from fastcam.cli.photo_work import Done, PhotoError, PhotoWork
from fastcam.cli.progress import Progress
from fastcam.cli.summaries import ALL, Summaries
from fastcam.errors import InputError

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier
    from fastcam.cli.photos import Listed

LEFT_OUT = 1  # the exit code of a run that left photos out
LONGEST = 200  # bytes of a photo's name in those of its overlays
MOST = 8  # photos in work at once, unless more are asked for: each takes the memory of a run of the model
EXAMPLES = (
    "fastcam explain model.onnx photo.jpg",
    "fastcam explain model.onnx photos/ -o out --lenient --csv --grid 24",
    "find . -name '*.jpg' | fastcam explain model.onnx - -o out",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam explain`."""
    add_model_arguments(parser)
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="photos, folders of photos with all below, patterns in quotes ('*.jpg', '**/*.jpg'), or - for paths on "
        "stdin, one a line",
    )
    add_map_arguments(parser)
    _add_result_arguments(parser)
    _add_work_arguments(parser)
    add_message_arguments(parser, "what was found in the model, and the time of each photo")


def _add_result_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("results", "for example: -o out --csv --grid 24 --lenient")
    group.add_argument(
        "-o",
        "--path",
        metavar="DIR",
        default="fastcam-explain",
        help="directory for overlays and results.json (default: fastcam-explain)",
    )
    group.add_argument("--csv", action="store_true", help="write results.csv as well, a row for each photo and class")
    group.add_argument(
        "--grid",
        type=int,
        nargs="?",
        const=ALL,
        metavar="N",
        help="draw all overlays in one picture as well, grid.png; with N so many in each: grid-1.png, ...",
    )
    group.add_argument("--no-overlay", action="store_true", help="write no overlays, which take most of the time")
    group.add_argument(
        "--lenient", action="store_true", help="leave out photos that can't be explained, and list them (exit code 1)"
    )
    group.add_argument(
        "--force",
        action="store_true",
        help="explain photos anew that DIR has results of, and replace files that no earlier run wrote",
    )


def _add_work_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work", "for example: --workers 4 --threads 1")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=f"photos in work at once (default: one a processor, {MOST} at most; one for methods that ask again, and "
        "for volumes)",
    )
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="masked images, or feature maps, at once, of methods that ask the model again (default: some 256 MB)",
    )


def run(options: argparse.Namespace) -> int:
    """Check everything, then explain photos side by side; each result is written at once."""
    from fastcam.cli import writing
    from fastcam.cli.photos import find_photos, fitting

    check_map_arguments(options)
    _check_results(options)
    with lock_folder(Path(options.path)) as locked:
        earlier = read_earlier(locked.folder)
        known = overlays_of(earlier) | summaries_of(earlier)
        beside = {str((locked.folder / name).absolute()) for name in known}
        files = find_photos(options.images, beside=beside, missing=options.lenient)
        workers, options.threads = _shares(options, files)
        model = open_model(options)
        if model.input.rank == 3 and options.workers is None:
            workers = 1  # a volume fills the memory, and a run of the model on it all processors
        photos = fitting(files, model.input.rank)
        how = map_options(options, model) | {"batch_size": options.batch_size}
        maps = _maps_of_each(model, how)
        names = dict(zip(photos, overlay_names(photos, 0 if options.no_overlay else maps), strict=True))
        summaries = Summaries(
            locked.folder, csv=options.csv, per=options.grid, overlays=maps * len(photos), font=options.font
        )
        header = {
            "model": writing.model_record(model),
            "versions": writing.versions(),
            "options": _record(options, model),
            **summaries.header(),
        }
        journal = Journal(locked, header, earlier, names, anew=options.force)
        _check_names(journal, locked, names, summaries.names, known, is_forced=options.force)
        with _told(journal, len(names), options) as progress, summaries, journal:
            work = PhotoWork(
                model=model,
                how=how,
                draw=drawing_of(options),
                is_known=journal.is_known,
                steps=(lambda: _steps(progress, options.quiet)) if workers == 1 else None,
            )
            with Crew(work, workers) as crew:
                _write_each(journal, names, crew.results(names.items()), progress, options)
    return LEFT_OUT if journal.problems else 0


def _check_names(
    journal: Journal,
    locked: LockedFolder,
    names: Mapping[str, Sequence[str]],
    summaries: Sequence[str],
    known: Collection[str],
    *,
    is_forced: bool,
) -> None:
    """Refuse to write where photos or files of others are; `known` are those that earlier runs list."""
    written = {name for several in names.values() for name in several}.union(summaries)
    _check_nothing_is_lost(list(names), locked.folder, {RESULTS, *journal.stale, *written})
    if not (is_forced or locked.was_left):  # after a kill, overlays may exist whose record was cut
        _check_free(locked.folder, written.difference(known))


def _write_each(
    journal: Journal,
    names: Mapping[str, Sequence[str]],
    results: Iterator[Done | PhotoError],
    progress: Progress,
    options: argparse.Namespace,
) -> None:
    """Write and print the results of all photos, each as it is done."""
    from fastcam.cli import writing

    for n, (path, done) in enumerate(zip(names, results, strict=True)):
        if isinstance(done, PhotoError):
            journal.leave_out(path, str(done))
            if not options.lenient:
                raise done
            with progress.aside():
                print(f"fastcam explain: left out: {done}", file=sys.stderr)
        else:
            maps = journal.reuse(path)["maps"] if done.record is None else _write(journal, names[path], done)
            with progress.aside():
                if not options.quiet:
                    print(path, *map(writing.line, maps), sep="\n")
                if options.verbose:
                    print(f"{path}: {done.seconds:.3f} s", file=sys.stderr)
        progress.reach(n + 1, len(names))


def _write(journal: Journal, names: Sequence[str], done: Done) -> list[dict[str, Any]]:
    """Write the record and the overlays of a photo: both, or neither; return the records of its maps."""
    from fastcam.files import write_whole

    assert done.record is not None
    with journal.adding(done.record) as folder:
        for name, data in zip(names, done.overlays, strict=True):
            write_whole(folder / name, data)
    return done.record["maps"]


@contextmanager
def _told(journal: Journal, photos: int, options: argparse.Namespace) -> Generator[Progress]:
    """Show how far the run is, and tell in the end what was done."""
    is_whole = False
    try:
        with Progress(sys.stderr, photos, "photo", is_quiet=options.quiet) as progress:
            yield progress
        is_whole = True
    finally:
        _sum_up(journal, photos, options, is_whole)


@contextmanager
def _steps(progress: Progress, is_quiet: bool) -> Generator[Progress]:
    """Show the steps of a method that asks the model again, in place of the photos."""
    with progress.aside(), Progress(sys.stderr, None, "step", is_quiet=is_quiet) as steps:
        yield steps


def _sum_up(journal: Journal, photos: int, options: argparse.Namespace, is_whole: bool) -> None:
    """Print what was done, and after how many photos the run ended."""
    done, all_of_them = journal.done, f"{photos} photo{'s' if photos > 1 else ''}"
    files = f"{'' if options.no_overlay else 'overlays and '}results.json in {options.path}"
    if journal.problems and not options.lenient and photos > 1:  # the same command would end there again
        told = f"ended after {done} of {all_of_them}{f': {files}' if done else ''}; --lenient leaves such photos out"
        print(f"fastcam explain: {told}", file=sys.stderr)
    elif not is_whole and done:
        told = f"ended after {done} of {all_of_them}: {files}, where the same command goes on"
        print(f"fastcam explain: {told}", file=sys.stderr)
    elif is_whole and not options.quiet:
        known = f", {journal.reused} of them as they were there before (--force: anew)" if journal.reused else ""
        left = f"; {len(journal.problems)} left out, which results.json lists" if journal.problems else ""
        count = f"{done} of {all_of_them}" if left else all_of_them
        print(f"{count}: {files}{known}{left}")


def _shares(options: argparse.Namespace, files: Sequence[Listed]) -> tuple[int, int | None]:
    """Return the number of photos in work at once, and the threads of a run of the model, which share the processors.

    Several photos at once give more a second than several threads for one. Where files may be volumes, which are worked
    on one by one, a run of the model has all processors.

    Raises
    ------
    InputError
        There can't be so many workers.
    """
    from fastcam.arrays.pool import processors
    from fastcam.cli.photos import are_photos
    from fastcam.methods.masking_method import MaskingMethod
    from fastcam.methods.table import METHODS

    workers = options.workers
    if workers is not None and not 1 <= workers <= 1024:
        raise InputError(f"--workers: expected 1 to 1024; got {workers}")
    if workers is None and isinstance(METHODS.get(options.method), MaskingMethod):
        workers = 1  # batches of masked images keep all processors busy by themselves
    if workers is None:
        workers = max(1, min(len(files), MOST, processors() // max(1, options.threads or 1)))
    may_be_volumes = options.workers is None and not are_photos(files)
    return workers, options.threads or (None if workers == 1 or may_be_volumes else max(1, processors() // workers))


def _check_results(options: argparse.Namespace) -> None:
    """Check the options of what is written, or raise InputError."""
    if options.grid is not None and options.grid < 1:
        raise InputError(f"--grid: expected 1 overlay or more in a picture; got {options.grid}")
    if options.grid is not None and options.no_overlay:
        raise InputError("--grid: expected with overlays; got --no-overlay as well")


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
    drawn = {name: value for name, value in drawing_of(options).items() if value is not None}
    return {"top": None, "class_index": None, **how, **drawn, "labels_sha256": labels}


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
