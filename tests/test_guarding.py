"""The engine of the guard: what belongs to whom, what is told, how, and that its own failure fails no test."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck._guard._guard import Guard
from pytest_mpcheck._guard._watcher import Span

THINGS = '''
"""Things that tests may leave behind, and a watcher of them."""

from pytest_mpcheck._finding import Finding

things = set()
looks = []


class Demo:
    kinds = ("demo-leak",)
    may_pass = True

    def open(self):
        looks.append("open")

    def close(self):
        looks.append("close")

    def begin(self):
        looks.append("begin")
        return set(things)

    def end(self, span, before):
        for thing in sorted(things.difference(before)):
            made = " and ".join(sorted({made.kind for made in span.made}))
            where = f"{made} at {span.made[0].where}"
            yield Finding("demo-leak", f"thing {thing!r} is left", where, "it is there", "end it")
        things.discard("ending")


class Broken(Demo):
    kinds = ("broken",)

    def begin(self):
        raise OSError("no /proc")

    def end(self, span, before):
        raise OSError("no permission")


class Stillborn(Demo):
    def open(self):
        raise RuntimeError("of no use here")
'''

CONFTEST = """
    from multiprocessing import Pipe
    import pytest
    from pytest_mpcheck._findings._catalogue import KINDS
    from pytest_mpcheck._guard import _watchers
    from things import Broken, Demo, Stillborn, things

    KINDS["demo-leak"] = "a thing that outlives its test"
    _watchers.watchers = lambda: (Demo(), Broken(), Stillborn())

    @pytest.fixture(scope="session")
    def shared():
        Pipe()
        things.add("shared")
        yield
        things.discard("shared")

    @pytest.fixture(scope="session")
    def careless():
        yield things.add
        Pipe()
        things.add("careless")
"""

TESTS = """
    from multiprocessing import Pipe
    import threading
    import pytest
    from things import looks, things

    @pytest.fixture
    def own():
        Pipe()
        things.add("own")
        yield
        things.discard("own")

    def test_nothing():
        assert looks == ["open", "open"]
        things.add("by a test that passes no door")

    def test_own(own):
        things.add("ending")

    def test_shared(shared):
        Pipe()

    def test_late(request):
        Pipe()
        request.getfixturevalue("careless")("after the setup")
        things.discard("after the setup")

    def test_leaving(shared):
        Pipe()
        things.update(("one", "two"))

    @pytest.mark.mp(allow=["demo-leak: *'three'*"], reason="it is known")
    def test_allowed():
        Pipe()
        things.add("three")

    def test_late_marker(request):
        request.node.add_marker(pytest.mark.mp(allow=["late"]))
        Pipe()
        things.add("late")

    @pytest.fixture(scope="module")
    def impossible():
        Pipe()
        things.add("of no fixture")
        raise ValueError("impossible")

    @pytest.mark.xfail(strict=True)
    def test_impossible(impossible):
        pass

    @pytest.fixture
    def failing():
        yield
        Pipe()
        things.add("four")
        raise ValueError("failing")

    def test_failing_teardown(failing):
        pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makepyfile(things=THINGS, test_it=TESTS)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nmp_allow =\n    demo-leak: thing 'nobody'*")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(pytester.path), os.environ.get("PYTHONPATH", ""))))
    return pytester


