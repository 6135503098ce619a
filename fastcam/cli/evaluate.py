"""Evaluate maps and boxes on annotated photos: the papers' tables, resumable and in shards."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.options import add_message_arguments, add_model_arguments, open_model
from fastcam.cli.progress import Progress
from fastcam.errors import InputError

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier
    from fastcam.evaluate import Annotations, Protocol
    from fastcam.evaluate.report.gallery import Picture

MERGE = "merge"

EXAMPLES = (
    "fastcam eval model.onnx annotations.csv -o evaluation --method cam,gradcam",
    "fastcam eval model.onnx instances.json -o part1 --shard 1/2; fastcam eval merge part1 part2 -o whole",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam eval`."""
    parser.usage = (
        "fastcam eval MODEL DATA -o FOLDER [options]\n       fastcam eval merge FOLDER [FOLDER ...] -o FOLDER [--force]"
    )
    add_model_arguments(parser)
    parser.add_argument("data", metavar="DATA", nargs="+", help="annotations; after 'merge' the folders of all shards")
    parser.add_argument(
        "-o", "--path", metavar="FOLDER", required=True, help="for results.json, results.md, report.html and batches"
    )
    _add_data_arguments(parser)
    _add_evaluation_arguments(parser)
    _add_work_arguments(parser)
    add_message_arguments(parser, "what was found in the models")


def _add_data_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data", "for example: --classes labels --column path=file")
    group.add_argument("--format", help="coco, voc, ilsvrc, wsol, cub or table (default: what DATA looks like)")
    group.add_argument("--root", metavar="FOLDER", help="where the photos are (default: as the format has it)")
    group.add_argument(
        "--classes",
        metavar="WHICH",
        help="which class of the model a category is: labels (by --labels), imagenet, order, or a JSON or CSV file "
        "(default: the data's own numbers)",
    )
    group.add_argument("--split", help="of voc or cub")
    group.add_argument(
        "--column",
        metavar="NAME=COLUMN",
        action="append",
        help="what a column of a table is called: path=file for a column 'file' of paths; may be repeated",
    )
    group.add_argument("--lenient", action="store_true", help="leave out what is wrong in the data, and list it")
    group.add_argument("--limit", type=int, metavar="N", help="the first N photos only")


def _add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("evaluation", "for example: --method cam,gradcam --metrics pointing,energy")
    group.add_argument(
        "--model",
        dest="others",
        metavar=("MODEL", "SPEC"),
        nargs="+",
        action="append",
        default=[],
        help="another model to compare, and how it is preprocessed (default: the configuration beside it, else "
        "imagenet); may be repeated. --head, --model-output and --constant are the first one's",
    )
    group.add_argument("--method", default="auto", help="one or several: cam,gradcam,layercam (default auto)")
    group.add_argument("--layer", metavar="TENSOR", action="append", help="in place of the head's feature maps")
    group.add_argument("--convention", default="paper", help="paper (default), gradcam, minmax, wsol or cam-release")
    group.add_argument("--threshold", type=float, metavar="FRACTION", help="in place of the convention's own")
    group.add_argument("--thresholds", type=int, metavar="N", help="of MaxBoxAcc and PxAP (default 100; wsol: 1000)")
    group.add_argument("--top", type=int, metavar="N", help="best classes that count (default 5, or all of fewer)")
    group.add_argument("--metrics", metavar="A,B", help="some of those in fastcam.evaluate.Protocol (default: all)")
    group.add_argument(
        "--faithfulness", action="store_true", help="average drop, deletion, insertion and ROAD as well (slow)"
    )
    group.add_argument("--seed", type=int, default=0, help="of the bootstrap's draws (default 0)")


def _add_work_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work", "for example: --shard 1/2 --batch-size 16")
    group.add_argument(
        "--batch-size",
        type=int,
        default=64,
        metavar="N",
        help="photos a file, lost if the run is killed (default 64)",
    )
    group.add_argument("--shard", default="1/1", metavar="I/N", help="evaluate the I-th of N parts; then merge them")
    group.add_argument("--force", action="store_true", help="start anew where FOLDER has another evaluation")


