"""Tests that run once for each start method, and start nothing, or start it by another one."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from pytest_mpcheck._guard._vacuity import start_method_of, vacuity
from pytest_mpcheck._guard._watcher import Made, Span


def processes(*methods: str) -> list[Made]:
    return [Made("process", "there", start_method=method) for method in methods]


def judged(
    name: str = "start_method",
    value: object = "spawn",
    others: Sequence[object] = (),
    made: Sequence[Made] = (),
    wider: Sequence[Made] = (),
    *,
    has_failed: bool = False,
) -> list[str]:
    span, fixture = Span("test", "function", "test"), Span("fixture", "session", "test")
    span.has_failed, span.wider = has_failed, (fixture,)
    span.made += made
    fixture.made += wider
    return [finding.kind for finding in vacuity({name: value}, lambda _: others, span)]


def test_what_starts_nothing_is_told() -> None:
    assert judged() == ["nothing-started"]
    assert judged(has_failed=True) == []
    assert judged(made=[Made("queue", "there")]) == []
    assert judged(wider=processes("fork")) == []


def test_what_starts_by_another_method_is_told() -> None:
    assert judged(made=processes("fork", "forkserver")) == ["other-start-method"]
    assert judged(made=processes("fork", "spawn")) == []
    assert judged(made=processes("loky")) == []
    assert judged(made=[Made("program", "there")]) == []


@pytest.mark.parametrize(
    ("name", "value", "others", "is_told"),
    [
        ("cutlery", "fork", [], False),
        ("cutlery", "fork", ["spoon"], False),
        ("cutlery", "fork", ["spawn", "spoon"], False),
        ("cutlery", "fork", ["spawn", 5], False),
        ("cutlery", "fork", ["spawn", None, "default"], True),
        ("ctx", "fork", [], True),
        ("mp_context", "fork", ["loky"], False),
    ],
)
def test_parameter_that_is_about_something_else_is_not(
    name: str, value: object, others: Sequence[object], is_told: bool
) -> None:
    assert judged(name, value, others) == ["nothing-started"] * is_told


def test_start_method_of_a_parameter() -> None:
    assert start_method_of("forkserver") == "forkserver"
    assert start_method_of("loky") == start_method_of(None) == ""
    assert start_method_of(multiprocessing.get_context("spawn")) == "spawn"
    assert start_method_of(multiprocessing.get_context()) in ("fork", "spawn", "forkserver")
    context = type("Context", (SimpleNamespace,), {"__module__": "multiprocessing.context"})
    assert start_method_of(context(_name="vfork")) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_fixtures_and_parameters_of_other_tests_count(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import multiprocessing
        import pytest

        @pytest.fixture(params=["fork", "spawn"])
        def kind(request):
            return multiprocessing.get_context(request.param)

        def test_idle(kind):
            pass

        @pytest.mark.parametrize("cutlery", ["fork", "spoon"])
        def test_other(cutlery):
            pass

        def test_process(kind, mp_process, mp_start_method):
            mp_process(print).join()

        @pytest.mark.parametrize("method", ["spawn"])
        def test_pool(method):
            with multiprocessing.get_context("fork").Pool(1) as pool:
                pool.map(abs, [1])
            pool.join()
        """
    )
    result = pytester.runpytest_subprocess("-p", "mpcheck", "--mp-start-methods=fork")
    result.assert_outcomes(passed=7)
    lines = [line for line in result.outlines if line.startswith("    test_") and ": " in line]
    assert [line.split(" (")[0].partition("::")[2] for line in lines] == [
        "test_idle[fork]: this test runs for start method 'fork', and nothing was started in it",
        "test_idle[spawn]: this test runs for start method 'spawn', and nothing was started in it",
        "test_process[spawn-fork]: this test runs for start method 'spawn', and all it started was by fork",
        "test_pool[spawn]: this test runs for start method 'spawn', and all it started was by fork",
    ]
