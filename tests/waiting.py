"""Waiting for what other threads do."""

import time

WAIT = 10  # seconds until a test gives up


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
