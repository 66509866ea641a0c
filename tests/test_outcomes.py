"""What pytest raises to say how a test goes on means in the test what it says in a child; so do several failures."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from multiprocessing.pool import Pool

import pytest

from pytest_mpcheck.fixtures import ProcessFactory

CHILDREN = """
    import sys
    import pytest

    def skip():
        pytest.skip("no such device")  # line 5

    def skip_for_module():
        pytest.importorskip("no_such_module")

    def xfail():
        pytest.xfail("known to fail")

    def fail():
        pytest.fail("told to fail")

    def fail_in_a_line():
        pytest.fail("told to fail", pytrace=False)

    def leave():
        pytest.exit("enough", returncode=7)

    def exit_with(code):
        sys.exit(code)

    def wrong():
        assert [1, 2] == [1, 3]

    def fine():
        return 42

    def call(function):
        return function()
"""

ASKED = """
    import pytest
    from children import *

    def test_process(mp_backend, mp_process):
        mp_process({child}).result()

    def test_executor(mp_backend, mp_executor):
        mp_executor(1).submit({child}).result()

    @pytest.mark.mp(start_methods=["spawn"])
    def test_map_of_executor(mp_executor):
        list(mp_executor(1).map(call, [{child}]))

    def test_pool(mp_pool):
        mp_pool(1).apply({child})

    @pytest.mark.mp(start_methods=["spawn"])
    def test_map(mp_pool):
        mp_pool(1).map(call, [{child}])

    @pytest.mark.mp(start_methods=["spawn"])
    def test_imap(mp_pool):
        list(mp_pool(1).imap_unordered(call, [{child}]))
"""

UNSEEN = """
    import pytest
    from children import *

    def test_process(mp_backend, mp_process):
        mp_process(fine)
        mp_process({child})
        mp_process({child})

    @pytest.fixture
    def made_in_setup(mp_process):
        return mp_process({child})
"""

INTERPRETERS = int(sys.version_info >= (3, 14))

RUNS_ASKED = 2 * (3 + 1 + INTERPRETERS) + 3 + 3

RUNS_UNSEEN = 3 + 1 + INTERPRETERS


def run(pytester: pytest.Pytester, tests: str, child: str = "", *args: str) -> pytest.RunResult:
    pytester.makeconftest("import pytest; pytest.register_assert_rewrite('children')")
    pytester.makepyfile(children=CHILDREN, test_them=tests.replace("{child}", child))
    return pytester.runpytest_subprocess("-rA", "-p", "no:cacheprovider", "-n0", *args)


@pytest.mark.parametrize(
    ("child", "outcome", "line"),
    [
        ("skip", "skipped", "SKIPPED [[]{count}[]] children.py:5: no such device"),
        ("skip_for_module", "skipped", "SKIPPED [[]{count}[]] children.py:8: could not import 'no_such_module'*"),
        ("xfail", "xfailed", "XFAIL test_them.py::*known to fail"),
        ("fail", "failed", "FAILED test_them.py::* - Failed: told to fail"),
        ("fail_in_a_line", "failed", "FAILED test_them.py::* - Failed: told to fail"),
    ],
)
def test_outcome_means_what_it_says(pytester: pytest.Pytester, child: str, outcome: str, line: str) -> None:
    result = run(pytester, ASKED, child)
    assert result.parseoutcomes() == {outcome: RUNS_ASKED}
    result.stdout.fnmatch_lines([line.format(count=RUNS_ASKED)])


@pytest.mark.parametrize(("child", "outcome"), [("skip", "skipped"), ("xfail", "xfailed"), ("fail", "failed")])
def test_outcome_that_nobody_asked_for(pytester: pytest.Pytester, child: str, outcome: str) -> None:
    result = run(pytester, UNSEEN, child)
    assert result.parseoutcomes() == {outcome: RUNS_UNSEEN}
    if child == "fail":
        result.stdout.fnmatch_lines(["*UnseenFailure: child * raised Failed: told to fail, and nobody looked"])


@pytest.mark.parametrize("tests", [ASKED, UNSEEN], ids=["asked", "unseen"])
def test_exit_ends_the_run(pytester: pytest.Pytester, tests: str) -> None:
    result = run(pytester, tests, "leave")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["!* _pytest.outcomes.Exit: enough !*"])
    assert "passed" not in result.parseoutcomes()


@pytest.mark.parametrize("test", ["test_executor", "test_map_of_executor", "test_pool", "test_map", "test_imap"])
def test_exit_of_a_task_ends_the_run(pytester: pytest.Pytester, test: str) -> None:
    result = run(pytester, ASKED, "leave", "-k", test, "--mp-start-methods=spawn")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["!* _pytest.outcomes.Exit: enough !*"])


MIXED = """
    from children import *

    def test_failure(mp_process):
        for target in (skip, wrong, xfail):
            mp_process(target)

    def test_exit(mp_process):
        for target in (skip, wrong, leave, xfail):
            mp_process(target)
