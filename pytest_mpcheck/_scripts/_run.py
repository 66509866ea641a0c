"""`Run`: what is known of one run of a program. Text and numbers, taken when it had ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from signal import SIGTERM

__all__ = ["Run", "Start", "starts_of"]


@dataclass(frozen=True, slots=True)
class Start:
    """A process that the program has started through `multiprocessing`.

    Attributes:
        method: The start method that it was started by.
        exitcode: How it ended, as far as the program has looked; ``None`` when it has not.
    """

    method: str
    exitcode: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program under a start method.

    Attributes:
        start_method: The default start method in it.
        exitcode: Its exit code; ``None`` when it did not end by itself.
        stdout: What it and its children wrote to descriptor 1, places as the user knows them.
        stderr: What they wrote to descriptor 2.
        survivors: Command lines of the processes that it left running.
        starts: What it started.
        stuck: What it was doing when it was ended; empty when it ended by itself.
    """

    start_method: str
    exitcode: int | None
    stdout: str
    stderr: str
    survivors: tuple[str, ...] = ()
    starts: tuple[Start, ...] = ()
    stuck: str = ""

    @property
    def failures(self) -> Counter[int]:
        """The exit codes of children that failed, each with how many had it.

        SIGTERM is no failure: a pool that is taken apart ends its workers so, if they have not ended by themselves.
        """
        codes = Counter(start.exitcode for start in self.starts if start.exitcode is not None)
        return Counter({code: count for code, count in codes.items() if code not in (0, -SIGTERM)})


def starts_of(notes: str) -> tuple[Start, ...]:
    """Read the notes of a script that was watched; see `_script_starts`."""
    started: list[Start] = []
    latest: dict[str, int] = {}  # by pid, which another process may get later
    for line in notes.splitlines():
        match line.split(" "):
            case ["start", pid, method]:
                latest[pid] = len(started)
                started.append(Start(method, None))
            case ["end", pid, code] if pid in latest and code.lstrip("-").isdecimal():
                started[latest[pid]] = Start(started[latest[pid]].method, int(code))
                del latest[pid]
            case _:  # whatever else stands there was written by the program
                pass
    return tuple(started)
