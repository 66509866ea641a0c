"""`Allowance`: a finding that somebody knows of and does not want to be told.

Guarantees: an allowance that could never have an effect, since there is no such kind, is refused with a `BadSetting`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from .._bad_setting import BadSetting
from .._finding import Finding
from .._record import record
from .._values import nearest
from ._catalogue import KINDS

__all__ = ["Allowance", "allowance_for", "parse_allowances"]


@record(frozen=True, slots=True)
class Allowance:
    """What is allowed.

    Attributes:
        kind: A kind of finding.
        pattern: What one of the finding's texts must match as a whole: what, where, or the test; ``*`` for any.
        origin: Where the allowance stands.
        reason: Why it is allowed; may be empty.
    """

    kind: str
    pattern: str
    origin: str
    reason: str = ""

    def allows(self, finding: Finding) -> bool:
        """Return whether it is about a finding."""
        texts = finding.what, finding.where, finding.test
        return finding.kind == self.kind and any(fnmatchcase(text, self.pattern) for text in texts)


def allowance_for(finding: Finding, allowances: Iterable[Allowance]) -> Allowance | None:
    """Return the first that allows a finding."""
    return next((one for one in allowances if one.allows(finding)), None)


def parse_allowances(value: object, origin: str, reason: str = "") -> tuple[Allowance, ...]:
    """Check what somebody wants to allow.

    Args:
        value: Entries such as ``thread-leak`` or ``thread-leak: *pytest-timeout*``, or a single one.
        origin: Where it stands.
        reason: Why it is allowed.

    Returns:
        An allowance for each entry.

    Raises:
        BadSetting: It is no list of texts, or names a kind that there is not.
    """
    right = "such as thread-leak, or thread-leak: *pattern*"
    entries = value if isinstance(value, (list, tuple)) else (value,)
    if not entries:
        raise BadSetting(f"{value!r} from {origin} allows nothing: give kinds of findings, {right}")
    allowances = []
    for entry in entries:
        if not isinstance(entry, str):
            raise BadSetting(f"{entry!r} from {origin} is no kind of finding: give a text, {right}")
        kind, colon, pattern = (part.strip() for part in entry.partition(":"))
        if kind not in KINDS:
            there = ", ".join(KINDS)
            raise BadSetting(f"unknown kind of finding {kind!r} from {origin}: there is {there}{nearest(kind, KINDS)}")
        if colon and not pattern:
            raise BadSetting(f"{entry!r} from {origin} has no pattern after the colon: give one, {right}")
        allowances.append(Allowance(kind, pattern or "*", origin, reason))
    return tuple(allowances)
