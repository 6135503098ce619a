"""Processes end with the status that they ask for, whatever streams are open then. All ways: `python -m tests.classifier.exiting`."""

import pytest

from tests.classifier.exiting import WAYS, end, end_forked

FEW = [
    *("exit", "ctrl-c twice", "four streams", "steady", "blocked source", "daemon thread without a stream"),
    *("after the main thread", "async source", "loop that stops", "inherited by a child", "exit handler"),
    "exit handler of before the import",
]


@pytest.mark.parametrize("name", FEW)
def test_the_status_is_the_programs_own(name):
    status, said = (end if WAYS[name].is_new else end_forked)(WAYS[name])
    assert status == WAYS[name].status, said
    assert "terminate called" not in said
