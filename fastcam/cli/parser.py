"""The parser of the command line: its commands, with an example of each, and the exit codes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import ModuleType
from typing import Any, NoReturn

from fastcam.cli import bake, completion, demo, evaluate, explain, inspect, serve, video, warmup
from fastcam.package import __version__

COMMANDS = {
    "demo": demo,
    "inspect": inspect,
    "explain": explain,
    "eval": evaluate,
    "video": video,
    "bake": bake,
    "serve": serve,
    "warmup": warmup,
}
EXIT_CODES = """exit codes:
  0    all was done
  1    photos were left out, and are listed (explain --lenient)
  2    an error, which stderr tells; files that are there are whole
  130  ended by Ctrl-C; 143 by SIGTERM, 129 by a closed terminal, 141 by the reader of a pipe"""


class _PrintCompletion(argparse.Action):
    """The option that prints the completion of a shell, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        print(completion.script(build(), values))
        parser.exit()


class Parser(argparse.ArgumentParser):
    """A parser that keeps the lines of its examples, and whose errors propose what was meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        """Print the usage, and the message with what is close to an unknown word; exit with 2."""
        found = re.search(r"unrecognized arguments: (-[^\s=]+)|invalid choice: '(.*?)'", message)
        close = get_close_matches(found[1] or found[2], list(_words(self)), n=1) if found else []
        super().error(f"{message}; did you mean {close[0]}?" if close else message)


def build(words: Sequence[str] | None = None) -> Parser:
    """Return the parser with the arguments of the command in these words; None: with those of all commands."""
    example = "for example:\n  fastcam demo\n  fastcam inspect model.onnx\n  fastcam explain model.onnx photos/ -o out"
    parser = Parser(
        prog="fastcam",
        description="Class activation maps and their boxes for any ONNX image classifier.",
        epilog=f"{example}\n\n{EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"fastcam {__version__}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        metavar="SHELL",
        help="print the script that completes commands and options in bash, zsh or tcsh (needs fastcam[completion])",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = COMMANDS if words is None else [next((word for word in words if word in COMMANDS), None)]
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        made = commands.add_parser(name, help=summary, description=summary, epilog=_epilog(module))
        if name in wanted:
            module.add_arguments(made)
    return parser


def _epilog(module: ModuleType) -> str:
    examples = "\n".join(f"  {line}" for line in module.EXAMPLES)
    return f"for example:\n{examples}\n\n{EXIT_CODES}"


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the names of all options and commands of a parser."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices
            for inner in action.choices.values():
                yield from _words(inner)
