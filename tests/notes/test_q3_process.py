"""Question 3: one process is started and joined; it prints its line, ends with 0, and leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mpcheck import assert_exited, assert_joined, assert_lines

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.synchronize import Event

    from pytest_mpcheck import ScriptRun
    from pytest_mpcheck.fixtures import ProcessFactory

SCRIPTS = Path(__file__).with_name("scripts")
LINE = "This is a child process"


def test_the_program_prints_its_line_and_is_gone(mp_script: Callable[..., ScriptRun]) -> None:
    run = mp_script(SCRIPTS / "one_process.py")
    assert run.stdout == f"{LINE}\n"
    assert run.exitcode == 0
    assert run.survivors == ()


def test_the_process_prints_the_line_itself(mp_process: ProcessFactory) -> None:
    child = mp_process(print, LINE)
    assert_exited(child)
    assert_lines(child.stdout, [LINE])
    assert_joined(child)


def test_a_process_that_runs_is_not_joined(mp_context: BaseContext, mp_process: ProcessFactory) -> None:
    leave = mp_context.Event()
    child = mp_process(stay, leave)
    with pytest.raises(AssertionError, match="still running"):
        assert_joined(child)
    leave.set()
    child.join()
    assert_joined(child)


def stay(leave: Event) -> None:
    leave.wait()


def test_a_process_that_has_ended_is_not_joined_before_somebody_waits_for_it(mp_process: ProcessFactory) -> None:
    child = mp_process(print, LINE)
    assert wait([child.process.sentinel], 30)
    with pytest.raises(AssertionError, match="nobody has waited for it"):
        assert_joined(child)
    child.join()
    assert_joined(child)


def test_a_process_that_fails_says_so_by_its_exit_code(mp_process: ProcessFactory) -> None:
    child = mp_process(sys.exit, 3)
    with pytest.raises(AssertionError, match=r"exit code 3, expected: exit code 0"):
        assert_exited(child)
    assert_exited(child, code=3)


def test_in_a_notebook_only_a_forked_process_finds_its_function(
    mp_script: Callable[..., ScriptRun], mp_start_method: str
) -> None:
    run = mp_script(SCRIPTS / "one_process_in_a_cell.py")
    assert run.exitcode == 0  # whatever became of the child: nobody looked
    if mp_start_method == "fork":
        assert_lines(run.stdout, [LINE])
        assert "the child's exit code: 0" in run.stderr
    else:
        assert run.stdout == ""
        assert "AttributeError" in run.stderr
        assert "the child's exit code: 1" in run.stderr
    assert run.survivors == ()
