"""What a run of pytest leaves behind, however it ends: without the plugin, and with it.

``python benchmarks/endings.py [--methods fork,spawn,forkserver] [--jobs 4] [--patience 10]`` runs pytest on a project
whose test starts a family of processes by plain `multiprocessing`, `subprocess` and `os.fork`: daemons and others, with
children of their own; some live on after SIGTERM. It ends each run in one of the ways of ``tests/endings/endings.py``,
under each start method, with and without pytest-xdist, once with ``-p no:mpcheck`` and once with ``-p mpcheck``. Two
seconds after pytest has ended, or once it has not ended for as long as ``--patience`` says, it looks who is alive.

It prints a Markdown table; each cell sums up the start methods. Whoever is left is ended at last, by pid. Nobody but
members of the family is counted as left: pytest itself, where it hangs, is told beside them.

Exit status: 0, or 1 when something is left with the plugin, or an exit code is not that of plain pytest.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.endings.endings import ENDINGS, Ending  # noqa: E402
from tests.endings.runs import Run, heed_ctrl_c  # noqa: E402

IS_INSTALLED = bool(importlib.metadata.entry_points(group="pytest11", name="mpcheck"))

VARIANTS = {
    "without": ("-p", "no:mpcheck"),
    "with": ("-p", "mpcheck" if IS_INSTALLED else "pytest_mpcheck.plugin"),
}


@dataclass(frozen=True)
class Cell:
    """One run of pytest that is to be ended."""

    ending: Ending
    workers: int
    variant: str
    method: str


@dataclass(frozen=True)
class Seen:
    """What was seen of it.

    Attributes:
        members: How many processes the family had.
        left: Who of the whole run was alive two seconds after pytest's end.
        exit_code: Of pytest; ``None`` where it hung.
        seconds: How long after pytest's end the last process of the run had ended; at most two.
    """

    members: int
    left: tuple[str, ...]
    exit_code: int | None
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description="Show what a run of pytest leaves, with and without the plugin.")
    parser.add_argument("--methods", default=",".join(multiprocessing.get_all_start_methods()), metavar="LIST")
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="runs at a time (default: 4)")
    parser.add_argument("--patience", type=float, default=10.0, metavar="SECONDS", help="then it hangs (default: 10)")
    asked = parser.parse_args()
    cells = [
        Cell(ending, workers, variant, method)
        for ending in ENDINGS
        for workers in ending.workers
        for variant in VARIANTS
        for method in asked.methods.split(",")
    ]
    heed_ctrl_c()
    with ThreadPoolExecutor(asked.jobs) as threads:
        seen = dict(zip(cells, threads.map(lambda cell: observe(cell, asked.patience), cells), strict=True))

    print(f"{platform.python_implementation()} {platform.python_version()}, {sys.platform}; {asked.methods}\n")
    print("| the run ends by | without | with | `-n2` without | `-n2` with |\n|---|---|---|---|---|")
    for ending in ENDINGS:
        columns = [
            tell({cell: one for cell, one in seen.items() if belongs(cell, ending, workers, name)})
            for workers in (0, 2)
            for name in VARIANTS
        ]
        print(f"| {ending.name} | {' | '.join(columns)} |")
    slowest = max(found.seconds for cell, found in seen.items() if cell.variant == "with")
    print(f"\nwith the plugin the last process of a run had ended {slowest:.1f} s after pytest, or before")
    return tell_what_is_wrong(seen)


def belongs(cell: Cell, *place: object) -> bool:
    """Return whether a run is summed up in this place of the table."""
    return (cell.ending, cell.workers, cell.variant) == place


def observe(cell: Cell, patience: float) -> Seen:
    """Run pytest, end it, and look who is left."""
    environment = {} if IS_INSTALLED else {"PYTHONPATH": str(CHECKOUT)}
    with tempfile.TemporaryDirectory(prefix="mpcheck-endings-", ignore_cleanup_errors=True) as name:
        run = Run(
            Path(name, "run"), cell.ending, cell.method, ("plain",), cell.workers, VARIANTS[cell.variant], environment
        )
        try:
            run.end()
            exit_code = run.exit_code(patience)
            seconds = run.wait_until_none_is_left(2 if exit_code is not None else 0)
            members = sum(is_of_family(cell, name) for name in run.members)
            return Seen(members, tuple(run.left()), exit_code, seconds)
        finally:
            run.close()


def is_of_family(cell: Cell, name: str) -> bool:
    """Return whether a process is one of those that the test starts; others are pytest's own and helpers."""
    return name.startswith(f"{cell.method}-")


def tell(cells: dict[Cell, Seen]) -> str:
    """Sum up the runs of one cell of the table."""
    if not cells:
        return "-"
    found = list(cells.values())
    members = sum(one.members for one in found)
    left = sum(is_of_family(cell, name) for cell, one in cells.items() for name in one.left)
    parts = [f"{left} of {members} left" if left else "nothing left"]
    if hanging := sum(one.exit_code is None for one in found):
        parts.append("pytest hangs" if hanging == len(found) else f"pytest hangs in {hanging} of {len(found)}")
    return ", ".join(parts)


def tell_what_is_wrong(seen: dict[Cell, Seen]) -> int:
    """Print what breaks a promise of the plugin; return the exit status."""
    wrong = 0
    for cell, found in seen.items():
        if cell.variant != "with":
            continue
        if found.left or found.exit_code not in cell.ending.expected(cell.workers):
            wrong = 1
            print(f"wrong: {cell.ending.name}, {cell.method}, -n{cell.workers}: exit code {found.exit_code}, ", end="")
            print(f"expected {cell.ending.expected(cell.workers)}; left: {', '.join(found.left) or 'nothing'}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
