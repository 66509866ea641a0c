"""What a run has left at its end, as pytest's terminal shows it, and as workers of pytest-xdist send it.

While the guard is off there is nothing to tell: what the children of the fixtures leave ends with their test.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ._config import run_of
from ._process_facts import Swept

__all__ = ["show_swept", "sweep", "take_swept"]

LINES = pytest.StashKey[list[str]]()
"""Where the configuration keeps what is to be told."""

_KEY = "mpcheck_swept"


def sweep(config: pytest.Config) -> None:
    """End what the run has left, and remember it, or send it to the controller."""
    run = run_of(config)
    if run.guard == "off":
        return
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    where = f"at the end of worker {worker['workerid']}" if worker else "at the end of the run"
    swept = run.sweep()
    if worker:
        swept = replace(swept, left=())  # the controller will see them too
    lines = _lines(swept, where)
    if worker:
        config.workeroutput[_KEY] = lines  # type: ignore[attr-defined]
    _add(config, lines)


def take_swept(node: Any) -> None:
    """Take over what a worker of pytest-xdist has sent; one that crashed has sent nothing."""
    _add(node.config, getattr(node, "workeroutput", {}).get(_KEY, []))


def show_swept(reporter: pytest.TerminalReporter) -> None:
    """Show what was left in a section of its own."""
    lines = reporter.config.stash.get(LINES, [])
    if lines:
        reporter.section("processes left by the run", sep="=", yellow=True)
        for line in lines:
            reporter.line(line)


def _add(config: pytest.Config, lines: list[str]) -> None:
    config.stash.setdefault(LINES, []).extend(lines)


def _lines(swept: Swept, where: str) -> list[str]:
    if swept == Swept():  # most runs leave nothing, and need no words for it
        return []
    from ._words import swept_lines

    return swept_lines(swept, where)
