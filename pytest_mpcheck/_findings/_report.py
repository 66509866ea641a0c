"""The report of a run: its findings as JSON.

Guarantees: what is written fulfils ``findings.schema.json``, which stands beside this module and in the documentation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

from .._finding import Finding
from ._allowance import Allowance

__all__ = ["SCHEMA", "report", "write_report"]

SCHEMA = "https://raw.githubusercontent.com/pytest-mpcheck/pytest-mpcheck/main/docs/findings.schema.json"
"""Where the schema is published."""


def report(
    about: Mapping[str, str],
    findings: Sequence[Finding],
    allowed: Sequence[tuple[Finding, Allowance]],
    troubles: Sequence[str],
) -> dict[str, object]:
    """Make the report of a run.

    Args:
        about: What it was a run of: see the schema.
        findings: All findings that nobody has allowed.
        allowed: The others, with what allows them.
        troubles: A sentence for each thing that the guard could not do.
    """
    return {
        "$schema": SCHEMA,
        "version": 1,
        **about,
        "findings": [asdict(finding) for finding in findings],
        "allowed": [
            {**asdict(finding), "allowed_by": allowance.origin, "reason": allowance.reason}
            for finding, allowance in allowed
        ],
        "troubles": list(troubles),
    }


def write_report(path: str, content: Mapping[str, object]) -> None:
    """Write a report; the file is there as a whole or not at all.

    Raises:
        OSError: It could not be written.
    """
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f".{name}-{os.getpid()}")
    try:
        with open(partial, "w", encoding="utf-8", errors="backslashreplace") as stream:
            json.dump(content, stream, indent=2, ensure_ascii=False)
            stream.write("\n")
        os.replace(partial, path)
    finally:
        with suppress(OSError):
            os.unlink(partial)
