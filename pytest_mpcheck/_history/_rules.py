"""What a test wants of those who arrive at a checkpoint: the end of it that runs in every process.

Guarantees: of all that arrive at once, in whatever process or thread, one alone takes a hold: who creates its file. Who
is held waits in slices, so it can be killed and is no deadlock; it goes on when it is let go, when the test is over,
and, with an error, at the deadline. The thread of the test that made a rule is not bound by it, and the process of the
test is never killed. Children load this module once there is a rule, and it imports nothing heavy.

::

    taken/rules-G  what is wanted, as of generation G of the control word; there before that is
    taken/E-N      who took rule N of test E: created once, and only then written
    taken/E-N.go   that it may go on, and what comes before that

Whatever is missing or damaged there binds nobody.
"""

from __future__ import annotations

import _thread
import contextlib
import marshal
import os
import sys
from collections.abc import Callable, Mapping

from .. import _platforms
from .._clock import Deadline, wait_until
from ._layout import BEGIN, POINT
from ._ring import plain_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._ring import Ring

__all__ = ["EVERY", "FOLDER", "Rules", "claim_path", "go_path", "load", "rules_path"]

FOLDER = "taken"

EVERY = 0.005
"""How often somebody who is held looks whether it may go on, in seconds."""

_ARRIVALS = frozenset((POINT, BEGIN))

_DAMAGE = OSError, EOFError, ValueError, TypeError, LookupError, AttributeError
"""What reading a file raises that is missing, or is not what was written."""

_NOTHING: dict[str, Any] = {"epoch": 0, "limit": 0.0, "rules": [], "watched": []}


class Rules:
    """The rules of a test, as a process knows them.

    Args:
        folder: The folder of the history.
        wanted: What the file says.
    """

    def __init__(self, folder: str, wanted: dict[str, Any]) -> None:
        self._folder = folder
        self._epoch: int = wanted["epoch"]
        self._limit: float = wanted["limit"]
        self._spent: set[int] = set()
        self.watched: list[str] = wanted["watched"]
        self.names: dict[str, list[dict[str, Any]]] = {}
        for rule in wanted["rules"]:
            self.names.setdefault(rule["name"], []).append(rule)

    def recorder(self, ring: Ring) -> Callable[[int, str, Mapping[Any, object], int], int]:
        """Return what records as a ring does, and lets whoever has arrived obey.

        Args:
            ring: The file of this source.
        """
        record, names = ring.record, self.names
        if not names:
            return record

        def record_and_obey(kind: int, name: str, data: Mapping[Any, object], epoch: int) -> int:
            ticket = record(kind, name, data, epoch)
            if name in names and kind in _ARRIVALS and epoch == self._epoch:
                self.obey(name, ring.key, ticket)
            return ticket

        return record_and_obey

    def obey(self, name: str, key: str, sequence: int) -> None:
        """Do what the rules for a name want of whoever has arrived there: wait, end, or nothing.

        Args:
            name: The name of the event that has just been recorded.
            key: The source that recorded it.
            sequence: Its place there.

        Raises:
            MpcheckError: Nobody has let it go on before the deadline.
        """
        for rule in self.names.get(name, ()):
            if not _binds(rule):
                continue
            if rule["kind"] == "delay":
                self._take(rule, key, sequence)
                wait_until(lambda: False, Deadline(rule["seconds"]))
            elif self._take(rule, key, sequence):
                if rule["kind"] == "kill":
                    _platforms.end_self()  # pragma: ends by SIGKILL
                self._stay(rule)
                return

    def _take(self, rule: dict[str, Any], key: str, sequence: int) -> bool:
        """Return whether this thread, and nobody else before it, has taken a rule."""
        number: int = rule["number"]
        if number in self._spent:
            return False
        self._spent.add(number)
        try:
            file = os.open(claim_path(self._folder, self._epoch, number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:  # another one was first, or the test is over
            return False
        try:
            who = os.getpid(), _thread.get_ident(), _name(), key, sequence, _platforms.event_clock()()
            os.write(file, marshal.dumps(who))
        finally:
            os.close(file)
        return True

    def _stay(self, rule: dict[str, Any]) -> None:
        from ._log import follow

        claim = claim_path(self._folder, self._epoch, rule["number"])
        go = go_path(claim)
        if not wait_until(lambda: os.path.exists(go) or not os.path.exists(claim), Deadline(self._limit), EVERY):
            from .._errors import MpcheckError
            from .._words import RAISE_THE_LIMIT

            raise MpcheckError(
                f"held at {rule['name']!r} for {self._limit:g} s, and nobody has let it go on\n"
                f"it was process {_name()!r} (pid {os.getpid()}); the hold was made at {rule['origin']}\n"
                "what to do: release it in time (held.release(), or with mp_history.hold(...) as held:), or "
                + RAISE_THE_LIMIT
            )
        with contextlib.suppress(*_DAMAGE), open(go, "rb") as file:
            follow("hold", *marshal.load(file))


def _binds(rule: dict[str, Any]) -> bool:
    """Return whether a rule is meant for this thread of this process."""
    pid, thread = os.getpid(), _thread.get_ident()
    if rule["maker"] == (pid, thread) or (rule["kind"] == "kill" and rule["maker"][0] == pid):
        return False
    wanted = rule["process"]
    return wanted is None or wanted in (pid, (pid, thread), _name())


def _name() -> str:
    multiprocessing = sys.modules.get("multiprocessing.process")
    return plain_name(multiprocessing.current_process().name) if multiprocessing else "MainProcess"


def claim_path(folder: str, epoch: int, number: int) -> str:
    """Return the file that says who has taken a rule.

    Args:
        folder: The folder of the history.
        epoch: The number of the test.
        number: The number of the rule in it.
    """
    return os.path.join(folder, FOLDER, f"{epoch}-{number}")


def go_path(claim: str) -> str:
    """Return the file that says that who has taken a rule may go on."""
    return f"{claim}.go"


def rules_path(folder: str, generation: int) -> str:
    """Return the file of the rules of a generation.

    Args:
        folder: The folder of the history.
        generation: The upper half of the control word.
    """
    return os.path.join(folder, FOLDER, f"rules-{generation}")


def load(folder: str, generation: int) -> Rules:
    """Read rules, and begin the watches that they want.

    Args:
        folder: The folder of the history.
        generation: The upper half of the control word.

    Returns:
        The rules; none when they cannot be read.
    """
    rules = Rules(folder, _NOTHING)
    with contextlib.suppress(*_DAMAGE), open(rules_path(folder, generation), "rb") as file:
        rules = Rules(folder, marshal.load(file))
    if rules.watched or f"{__package__}._watch" in sys.modules:
        from ._watch import watch_only

        watch_only(rules.watched)
    return rules