"""


def test_failure_goes_before_a_skip_and_an_exit_before_both(pytester: pytest.Pytester) -> None:
    result = run(pytester, MIXED, "", "--mp-start-methods=spawn", "-k", "test_failure")
    assert result.parseoutcomes() == {"failed": 1, "deselected": 1}
    result.stdout.fnmatch_lines(["*UnseenFailure: child * raised AssertionError: assert [[]1, 2[]] == [[]1, 3[]]"])
    result = run(pytester, MIXED, "", "--mp-start-methods=spawn", "-k", "test_exit")
    assert result.ret == 7


def test_outcome_can_be_caught_here(mp_process: ProcessFactory, mp_executor: Callable[..., Executor]) -> None:
    with pytest.raises(pytest.skip.Exception, match="no such device"):
        mp_process(pytest.skip, "no such device").result()
    with pytest.raises(pytest.skip.Exception, match="no such device"):
        mp_executor(1).submit(pytest.skip, "no such device").result()
    with pytest.raises(pytest.exit.Exception, match="enough") as caught:
        mp_process(pytest.exit, "enough", 7).result()
    assert caught.value.returncode == 7


def test_worker_survives_an_outcome(mp_pool: Callable[..., Pool]) -> None:
    pool = mp_pool(1)
    with pytest.raises(pytest.skip.Exception):
        pool.apply(pytest.skip, ("no such device",))
    with pytest.raises(ZeroDivisionError):
        pool.apply(divmod, (1, 0))
    assert pool.apply(abs, (-42,)) == 42


def numbers_and_an_error() -> Iterator[int]:
    yield -42
    raise LookupError("no more numbers")


def test_iterable_that_fails_is_told_as_ever(mp_pool: Callable[..., Pool]) -> None:
    results = mp_pool(1).imap(abs, numbers_and_an_error())
    assert next(results) == 42
    with pytest.raises(LookupError, match="no more numbers"):
        next(results)


def exit_with(code: object) -> None:
    sys.exit(code)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0, 3, "a text"])
def test_exit_of_python_is_raised(
    mp_process: ProcessFactory, mp_executor: Callable[..., Executor], code: object
) -> None:
    for result in (mp_process(exit_with, code).result, mp_executor(1).submit(exit_with, code).result):
        with pytest.raises(SystemExit) as caught:
            result()
        assert caught.value.code == code


def hidden() -> None:
    __tracebackhide__ = True
    raise LookupError("behind the scenes")


def open_to_see() -> None:
    hidden()


def test_frames_that_hide_stay_hidden(mp_process: ProcessFactory) -> None:
    with pytest.raises(LookupError) as caught:
        mp_process(open_to_see).result()
    assert [entry.name for entry in caught.traceback.filter(caught)][1:] == ["open_to_see"]
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "hidden"


SEVERAL = """
    from children import *

    def first():
        raise KeyError("of the first")

    def second():
        wrong()

    def test_several(mp_backend, mp_process):
        mp_process(first)
        mp_process(fine)
        mp_process(second)

    def test_one_of_them(mp_process):
        mp_process(second)
        mp_process(first).result()
"""


def test_several_failures_arrive_together(pytester: pytest.Pytester) -> None:
    result = run(pytester, SEVERAL, "", "-k", "test_several")
    assert result.parseoutcomes()["failed"] == RUNS_UNSEEN
    result.stdout.fnmatch_lines(
        [
            "*ExceptionGroup: 2 of the test's workers ended badly (2 sub-exceptions)",
            '*test_them.py", line 4, in first',
            "*KeyError: 'of the first'",
            "*UnseenFailure: child * raised KeyError: 'of the first', and nobody looked",
            '*test_them.py", line 7, in second',
            '*children.py", line 26, in wrong',
            "*AssertionError: assert [[]1, 2[]] == [[]1, 3[]]",
            "*UnseenFailure: child * raised AssertionError: assert [[]1, 2[]] == [[]1, 3[]]*",
        ]
    )


def test_result_of_one_raises_that_one(pytester: pytest.Pytester) -> None:
    result = run(pytester, SEVERAL, "", "-k", "test_one_of_them")
    assert result.parseoutcomes()["failed"] == 3
    result.stdout.fnmatch_lines(["E *KeyError: 'of the first'", "test_them.py:4: KeyError"])
    result.stdout.no_fnmatch_line("*ExceptionGroup*")
