"""`Failures`: children that failed, and nobody has looked."""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable, Iterable, Iterator

from .._finding import Finding
from ._exits import Exits
from ._watcher import Made, Span

__all__ = ["Failures"]

_TELL_THEMSELVES = "asyncio", "concurrent.futures.process", "loky", "joblib"
"""Libraries that raise in the process of the test when a process of theirs fails."""

_NURSERY = "pytest_mpcheck._children._nursery"
"""Through which the fixtures start; their tests fail when nobody looks at a child that failed."""

_SIGPIPE = -13
"""The end of a program whose output nobody wanted any more."""

_NOBODY_KNOWS = 255
"""The code of a process of billiard's whose fork server could not tell it: that of each worker of a pool."""


class Failures:
    """Watches how children end."""

    kinds: tuple[str, ...] = ("child-failed",)
    may_pass: bool = False

    def __init__(self) -> None:
        self._exits = Exits()

    def open(self) -> None:
        """Begin to notice ends, and who looks at them."""
        self._exits.open()

    def close(self) -> None:
        """End."""
        self._exits.close()

    def begin(self) -> Collection[Hashable]:
        """Return nothing: what was there before has another span."""
        return ()

    def end(self, span: Span, before: Collection[Hashable]) -> Iterator[Finding]:
        """Judge how the children of a span have ended; where the test has failed, it has told already."""
        made_by_pid: dict[int, Made] = {}
        for made in span.made:
            made_by_pid.setdefault(made.pid, made)  # what starts by forking comes before its fork
        for pid, made in made_by_pid.items():
            code = self._exits.code(pid) if pid else None
            if code and not span.has_failed and self._is_unseen(made, code):
                yield _finding(made, code, span.stderr())
            self._exits.forget(pid)
        if made_by_pid and not span.has_failed and threading.excepthook is not threading.__excepthook__:
            yield from _of_threads(made_by_pid.values(), span.stderr())  # pytest's own threads print nothing

    def _is_unseen(self, made: Made, code: int) -> bool:
        if made.pid in self._exits.seen or made.pid in self._exits.signalled:
            return False
        if any(name == _NURSERY or name.startswith(_TELL_THEMSELVES) for name in made.through):
            return False
        if code == _NOBODY_KNOWS and made.start_method == "forkserver" and _is_of_billiard(made):
            return False
        # whoever reads what a program writes hears of its failure by that
        return code < 0 and code != _SIGPIPE if made.is_piped else True


def _is_of_billiard(made: Made) -> bool:
    return any(name.startswith("billiard") for name in made.through)


def _finding(made: Made, code: int, stderr: str) -> Finding:
    from .._words import exit_words

    sort = {"process": "process", "fork": "forked process"}.get(made.kind, "program")
    name = f" {made.name!r}" if made.name else ""
    method = f", {made.start_method}" if made.start_method else ""
    look = {
        "process": "look at its exitcode after join()",
        "fork": "look at the status that os.waitpid() returns (os.waitstatus_to_exitcode)",
    }.get(made.kind, "look at its return code, or let subprocess do it (check=True, check_call)")
    return Finding(
        kind="child-failed",
        what=f"{sort}{name} failed unseen: {exit_words(code)}, and nobody has looked",
        where=f"pid {made.pid}{method}, started at {made.where}",
        evidence=_traceback(made.name, stderr),
        remedy=f"{look}; if the failure is meant, say so by an assertion",
    )


def _of_threads(children: Iterable[Made], stderr: str) -> Iterator[Finding]:
    """Tell of the exceptions that ended threads of children, which Python prints and does no more about."""
    if "Exception in thread " not in stderr:
        return
    import re

    places = ", ".join(sorted({made.where for made in children}))
    for found in re.finditer(rf"^Exception in thread (.+):\n({_TRACEBACK})", stderr, re.MULTILINE):
        last = found[2].rstrip().rpartition("\n")[2]
        yield Finding(
            kind="child-failed",
            what=f"an exception in thread {found[1]} of a child was printed and lost: {last}",
            where=f"started at {places}",
            evidence=f"it has printed:\n{found[0].rstrip()}",
            remedy="let the thread hand its exceptions on to those who wait for it; if it is meant, read what the "
            "child prints (capfd) and say so by an assertion",
        )


_TRACEBACK = r"Traceback .*\n(?:  .*\n)*(?:\S.*\n?)?"
"""What Python prints of an exception."""


def _traceback(name: str, stderr: str) -> str:
    """Return what `multiprocessing` has printed of the exception that a process has ended by, if it is there."""
    import re

    found = re.search(rf"^Process {re.escape(name)}:\n{_TRACEBACK}", stderr, re.MULTILINE)
    return f"it has printed:\n{found[0].rstrip()}" if found and name else ""
