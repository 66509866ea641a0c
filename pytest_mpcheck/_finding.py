"""`Finding`: something that users should know of a test, as checks give it and words tell it.

Guarantees: a finding is text, taken while it was true: it keeps nothing alive, compares by value and pickles.
"""

from __future__ import annotations

from ._record import record

__all__ = ["Finding", "MpcheckWarning"]


@record(frozen=True, slots=True)
class Finding:
    """Something that users should know of a test.

    Attributes:
        kind: Its name, as ``docs/findings.md`` explains it and `allow` takes it: ``thread-leak``.
        what: What was found, with the value: ``thread 'reader' still runs``.
        where: The process, and the line of the user's code that made it; empty when nobody knows.
        evidence: What it was known by, several lines perhaps; empty when `what` says it all.
        remedy: What to do about it, as a sentence that follows "what to do: ".
        test: The test's node id, with its phase or scope where that matters; filled in by the guard.
    """

    kind: str
    what: str
    where: str
    evidence: str
    remedy: str
    test: str = ""


class MpcheckWarning(UserWarning):
    """The guard has found something, and warns. It never becomes an error: nothing may break."""


MpcheckWarning.__module__ = "pytest_mpcheck"  # where users find it, and name it in their filters
