"""The command line: one file a command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fastcam import __version__
from fastcam.cli import demo, explain, inspect
from fastcam.errors import FastcamError

COMMANDS = {"demo": demo, "inspect": inspect, "explain": explain}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did all of it, 2 after an error (told on stderr), 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="fastcam", description="Class activation maps and their boxes for any ONNX image classifier."
    )
    parser.add_argument("--version", action="version", version=f"fastcam {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    options = parser.parse_args(arguments)
    try:
        COMMANDS[options.command].run(options)
    except FastcamError as error:
        print(f"fastcam {options.command}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
