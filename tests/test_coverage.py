"""Children are measured by coverage.py with the settings that docs/coverage.md names, those that are ended included."""

from __future__ import annotations

import json
import os
import sys

import pytest

pytest.importorskip("coverage", "7.10", reason="coverage.py from 7.10 on can measure subprocesses, and it is not here")

SETTINGS = """\
[run]
source = shop
patch = subprocess, _exit
sigterm = true
"""

SHOP = """
    import threading

    def by_process(number):
        return number + 1

    def by_pool(number):
        return number + 1

    def by_executor(number):
        return number + 1

    def until_ended(started):
        started.set(), threading.Event().wait()
    """

ENDED = 13
"""The line that is only seen when a child which SIGTERM ends is measured too."""

TESTS = """
    import shop

    def test_process(mp_process):
        assert mp_process(shop.by_process, 1).result() == 2

    def test_pool(mp_pool):
        assert mp_pool(1).map(shop.by_pool, [1]) == [2]

    def test_executor(mp_executor):
        assert mp_executor(1).submit(shop.by_executor, 1).result() == 2

    def test_ended(mp_process, mp_context):
        started = mp_context.Event()
        mp_process(shop.until_ended, started, daemon=True)
        started.wait()
    """


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    for name in [name for name in os.environ if name.startswith(("COVERAGE_", "COV_"))]:
        monkeypatch.delenv(name)  # the inner run is none of those who measure this one
    pytester.path.joinpath(".coveragerc").write_text(SETTINGS)
    pytester.makepyfile(shop=SHOP, test_shop=TESTS)
    return pytester


def missing_lines(shop: pytest.Pytester) -> list[int]:
    """Return the lines of the shop that no measured process has run."""
    files = json.loads(shop.path.joinpath("coverage.json").read_text())["files"]
    lines: list[int] = files["shop.py"]["missing_lines"]
    return lines if os.name == "posix" else [line for line in lines if line != ENDED]  # no SIGTERM can be handled there


def run(shop: pytest.Pytester, *words: str) -> pytest.RunResult:
    return shop.run(sys.executable, "-m", *words)


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_coverage_run_measures_children(shop: pytest.Pytester, start_method: str) -> None:
    result = run(shop, "coverage", "run", "-m", "pytest", f"--mp-start-methods={start_method}")
    result.assert_outcomes(passed=4)
    assert run(shop, "coverage", "combine").ret == 0
    assert run(shop, "coverage", "json").ret == 0
    assert missing_lines(shop) == []


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_pytest_cov_measures_children(shop: pytest.Pytester, start_method: str, workers: str) -> None:
    pytest.importorskip("pytest_cov", "7", reason="pytest-cov from 7 on leaves subprocesses to coverage.py: not here")
    result = run(shop, "pytest", "--cov", "--cov-report=json", f"--mp-start-methods={start_method}", f"-n{workers}")
    result.assert_outcomes(passed=4)
    assert missing_lines(shop) == []


def test_without_those_settings_forked_children_are_not_measured(shop: pytest.Pytester) -> None:
    shop.path.joinpath(".coveragerc").write_text("[run]\nsource = shop\npatch = subprocess\n")
    run(shop, "coverage", "run", "-m", "pytest", "--mp-start-methods=fork").assert_outcomes(passed=4)
    run(shop, "coverage", "combine")
    run(shop, "coverage", "json")
    assert missing_lines(shop) == [4, 7, 10, ENDED]
