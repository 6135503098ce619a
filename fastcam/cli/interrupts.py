"""Signals that end a command, raised as exceptions so that it can clean up."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

# Sent by Ctrl-C; by `kill`, service managers and containers; by a closed terminal, which Windows doesn't have.
ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
USUAL = (signal.SIG_DFL, signal.default_int_handler)
APART = 1.0  # seconds within which a second signal is the same request: shells and `timeout` send two
AGAIN = 0.05  # seconds until a signal inside a finaliser, where Python drops exceptions, is sent again


class Interrupted(KeyboardInterrupt):
    """A signal that asks the process to end, with its number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def signals_interrupt() -> Generator[None]:
    """Raise `Interrupted` for SIGINT, SIGTERM and SIGHUP in the block, unless the process ignores or handles them.

    Python handles signals in the main thread only; elsewhere nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ENDINGS if is_main}
    usual = {number: handler for number, handler in before.items() if handler in USUAL}
    latest, hook = -math.inf, sys.unraisablehook

    def interrupt(number: int, _: Any) -> None:
        nonlocal latest
        last, latest = latest, time.monotonic()
        if latest - last >= APART:
            raise Interrupted(number)

    def insist(lost: Any) -> None:
        nonlocal latest
        if not isinstance(lost.exc_value, Interrupted):
            hook(lost)
        elif hasattr(signal, "pthread_kill"):  # which wakes the main thread where it waits
            latest = -math.inf
            main = threading.main_thread().ident
            threading.Timer(AGAIN, signal.pthread_kill, (main, lost.exc_value.number)).start()

    for number in usual:
        signal.signal(number, interrupt)
    sys.unraisablehook = insist
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in usual.items():
            signal.signal(number, handler)
