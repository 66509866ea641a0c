"""The rules of a test, as the test makes them: the other end of `_rules`.

Guarantees: a change of the rules is there as a whole or not at all, and every process hears of it with its next event.
"""

from __future__ import annotations

import contextlib
import marshal
import mmap
import os
import threading
from collections.abc import Iterable
from typing import Any, Protocol

from .._errors import MpcheckError
from .._excerpts import repr_of
from ._chronicle import Chronicle
from ._hold_words import Wanted
from ._layout import CONTROL
from ._rules import FOLDER, claim_path, go_path, rules_path
from ._taken import Taker, taker_of

__all__ = ["Recording", "Rule", "publish", "who_is"]


class Recording(Protocol):
    @property
    def folder(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    def chronicle(self) -> Chronicle: ...


class Rule:
    """A rule, and the files that say what became of it."""

    def __init__(self, recording: Recording, number: int, wanted: Wanted, process: object, child: Any) -> None:
        self.wanted = wanted
        self.child = child
        self.is_told = False  # whether the test knows that nobody has arrived
        self.claim = claim_path(recording.folder, recording.epoch, number)
        self.facts: dict[str, object] = {
            "number": number,
            "kind": wanted.kind,
            "name": wanted.name,
            "process": process,
            "seconds": wanted.seconds,
            "origin": wanted.origin,
            "maker": (os.getpid(), threading.get_ident()),
        }

    @property
    def taker(self) -> Taker | None:
        """Who has taken it."""
        return taker_of(self.claim)

    @property
    def is_let_go(self) -> bool:
        """Whether who has taken it, or will, may go on."""
        return os.path.exists(go_path(self.claim))

    def let_go(self) -> None:
        """Let go on whoever has taken it, or will."""
        from ._log import here

        path = go_path(self.claim)
        with open(f"{path}.new", "wb") as file:
            marshal.dump(here(), file)
        os.replace(file.name, path)


_publishing = threading.RLock()


def publish(recording: Recording, rules: Iterable[Rule], watched: Iterable[str]) -> None:
    """Tell all processes what is wanted from now on.

    Args:
        recording: The recording of the test.
        rules: The rules.
        watched: The functions whose calls are to be spans.
    """
    with _publishing:  # threads of the test may do so at once
        _publish(recording, rules, watched)


def _publish(recording: Recording, rules: Iterable[Rule], watched: Iterable[str]) -> None:
    folder = recording.folder
    os.makedirs(os.path.join(folder, FOLDER), exist_ok=True)
    wanted = {
        "epoch": recording.epoch,
        "limit": float(recording.timeout),
        "rules": [rule.facts for rule in rules],
        "watched": list(watched),
    }
    with (
        open(os.path.join(folder, CONTROL), "r+b") as control,
        mmap.mmap(control.fileno(), 8) as mapped,
        memoryview(mapped) as view,
        view.cast("Q") as word,
    ):
        generation = word[0] >> 32
        with open(rules_path(folder, generation + 1), "wb") as file:
            marshal.dump(wanted, file)
        word[0] += 1 << 32
    with contextlib.suppress(OSError):  # there was none, or somebody reads it; who finds none hears of the next one
        os.unlink(rules_path(folder, generation))


def who_is(process: object) -> tuple[object, Any, str]:
    """Return how a rule names who is meant, the child if it is one, and who it is in words; nobody: ``None``."""
    known: Any = process
    if process is None:
        return None, None, ""
    if isinstance(process, str) and process:
        return process, None, f"process {process!r}"
    pid = process if isinstance(process, int) else getattr(process, "pid", None)
    if isinstance(pid, bool) or not isinstance(pid, int):
        raise MpcheckError(
            f"{repr_of(process)} is no process that has started; "
            "what to do: give a Child, a pid, or the name that a process is going to have"
        )
    if process is pid:
        return pid, None, f"process {pid}"
    is_child = hasattr(process, "start_method")
    words = f"{'child' if is_child else 'process'} {str(getattr(process, 'name', ''))!r} (pid {pid})"
    thread = known.process.ident if is_child and known.start_method in ("thread", "interpreter") else None
    return (pid if thread is None else (pid, thread)), (known if is_child else None), words
