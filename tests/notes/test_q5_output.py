"""Question 5: a pool of four workers prints four messages, and what becomes of them on the way.

A worker that does not write to a terminal holds what it prints until it ends. It is whole lines then, and they are
lost when somebody ends the worker first: leaving the ``with`` block of a pool does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mpcheck import assert_lines

if TYPE_CHECKING:
    from pytest_mpcheck import ScriptRun

SCRIPTS = Path(__file__).with_name("scripts")
MESSAGES = [f"Process {number} working" for number in range(4)]


def test_each_message_comes_once_when_the_workers_may_end(mp_script: Callable[..., ScriptRun]) -> None:
    run = mp_script(SCRIPTS / "four_messages.py", "close")
    assert_lines(run.stdout, MESSAGES)
    assert (run.exitcode, run.survivors) == (0, ())


def test_unbuffered_no_message_is_lost_whoever_ends_the_workers(
    mp_script: Callable[..., ScriptRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    run = mp_script(SCRIPTS / "four_messages.py")
    assert [run.stdout.count(message) for message in MESSAGES] == [1, 1, 1, 1]
    assert run.stdout.count("\n") == 4
    assert (run.exitcode, run.survivors) == (0, ())


def test_unbuffered_lines_may_tear(mp_script: Callable[..., ScriptRun], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    text = mp_script(SCRIPTS / "torn_messages.py").stdout
    with pytest.raises(AssertionError, match="the lines differ"):
        assert_lines(text, MESSAGES)
    assert [text.count(message) for message in MESSAGES] == [1, 1, 1, 1]
    assert text.endswith("working\n\n\n\n")  # as the notes show it


def test_buffered_lines_do_not_tear(mp_script: Callable[..., ScriptRun]) -> None:
    assert_lines(mp_script(SCRIPTS / "torn_messages.py").stdout, MESSAGES)


def test_messages_are_lost_when_the_pool_is_left_early(mp_script: Callable[..., ScriptRun]) -> None:
    run = mp_script(SCRIPTS / "pool_left_early.py", "leave")
    assert "4 tasks done" in run.stderr
    assert run.stdout == ""
    assert (run.exitcode, run.survivors) == (0, ())  # and nothing tells of it


@pytest.mark.parametrize("repair", ["flush", "close"])
def test_no_message_is_lost_when_workers_write_in_time(mp_script: Callable[..., ScriptRun], repair: str) -> None:
    run = mp_script(SCRIPTS / "pool_left_early.py", repair)
    assert "4 tasks done" in run.stderr
    assert_lines(run.stdout, MESSAGES)
    assert (run.exitcode, run.survivors) == (0, ())


def test_in_a_notebook_only_forked_workers_find_their_function(
    mp_script: Callable[..., ScriptRun], mp_start_method: str
) -> None:
    run = mp_script(SCRIPTS / "four_messages_in_a_cell.py")
    if mp_start_method == "fork":
        assert_lines(run.stdout, MESSAGES)
        assert "first: the results" in run.stderr
    else:
        assert run.stdout == ""
        assert "AttributeError" in run.stderr
        assert "first: the end of a worker" in run.stderr  # and map() would wait for ever (cpython#66587)
    assert (run.exitcode, run.survivors) == (0, ())
