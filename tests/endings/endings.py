"""How a run of pytest may end: what brings it about, the exit code that plain pytest gives, and what can be told."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .runs import Run

__all__ = ["ENDINGS", "Ending"]


REPORTED = "processes left by the run"
KEPT = "ended before its run was over"


@dataclass(frozen=True)
class Ending:
    """One way in which a run ends.

    Attributes:
        name: What it is called; the project under test knows some of them by it.
        exit_codes: Of plain pytest; several where it depends on what the last Ctrl-C hits.
        exit_codes_with_workers: The same, when workers of pytest-xdist run the tests.
        told: What stands in the output with the guard on, by pytest or by the keeper.
        told_by_workers: Whether it does so with workers too.
        cause: What brings it about from outside, once all members of the family have been seen.
        options: What pytest is given on its command line.
        workers: With how many workers it is tried.
    """

    name: str
    exit_codes: tuple[int, ...]
    exit_codes_with_workers: tuple[int, ...]
    told: str = REPORTED
    told_by_workers: bool = True
    cause: Callable[[Run], None] = lambda run: None
    options: tuple[str, ...] = ()
    workers: tuple[int, ...] = (0, 2)

    def expected(self, workers: int) -> tuple[int, ...]:
        """Return the exit codes of plain pytest."""
        return self.exit_codes_with_workers if workers else self.exit_codes


def ended_by(name: str) -> int:
    """Return the exit code of what a signal ends; on Windows there is but one way."""
    return 1 if sys.platform == "win32" else -getattr(signal, name)


def interrupt(run: Run) -> None:
    """Do what a terminal does on Ctrl-C: everybody in the foreground gets it."""
    run.wait_for("staying")
    run.interrupt()


def interrupt_twice(run: Run) -> None:
    interrupt(run)
    run.wait_for("clinging")
    run.interrupt()


def interrupt_again(run: Run) -> None:
    """Press Ctrl-C once more while children are being ended, or pytest waits for them."""
    interrupt(run)
    run.wait_for_sigterm()
    run.interrupt()


def terminate(run: Run) -> None:
    run.wait_for("staying")
    run.process.terminate()


def kill(run: Run) -> None:
    run.wait_for("staying")
    run.process.kill()


def kill_worker(run: Run) -> None:
    run.wait_for("staying")
    run.members["pytest"].kill()


TIMEOUT = ("--timeout=0.5", "-o", "timeout_func_only=true")  # what sets the test up may take its time

INTERRUPTED = (2, ended_by("SIGINT"))
"""Of plain pytest when a Ctrl-C comes once it is on its way out: its own, or that of the exception nobody catches."""

ENDINGS = (
    Ending("passes", (0,), (0,)),
    Ending("fails", (1,), (1,)),
    Ending("errors", (1,), (1,)),
    # pytest-xdist does not listen to its workers any more
    Ending("Ctrl-C", (2,), (2,), told_by_workers=False, cause=interrupt),
    Ending("Ctrl-C twice", INTERRUPTED, INTERRUPTED, told="", cause=interrupt_twice),
    Ending("Ctrl-C again", INTERRUPTED, INTERRUPTED, told="", cause=interrupt_again),
    Ending("timeout, signal", (1,), (1,), options=("--timeout-method=signal", *TIMEOUT)),
    Ending("timeout, thread", (1,), (1,), told=KEPT, options=("--timeout-method=thread", *TIMEOUT)),
    Ending("SIGTERM to pytest", (ended_by("SIGTERM"),), (ended_by("SIGTERM"),), told=KEPT, cause=terminate),
    Ending("SIGKILL to pytest", (ended_by("SIGKILL"),), (ended_by("SIGKILL"),), told=KEPT, cause=kill),
    Ending("SIGKILL to a worker", (1,), (1,), told=KEPT, cause=kill_worker, workers=(2,)),
    Ending("os._exit", (3,), (1,), told=KEPT),
    Ending("segfault", (ended_by("SIGSEGV"),), (1,), told=KEPT),
)