def run(options: argparse.Namespace) -> None:
    """Check everything, then evaluate batch by batch; or merge shards."""
    if options.model == MERGE:
        _merge(options)
        return
    from fastcam.evaluate import Pictures, evaluate

    if len(options.data) > 1:
        raise InputError(f"DATA: expected one file or folder; got {', '.join(options.data)}")
    shard = _shard(options.shard)
    _protocol(options)  # errors in it come before a model is opened
    models = _models(options)
    protocol = _protocol(options, next(iter(models.values())).head.classes)
    annotations = _annotations(options, next(iter(models.values())))
    if annotations.problems and not options.quiet:
        print(f"problems in the data: {len(annotations.problems)}; the results list them", file=sys.stderr)
    total = len(range(shard[0] - 1, len(annotations), shard[1]))
    with Progress(sys.stderr, total, "photo", is_quiet=options.quiet) as progress:
        results = evaluate(
            models,
            annotations,
            options.path,
            methods=options.method.split(","),
            layer=options.layer,
            protocol=protocol,
            data=options.data[0],
            strict=not options.lenient,
            batch_size=options.batch_size,
            shard=shard,
            force=options.force,
            progress=progress.reach,
            note=lambda text: None if options.quiet else print(f"fastcam eval: {text}", file=sys.stderr),
        )
    _report(results, options, Pictures(models, results, annotations))


def _merge(options: argparse.Namespace) -> None:
    """Merge shards, with the pictures of their reports."""
    from fastcam.evaluate import merge_shards
    from fastcam.evaluate.report import ShardPictures

    # From the words: an option's value doesn't show whether it was given or is the default.
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("words", nargs="+")
    parser.add_argument("-o", "--path")
    parser.add_argument("--force", action="store_true")
    add_message_arguments(parser, "more")
    _, rest = parser.parse_known_args(options.words)
    if others := [word for word in rest if word.startswith("-")]:
        expected = "folders, -o and --force alone, as the shards' plans say the rest"
        raise InputError(f"merge: expected {expected}; got {', '.join(others)}")
    results = merge_shards(options.data, options.path, force=options.force)
    _report(results, options, ShardPictures(options.data, results))


def _report(results: dict[str, Any], options: argparse.Namespace, picture: Picture) -> None:
    """Write the report, its worst cases in pictures, and print the figures."""
    from fastcam.cli.figures import table
    from fastcam.evaluate.report import write_report
    from fastcam.evaluate.results import counted

    write_report(Path(options.path), results, picture)
    if options.quiet:
        return
    data = results["data"]
    print(table(results, shutil.get_terminal_size((80, 24)).columns))
    if data["problems"]:
        print(f"{counted(len(data['problems']), 'problem')}: see results.md")
    print(f"{counted(data['images'], 'photo')}: results.json, results.md and report.html in {options.path}")


def _protocol(options: argparse.Namespace, classes: int | None = None) -> Protocol:
    from fastcam.evaluate import Protocol
    from fastcam.evaluate.metrics.terms import TOP

    metrics = None if options.metrics is None else tuple(options.metrics.split(","))
    given = {name: getattr(options, name) for name in ("convention", "threshold", "thresholds", "seed")}
    top = min(TOP, classes or TOP) if options.top is None else options.top
    protocol = Protocol(**given, top=top, metrics=metrics)
    return protocol.with_faithfulness() if options.faithfulness else protocol


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not all(one.isascii() and one.isdigit() for one in (part, parts)) or not 1 <= int(part) <= int(parts):
        raise InputError(f"--shard: expected I/N with 1 <= I <= N, such as 2/3; got {text!r}")
    return int(part), int(parts)


def _models(options: argparse.Namespace) -> dict[str, Classifier]:
    """Open all models, and return them by the names of their files, with a number where names are the same."""
    found: dict[str, Classifier] = {}
    for given in ([options.model], *options.others):
        if len(given) > 2:
            raise InputError(f"--model: expected MODEL, or MODEL and its preprocessing; got {' '.join(given)}")
        own = argparse.Namespace(**vars(options))
        if found:
            own.preprocess, own.head, own.model_output, own.constant = None, None, None, None
        own.model, own.preprocess = given[0], given[1] if len(given) == 2 else own.preprocess
        name, number = Path(given[0]).stem, 1
        while name in found:
            number += 1
            name = f"{Path(given[0]).stem}-{number}"
        found[name] = open_model(own)
    return found


def _annotations(options: argparse.Namespace, model: Classifier) -> Annotations:
    from fastcam.evaluate import read_annotations

    classes = options.classes
    if classes == "labels":
        if model.labels is None:
            raise InputError("--classes: expected --labels with 'labels'; got none")
        classes = model.labels
    for text in options.column or ():
        name, _, column = text.partition("=")
        if not name or not column:
            raise InputError(f"--column: expected NAME=COLUMN, such as path=file; got {text!r}")
    columns = dict(text.split("=", 1) for text in options.column) if options.column else None
    found = read_annotations(
        options.data[0],
        format=options.format,
        root=options.root,
        classes=classes,
        class_count=model.head.classes,
        split=options.split,
        columns=columns,
        strict=not options.lenient,
    )
    if options.limit is None:
        return found
    if options.limit < 1:
        raise InputError(f"--limit: expected 1 photo or more; got {options.limit}")
    return found.take(range(min(options.limit, len(found))))
