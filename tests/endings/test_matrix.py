"""Whatever ends a run, none of its processes is left; pytest's own end and exit code are those of plain pytest.

With the guard on, for every process that the run has started; without it, for those of the fixtures and all below them.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_mpcheck._clock import Deadline, wait_until
from tests.endings.endings import ENDINGS, Ending
from tests.endings.runs import Run, heed_ctrl_c

METHODS = multiprocessing.get_all_start_methods()

CELLS = [
    pytest.param(ending, workers, id=f"{ending.name}-n{workers}".replace(" ", "_").replace(",", ""))
    for ending in ENDINGS
    for workers in ending.workers
]

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a run of pytest; whatever is left of it ends with the test, which fails of a folder that is left."""
    heed_ctrl_c()
    runs: list[Run] = []
    temporary = tempfile.TemporaryDirectory(prefix="m")  # short: the forkserver has a socket in there

    def start(ending: Ending, method: str, sorts: tuple[str, ...], workers: int, *options: str) -> Run:
        run = Run(tmp_path / "run", ending, method, sorts, workers, options, {"TMPDIR": temporary.name})
        runs.append(run)
        return run

    with temporary:
        yield start
        for run in runs:
            run.close()
        folder = Path(temporary.name)
        assert wait_until(lambda: not list(folder.glob("mpcheck-*")), Deadline(20)), "the run's folder is left"


def assert_ended_well(run: Run, workers: int) -> None:
    """Assert that pytest has ended, as plain pytest does, and that nothing of the run is left."""
    code = run.exit_code()
    assert code in run.ending.expected(workers), run.output()
    run.wait_until_none_is_left(20)
    assert run.left() == [], run.output()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("ending", "workers"), CELLS)
def test_guard_leaves_nothing(start: Start, ending: Ending, workers: int, method: str) -> None:
    run = start(ending, method, ("plain", "fixture"), workers, "-p", "mpcheck")
    run.end()
    assert_ended_well(run, workers)
    told = ending.told if not workers or ending.told_by_workers else ""
    assert wait_until(lambda: told in run.output(), Deadline(20)), run.output()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("ending", "workers"), [cell for cell in CELLS if cell.values[1] == 0])
def test_fixtures_leave_nothing(start: Start, ending: Ending, workers: int, method: str) -> None:
    run = start(ending, method, ("fixture",), workers)
    run.end()
    assert_ended_well(run, workers)
