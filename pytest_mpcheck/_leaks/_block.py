"""`assert_no_leaks`: a block that leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from .. import _platforms
from .._errors import MpcheckError, ResourcesLeaked
from .._finding import Finding
from .._guard._guard import Guard
from .._guard._watcher import Span
from .._keeper._run import innermost_scope
from .._keeper._scope import Scope
from ._watchers import leak_watchers

__all__ = ["assert_no_leaks"]

_MOMENT = 1.0
"""How long what is about to end has to do so, in seconds."""


@contextmanager
def assert_no_leaks() -> Iterator[None]:
    """Assert that a block leaves nothing behind that it has made, in this process or below it.

    That is: processes, zombies, threads, open descriptors and sockets, shared memory, semaphores, pools, executors and
    managers, as ``docs/findings.md`` explains each; and no child has lost output. What is about to end has a moment for
    it. What stays by design (the resource tracker, the fork server, loky's reusable executor) does not count::

        with assert_no_leaks():
            service = start_service()
            service.stop()

    Works whether the guard is on or off, and needs no fixture.

    Raises:
        ResourcesLeaked: Something is left; tells everything, and has it as `findings`.
        MpcheckError: Something could not be looked at.
    """
    __tracebackhide__ = True
    troubles: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mpcheck-") as folder, _scope(folder) as scope:
        watchers = leak_watchers(scope, folder)
        guard = Guard(watchers, lambda: None, troubles.append, _MOMENT)
        guard.open()
        try:
            guard.begin_test(Span("the block", "function", ""))
            yield
            findings = guard.leave_test(None, has_failed=False)
        finally:
            guard.close()
    if findings:
        raise ResourcesLeaked(_message(findings), tuple(findings))
    if troubles:
        raise MpcheckError("assert_no_leaks() could not look at everything: " + "; ".join(troubles))


@contextmanager
def _scope(folder: str) -> Iterator[Scope]:
    """Find or make what tells the processes that the block starts, for as long as the context is open."""
    of_run = innermost_scope()
    if of_run is not None and of_run.brand is not None:
        yield of_run
        return
    keep = of_run.keep if of_run is not None else ()
    scope = Scope.here(of_run.folder if of_run is not None else folder, keep=keep)
    brand = _platforms.new_brand()
    outer = _platforms.set_brand(brand)
    if outer is not None:  # everybody around us has it too
        _platforms.set_brand(outer)
        yield scope
        return
    try:
        yield replace(scope, brand=brand)
    finally:
        _platforms.set_brand(None)


def _message(findings: list[Finding]) -> str:
    """Tell all of it, with a number for each where there are several."""
    if len(findings) == 1:
        return _told(findings[0])
    parts = (f"[{number}] {_told(finding)}" for number, finding in enumerate(findings, 1))
    return "\n".join([f"{len(findings)} things are left behind:", *parts])


def _told(finding: Finding) -> str:
    lines = [f"{finding.kind}: {finding.what}"]
    if finding.where:
        lines.append(f"  where: {finding.where}")
    lines += [f"  {line}" for line in finding.evidence.splitlines()]
    return "\n".join([*lines, f"  what to do: {finding.remedy}"])
