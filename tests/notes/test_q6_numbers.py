"""Question 6: four processes print a number each, and the program a closing line: once, or as often as it is run.

A spawned process imports the program, and so runs all of it that is not behind the ``__main__`` guard. With a fork
server either each process does, or the server once for all of them: CPython since 3.13.8 and 3.14.1 (gh-126631).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mpcheck import assert_exited, assert_lines

if TYPE_CHECKING:
    from pytest_mpcheck import ScriptRun
    from pytest_mpcheck.fixtures import ProcessFactory

SCRIPTS = Path(__file__).with_name("scripts")
NUMBERS = [f"Process {number}" for number in range(4)]
CLOSING = "This code creates 4 processes, each assigned a unique number to print."


def test_four_processes_print_four_numbers(mp_process: ProcessFactory) -> None:
    children = [mp_process(print, f"Process {number}") for number in range(4)]
    for child, line in zip(children, NUMBERS, strict=True):
        assert_exited(child)
        assert_lines(child.stdout, [line])
    assert len({os.getpid(), *(child.pid for child in children)}) == 5


def test_each_number_comes_once_and_the_closing_line_from_all_who_run_the_file(
    mp_script: Callable[..., ScriptRun], mp_start_method: str
) -> None:
    run = mp_script(SCRIPTS / "four_numbers.py")
    log = [line.split() for line in run.stderr.splitlines()]
    (program,) = (pid for what, pid, _ in log if what == "__main__")
    importers = {pid for what, pid, _ in log if what == "__mp_main__"}
    printers = {pid for what, pid, _ in log if what == "number"}
    (parent,) = {parent for what, _, parent in log if what == "number"}
    assert len(printers) == 4
    if mp_start_method == "fork":
        assert (parent, importers) == (program, set())
    elif mp_start_method == "spawn":
        assert (parent, importers) == (program, printers)
    else:
        assert parent != program
        assert importers in (printers, {parent})
    assert_lines(run.stdout, [*NUMBERS, CLOSING, *[CLOSING] * len(importers)])
    assert (run.exitcode, run.survivors) == (0, ())


def test_behind_the_guard_the_closing_line_comes_once_and_last(mp_script: Callable[..., ScriptRun]) -> None:
    run = mp_script(SCRIPTS / "four_numbers_repaired.py")
    *numbers, last = run.stdout.splitlines()
    assert_lines("\n".join(numbers), NUMBERS)
    assert last == CLOSING
    assert (run.exitcode, run.survivors) == (0, ())
