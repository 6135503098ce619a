"""The command line `fastcam`, one module for each command.

For people at a terminal and for scripts; `main` runs it. The top of the package: imports every room, and no room
imports it.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from fastcam.cli.interrupts import Interrupted, signals_interrupt
from fastcam.cli.options import in_options
from fastcam.cli.parser import COMMANDS, build
from fastcam.errors import FastcamError, FastcamWarning

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments
        The command and its options; None: those of `sys.argv`.

    Returns
    -------
    0 after success, 1 where photos were left out (`explain --lenient`), 2 after an error (its message is on stderr),
    130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, 141 where the reader of a pipe left.
    """
    words = tuple(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace(words=words, command="", quiet=False, verbose=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # terminals and pipes that have no "→" or "×"
    try:
        build(words).parse_args(words, options)
        _silence_onnxruntime()
        with _plain_warnings(options), signals_interrupt():
            code = COMMANDS[options.command].run(options)
            sys.stdout.flush()
    except FastcamError as error:
        if options.verbose:
            traceback.print_exception(error)
        name = " ".join(filter(None, ("fastcam", options.command)))
        print(f"{name}: error: {in_options(str(error), options.command)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # of the terminal or pipe: a full disk behind `>`
        print(f"fastcam {options.command}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as request:
        return 128 + (request.number if isinstance(request, Interrupted) else signal.SIGINT)
    return code or 0


@contextmanager
def _plain_warnings(options: argparse.Namespace) -> Generator[None]:
    """Print this package's warnings as lines of the command, each once, without a place in its code."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, FastcamWarning):
                shown(message, category, *place, **more)
            elif not options.quiet:
                told = in_options(str(message), options.command)
                print(f"fastcam {options.command}: warning: {told}", file=sys.stderr)

        warnings.showwarning = show
        yield


def _silence_onnxruntime() -> None:
    """Silence ONNX Runtime's own messages on stderr in this process: errors are raised as exceptions.

    On import its telemetry warns of a home that can't be written to, and its log has providers that don't start,
    against a session's options. The library itself leaves both as the caller has them.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from fastcam.model.run.runtime import silence

    silence()