def findings(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((path / "report.json").read_text(encoding="utf-8"))
    return report


@pytest.mark.parametrize("args", [["-Werror"], ["-n1"], ["-Wignore::pytest_mpcheck.MpcheckWarning"]], ids=str)
def test_findings_are_told_and_fail_nothing(project: pytest.Pytester, args: list[str]) -> None:
    result = project.runpytest_subprocess("--mp-guard-report=report.json", *args)
    result.assert_outcomes(passed=8, errors=1, xfailed=1)
    if "ignore" not in args[0]:
        result.stdout.fnmatch_lines(
            [
                "test_it.py::test_leaving",
                "  *test_it.py:*: MpcheckWarning: demo-leak: thing 'one' is left",
                "  where: pipe at test_it.py:* in test_leaving",
                "  evidence: it is there",
                "  what to do: end it",
                "*: MpcheckWarning: demo-leak: thing 'careless' is left",
                "  where: pipe at conftest.py:* in careless",
                "  whose: fixture 'careless' of *",
            ]
        )
    else:
        assert "MpcheckWarning: " not in result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "=* findings of the guard =*",
            "demo-leak (6): *",
            "    test_it.py::test_leaving: thing 'one' is left (pipe at test_it.py:* in test_leaving)",
            "    test_it.py::test_leaving: thing 'two' is left (pipe at test_it.py:* in test_leaving)",
            "    test_it.py::test_late_marker: thing 'late' is left (*)",
            "    fixture 'impossible' of test_it.py: thing 'of no fixture' is left (pipe at test_it.py:*)",
            "    fixture 'careless' of *: thing 'careless' is left (pipe at conftest.py:* in careless)",
            "    test_it.py::test_failing_teardown: thing 'four' is left (pipe at test_it.py:* in failing)",
            "what to do: docs/findings.md shows the repair for each kind; *",
            "1 more was allowed",
            "the guard could not look for everything: things.Stillborn (demo-leak): RuntimeError: of no use here",
            "the guard could not look for everything: things.Broken (broken): OSError: no /proc",
            "the guard could not look for everything: unknown kind of finding 'late' from @pytest.mark.mp of *",
            "=*",
        ]
    )
    report = findings(project.path)
    assert report["guard"] == "warn"
    assert [one["what"] for one in report["findings"]] == [
        f"thing {thing!r} is left" for thing in ("one", "two", "late", "of no fixture", "careless", "four")
    ]
    (allowed,) = report["allowed"]
    assert allowed["reason"] == "it is known"
    assert allowed["allowed_by"] == "@pytest.mark.mp of test_it.py::test_allowed, allow"


def test_strict_guard_fails_the_test(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess(
        "--mp-guard=strict", "-k", "not failing and not impossible and not late_marker"
    )
    result.assert_outcomes(passed=6, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*ExceptionGroup: the guard has 2 findings (2 sub-exceptions)",
            "*pytest_mpcheck.ResourcesLeaked: demo-leak: thing 'one' is left",
            "*pytest_mpcheck.ResourcesLeaked: demo-leak: thing 'two' is left",
            "E   pytest_mpcheck.ResourcesLeaked: demo-leak: thing 'careless' is left",
            "E   whose: fixture 'careless' of *",
        ]
    )


def test_worker_that_crashes_is_told(project: pytest.Pytester) -> None:
    project.makepyfile(test_crash="import os\ndef test_it():\n    os._exit(1)")
    result = project.runpytest_subprocess("-p", "mpcheck", "-n1", "test_crash.py", "--max-worker-restart=0")
    result.stdout.fnmatch_lines(["the guard could not look for everything: worker gw0 ended early: what it had *"])


@pytest.mark.skipif(sys.platform == "win32", reason="a folder is made that nobody may write to")
def test_report_that_cannot_be_written_is_told(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="import os\ndef test_it():\n    os.rmdir('gone')")
    (project.path / "gone").mkdir()
    result = project.runpytest_subprocess("--mp-guard-report=gone/report.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["the guard could not look for everything: the report could not be written: *"])


@pytest.mark.parametrize(
    ("args", "ini", "message"),
    [
        (["--mp-guard-report=no/such/report.json"], "", "*'no/such/report.json' from command line --mp-guard-report*"),
        (
            ["--mp-guard-report=report.json", "--mp-guard=off"],
            "",
            "*'report.json' from * would have nothing in it, since the guard is off (command line --mp-guard): put *",
        ),
        ([], "mp_allow = thred", "*unknown kind of finding 'thred' from ini mp_allow in *: there is *child-failed, *"),
    ],
)
def test_nonsense_is_a_usage_error(pytester: pytest.Pytester, args: list[str], ini: str, message: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    result = pytester.runpytest(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_nonsense_in_a_marker_is_told_at_collection(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mp(allow=["child_failed"], reason="it is meant")
        def test_it():
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unknown kind of finding 'child_failed' from *allow*did you mean 'child-failed'?*"])


def test_failure_of_the_guard_itself_is_told_once() -> None:
    troubles: list[str] = []

    def new_span() -> Span | None:
        raise ZeroDivisionError("of no test")

    guard = Guard([], new_span, troubles.append)
    guard.open()
    try:
        for _ in range(2):
            assert len(multiprocessing.Pipe()) == 2
    finally:
        guard.close()
    assert troubles == ["the guard: ZeroDivisionError: of no test"]
    assert guard.leave_test(None, has_failed=False) == []


def test_where_no_test_runs_nothing_is_judged() -> None:
    guard = Guard([], lambda: None, print)
    guard.open()
    try:
        multiprocessing.Pipe()
    finally:
        guard.close()
    assert guard.made() == []
    assert guard.leave_test(lambda span: [], has_failed=False) == []
