"""The closing table of this folder, made by a copy of its conftest in a run of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

ONE_OF_EACH = """
import pytest

@pytest.fixture
def broken():
    yield
    raise RuntimeError("in teardown")

methods = pytest.mark.parametrize("_mp_kind", ["fork", "spawn", "thread"])

@methods
def test_pass(_mp_kind):
    pass

@methods
def test_fail(_mp_kind, broken):
    assert _mp_kind == "fork"

@methods
@pytest.mark.skip(reason="the table has to count a skipped test")
def test_skip(_mp_kind):
    pass

@pytest.mark.parametrize("_mp_kind", ["forkserver"])
@pytest.mark.skip(reason="the table has to show a column of nothing but skipped tests")
def test_skip_only(_mp_kind):
    pass
"""

SOME_PASS = """
import pytest

skipped = pytest.mark.skip(reason="the table has to show proven beside skipped tests")
methods = pytest.mark.parametrize("_mp_kind", ["spawn", pytest.param("fork", marks=skipped)])

@methods
@pytest.mark.parametrize("number", range(3))
def test_pass(_mp_kind, number):
    pass

@methods
def test_skip(_mp_kind):
    pytest.skip("the table has to count a test that skips itself")

def test_text():
    pass
"""

EXPECTED = [
    "*= the notes =*",
    "question                              | fork            | spawn                   | forkserver | other          ",
    "-" * 112,
    "Q1 memory of its own; workers overlap | -               | -                       | -          | -              ",
    "Q2 the table, and each row measured   | skipped         | proved (3), skipped (1) | -          | proved (1)     ",
    "Q3 one process: line, exit, join      | -               | -                       | -          | -              ",
    "Q4 pool: spread, order, workers gone  | -               | -                       | -          | -              ",
    "Q5 pool's output: once, torn, lost    | FAILED (1 of 3) | FAILED (1 of 3)         | skipped    | FAILED (1 of 3)",
    "Q6 four numbers, and the closing line | -               | -                       | -          | -              ",
    "other: threads, interpreters, and what needs no process; -: no test",
]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    return pytester


# The tests of these runs start nothing, which the plugin would not let pass.
WITHOUT_PLUGIN = "-p", "no:mpcheck"


@pytest.mark.parametrize("options", [pytest.param((), id="here"), pytest.param(("-n", "2"), id="xdist")])
def test_a_row_for_each_question_a_column_for_each_start_method(
    project: pytest.Pytester, options: tuple[str, ...]
) -> None:
    project.makepyfile(test_q5_made_up=ONE_OF_EACH, test_q2_made_up=SOME_PASS)
    result = project.runpytest(*WITHOUT_PLUGIN, *options)
    result.stdout.fnmatch_lines(EXPECTED, consecutive=True)


def test_no_table_where_no_question_was_asked(project: pytest.Pytester) -> None:
    project.makepyfile(test_other=SOME_PASS)
    result = project.runpytest(*WITHOUT_PLUGIN)
    result.assert_outcomes(passed=4, skipped=5)
    result.stdout.no_fnmatch_line("*the notes*")
