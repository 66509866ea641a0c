"""Findings become text here: a message of four parts for each, and a summary of them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._excerpts import shortened
from .._finding import Finding
from ._catalogue import KINDS

__all__ = ["finding_words", "summary_lines"]

_EVIDENCE = 4_000
"""How much of the evidence goes into a message, in characters."""

_LINES = 20
"""How many findings of one kind the summary tells."""


def finding_words(finding: Finding, test: str) -> str:
    """Make the message of a finding: what, where, evidence, what to do.

    Args:
        finding: The finding.
        test: The test that it is told of.
    """
    parts = [f"{finding.kind}: {finding.what}"]
    if finding.where:
        parts.append(f"where: {finding.where}")
    if finding.test not in ("", test):
        parts.append(f"whose: {finding.test}")
    if finding.evidence:
        lines = shortened(finding.evidence.rstrip(), _EVIDENCE).splitlines()
        parts += [f"evidence: {lines[0]}"] if len(lines) == 1 else ["evidence:", *(f"    {line}" for line in lines)]
    parts.append(f"what to do: {finding.remedy}")
    return "\n".join(parts)


def _line(finding: Finding) -> str:
    """Tell a finding in a line."""
    place = f" ({finding.where})" if finding.where else ""
    return " ".join(f"{finding.test}: {finding.what}{place}".split())


def summary_lines(findings: Sequence[Finding], allowed: int, troubles: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the section at the end of a run; none where there is nothing to tell.

    Args:
        findings: All findings of the run that nobody has allowed.
        allowed: How many there were besides.
        troubles: A sentence for each thing that the guard could not do.
    """
    for kind in sorted({finding.kind for finding in findings}):
        lines = [_line(finding) for finding in findings if finding.kind == kind]
        yield f"{kind} ({len(lines)}): {KINDS.get(kind, 'no kind that is known here')}"
        yield from (f"    {line}" for line in lines[:_LINES])
        if len(lines) > _LINES:
            yield f"    ... and {len(lines) - _LINES} more: --mp-guard-report=PATH writes them all"
    if findings:
        yield (
            "what to do: docs/findings.md shows the repair for each kind; what is meant to be so is allowed by "
            "@pytest.mark.mp(allow=[...], reason=...) or mp_allow"
        )
    if allowed:
        yield f"{allowed} more {'was' if allowed == 1 else 'were'} allowed"
    for trouble in troubles:
        yield f"the guard could not look for everything: {trouble}"
