"""An interpreter of its own in the place of a process (PEP 734, Python 3.14 and later).

It has modules of its own as a spawned child has, and a process in common with the test as a thread has.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

from .._records import ChildReport, Outcome, Returned
from ._attempt import attempt
from ._call import PackedCall, pack
from ._result import result_of
from ._station import Station
from ._thread import ThreadWorker

__all__ = ["InterpreterWorker", "run_in_interpreter"]

_BOOT = """
import sys
sys.path[:] = path
from pytest_mpcheck._children._interpreter import run_in_interpreter
run_in_interpreter(station, call)
"""


def run_in_interpreter(station: bytes, call: bytes) -> None:
    """Be the child: do what is asked, and leave the outcome.

    Args:
        station: Where to leave it, pickled.
        call: What to do, pickled.
    """
    where: Station = pickle.loads(station)
    what: PackedCall = pickle.loads(call)
    outcome, _ = attempt(what.__call__)
    where.write_outcome(outcome)


class InterpreterWorker(ThreadWorker):
    """A thread that runs one target in an interpreter of its own.

    Args:
        station: Where it leaves its outcome.
        target: Any callable.
        args: Its arguments; they are pickled.
        modules: As for `Call`.
        name: Its name.
    """

    kind = "interpreter"

    station: Station

    def __init__(
        self,
        station: Station,
        target: Callable[..., object],
        args: tuple[object, ...],
        *,
        modules: Iterable[str],
        name: str | None,
    ) -> None:
        super().__init__(self._boot, (pickle.dumps(pack(target, args, modules)),), name=name)
        self.station = station

    def _boot(self, call: bytes) -> None:
        interpreters = import_module("concurrent.interpreters")
        interpreter = interpreters.create()
        with contextlib.closing(interpreter):
            interpreter.prepare_main(path=tuple(sys.path), station=pickle.dumps(self.station), call=call)
            interpreter.exec(_BOOT)

    def outcome(self) -> Outcome:
        """Return how the interpreter's work ended, or that it has not."""
        outcome = super().outcome()  # of the thread that carried it
        return self.station.read_outcome(1) if isinstance(outcome, Returned) else outcome

    @property
    def exitcode(self) -> int | None:
        """What the exit code of a process would be: 0 after a return, 1 after an exception."""
        return None if self.is_alive() else int(not isinstance(self.outcome(), Returned))

    def take(self, report: ChildReport) -> object:
        """Return what the target returned, or raise what it raised, as from a process."""
        __tracebackhide__ = True
        return super().take(report) if self._error is not None else result_of(report)
