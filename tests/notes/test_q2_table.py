"""Question 2: the table of the notes to the letter, and each of its rows as ``compare`` measures it.

What the command found out about a start method is found out here once more, in another way. No number is judged: how
fast something is depends on the machine, what a verdict is worth is for `tests/test_comparison.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

import pytest

import pytest_mpcheck
from pytest_mpcheck import assert_exited
from pytest_mpcheck._comparison._facts import THREAD
from pytest_mpcheck._comparison._notes import CLAIMS, NOTES
from pytest_mpcheck._table import format_table

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from pytest_mpcheck.fixtures import ProcessFactory

# One string a line: an editor that strips trailing spaces would change what is tested here.
TABLE_OF_THE_NOTES = (
    "Feature                       | Multiprocessing            | Multithreading                    \n"
    "-----------------------------------------------------------------------------------------------\n"
    "Memory                        | Separate memory space      | Shared memory space               \n"
    "Performance                   | Better for CPU-bound tasks | Better for I/O-bound tasks (often)\n"
    "Creation overhead             | Higher                     | Lower                             \n"
    "Complexity                    | Generally more complex     | Simpler to implement              \n"
    "Global Interpreter Lock (GIL) | Not affected               | Limited by GIL in Python          "
)

ROUNDS = 1

notice_board = ["as it was"]


def compare(*options: str) -> str:
    """Run the command, with tasks so short that nobody waits for them and no speed-up means anything."""
    command = [sys.executable, "-m", "pytest_mpcheck", "compare", "--rounds", f"{ROUNDS}", "--task-seconds", "0.005"]
    checkout = Path(pytest_mpcheck.__file__).parents[1]  # where it lives, installed or not
    run = subprocess.run([*command, *options], cwd=checkout, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def measured() -> Any:
    return json.loads(compare("--json"))


def record(measured: Any, row: str, worker: str) -> Any:
    """Pick what was measured of one kind of worker."""
    (found,) = [fact for fact in measured["measured"][row] if fact["worker"] == worker]
    assert found["trouble"] is None
    return found


def test_the_table_is_reproduced_to_the_letter() -> None:
    assert format_table(NOTES) == TABLE_OF_THE_NOTES


def test_a_longer_word_anywhere_is_another_table() -> None:
    *rows, (feature, claim, other) = NOTES
    assert format_table([*rows, (feature, claim, other + "!")]) != TABLE_OF_THE_NOTES


def test_the_command_prints_the_table_and_then_what_it_measured() -> None:
    table, _, rest = compare().partition("\n\n")
    assert table == TABLE_OF_THE_NOTES
    header = next(line for line in rest.splitlines() if line.startswith("Feature"))
    assert [cell.strip() for cell in header.split("|")] == [
        "Feature",
        "Claim of the notes",
        "Measured on this machine",
        "Verdict",
    ]


def test_every_claim_is_measured_and_judged(measured: Any) -> None:
    claims = measured["claims"]
    assert {(claim["feature"], claim["side"]): claim["claim"] for claim in claims} == CLAIMS
    assert all(claim["measured"] and claim["why"] for claim in claims)
    assert {claim["verdict"] for claim in claims} <= {"holds", "does not hold", "cannot tell here"}
    assert measured["troubles"] == []


def test_threads_share_memory_and_take_everything(measured: Any) -> None:
    memory, handover = record(measured, "memory", THREAD), record(measured, "handover", THREAD)
    assert (memory["global_seen_here"], memory["argument_seen_here"]) == (True, True)
    assert (len(handover["taken"]), handover["refused"]) == (handover["tried"], [])


def test_work_is_timed_with_processes_and_with_threads(measured: Any) -> None:
    default = measured["machine"]["default_start_method"]
    for kind_of_work in ("cpu_bound", "io_bound"):
        processes, threads = measured["measured"][kind_of_work]
        assert (processes["worker"], threads["worker"]) == (default, THREAD)
        for speed in (processes, threads):
            assert len(speed["rounds"]) == ROUNDS
            assert all(seconds > 0 for one in speed["rounds"] for name, seconds in one.items() if "seconds" in name)


def test_memory_is_separate(measured: Any, mp_start_method: str, mp_process: ProcessFactory) -> None:
    argument = ["as it was"]
    assert mp_process(change, argument).result() == (["changed"], ["changed"])
    seen = {"global_seen_here": notice_board == ["changed"], "argument_seen_here": argument == ["changed"]}
    assert seen == {"global_seen_here": False, "argument_seen_here": False}
    fact = record(measured, "memory", mp_start_method)
    assert {name: fact[name] for name in seen} == seen


def change(argument: list[str]) -> tuple[list[str], list[str]]:
    notice_board[:] = argument[:] = ["changed"]
    return notice_board, argument


def test_creation_is_timed(measured: Any, mp_start_method: str, mp_process: ProcessFactory) -> None:
    fact = record(measured, "creation", mp_start_method)
    assert len(fact["samples_seconds"]) >= 3 * ROUNDS
    assert min(fact["samples_seconds"]) <= fact["seconds"] <= max(fact["samples_seconds"])
    assert fact["times_a_thread"] == fact["seconds"] / record(measured, "creation", THREAD)["seconds"]
    assert mp_process(os.getpid).result() != os.getpid()  # what was timed is a process


@pytest.mark.parametrize(
    ("thing", "make"),
    [
        pytest.param("plain data", dict, id="data"),
        pytest.param("lambda", lambda: lambda: None, id="lambda"),
        pytest.param("threading.Lock", threading.Lock, id="lock"),
    ],
)
def test_what_a_worker_takes(
    measured: Any, mp_start_method: str, mp_context: BaseContext, thing: str, make: Callable[[], object]
) -> None:
    child = mp_context.Process(target=isinstance, args=(make(), object))  # type: ignore[attr-defined]
    try:
        child.start()
    except (AttributeError, PicklingError, TypeError):  # what a pickler says depends on the thing and on the version
        taken = False
    else:
        taken = True
        assert_exited(child)
    fact = record(measured, "handover", mp_start_method)
    assert (thing in fact["taken"]) is taken
    assert (thing in [refusal["thing"] for refusal in fact["refused"]]) is not taken


def test_each_process_tells_the_state_of_the_lock(measured: Any, mp_process: ProcessFactory) -> None:
    told = measured["machine"]["gil"]["enabled"]
    assert mp_process(lock_is_on).result() is lock_is_on() is told


def lock_is_on() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())
