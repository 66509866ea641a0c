"""``python -m pytest_mpcheck script`` and ``--mp-scripts``: real programs, under each start method."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import pytest_mpcheck
from pytest_mpcheck import __main__ as command_line
from pytest_mpcheck._platforms import available_kinds
from pytest_mpcheck._settings import START_METHODS

METHODS = tuple(method for method in START_METHODS if method in available_kinds())

pytestmark = pytest.mark.skipif(METHODS != START_METHODS, reason="there is but one start method here")

AS_EVER = """\
import multiprocessing, os, sys

def child(number, queue):
    print("child", number, os.getpid(), multiprocessing.current_process().name)
    queue.put(number)

if __name__ == "__main__":
    queue = multiprocessing.Queue()
    children = [multiprocessing.Process(target=child, args=(n, queue)) for n in range(2)]
    for one in children:
        one.start()
    print(sorted(queue.get() for _ in children), sys.argv[1:], os.path.basename(sys.argv[0]))
    for one in children:
        one.join()
"""

PRINTED_AGAIN = """\
import multiprocessing

def child(number):
    print("number", number)

if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        pool.map(child, range(2))
        pool.close()
        pool.join()
print("closing")
"""

NO_GUARD = """\
import multiprocessing

def child():
    print("child")

process = multiprocessing.Process(target=child)
process.start()
process.join()
"""

LOCAL = """\
import multiprocessing

def main():
    def child():
        print("child")
    process = multiprocessing.Process(target=child)
    process.start()
    process.join()

if __name__ == "__main__":
    main()
"""

BEHIND_THE_GUARD = """\
import multiprocessing

def child():
    print("the configuration is", configuration)

if __name__ == "__main__":
    configuration = 3
    process = multiprocessing.Process(target=child)
    process.start()
    process.join()
"""

DEADLOCK = """\
import multiprocessing

lock = multiprocessing.Lock()

def child():
    with lock:
        print("child")

if __name__ == "__main__":
    lock.acquire()
    process = multiprocessing.Process(target=child)
    process.start()
    process.join()
"""


@pytest.fixture
def compare(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    monkeypatch.chdir(tmp_path)

    def compare(name: str, text: str, *words: str) -> tuple[int, str]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        status = command_line.main(["script", name, *words])
        return status, capfd.readouterr().out

    return compare


Compare = Callable[..., tuple[int, str]]


def cells(text: str) -> dict[str, list[str]]:
    """Return the cells of the table, by start method."""
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.count(" | ") == 6]
    return {method: rest for method, *rest in rows[1:]}


def test_program_that_does_the_same(compare: Compare) -> None:
    status, text = compare("some.py", AS_EVER, "--start-methods=fork,spawn,forkserver", "--", "one", "--", "--two")
    table = cells(text)
    assert status == 0, text
    assert list(table) == list(METHODS)
    assert [row[-2:] for row in table.values()] == [["2", "reference"], ["2", "same"], ["2", "same"]]
    assert "were not compared: 'child 0 # Process-N', 'child 1 # Process-N'" in text
    assert "\n---" not in text.partition("\n\n")[2].partition("\n\n")[2]


@pytest.mark.parametrize(
    ("program", "kind", "where", "evidence"),
    [
        pytest.param(PRINTED_AGAIN, "no-main-guard", "some.py:11", "prints: 'closing'", id="printed again"),
        pytest.param(NO_GUARD, "no-main-guard", "some.py:7", "bootstrapping phase", id="no guard"),
        pytest.param(LOCAL, "does-not-pickle", "some.py:7", "child", id="local function"),
        pytest.param(BEHIND_THE_GUARD, "inherited-state", "some.py:4", "name 'configuration'", id="behind the guard"),
    ],
)
def test_program_that_differs(compare: Compare, program: str, kind: str, where: str, evidence: str) -> None:
    status, text = compare("some.py", program)
    table = cells(text)
    assert status == 1, text
    assert [row[-1] for row in table.values()] == ["reference", f"differs: {kind}", f"differs: {kind}"], text
    assert text.count(f"\n{kind} (spawn, forkserver): ") == 1
    assert evidence in text
    assert f"\n    where: {where}\n" in text
    assert "_script_main" not in text


def test_notebook_is_one_script_that_children_find_again(compare: Compare) -> None:
    sources = ["%matplotlib inline\nimport multiprocessing, os\n", PRINTED_AGAIN, "print(os.path.exists('some.ipynb'))"]
    code = [{"cell_type": "code", "source": source} for source in sources]
    status, text = compare("some.ipynb", json.dumps({"nbformat": 4, "cells": code}), "--start-methods=fork,spawn")
    assert status == 1
    assert "\n    where: some.ipynb, code cell 2, line 11; some.ipynb, code cell 3, line 1\n" in text
    assert "note: left out, as it is IPython's: code cell 1, line 1: %matplotlib inline\n" in text
    assert "+True\n" in text
    assert "note: it was run as one script; in Jupyter itself" in text


def test_page_has_programs_with_its_own_line_numbers(compare: Compare) -> None:
    page = f"```python\n{AS_EVER}```\n\n```python\n{BEHIND_THE_GUARD}```\n"
    status, text = compare("some.md", page, "--start-methods=fork,spawn")
    same, differing = text.split("some.md, line 19 under fork and spawn")
    assert status == 1
    assert same.startswith("some.md, line 2 under fork and spawn")
    assert "| same" in same
    assert "\n    where: some.md:22\n" in differing
    status, text = compare("some.md", page, "--start-methods=fork", "--blocks=page")
    assert (status, text.partition(" (")[0]) == (0, "some.md under fork")


def test_example_of_the_page(compare: Compare) -> None:
    page = (Path(__file__).parents[1] / "docs" / "scripts.md").read_text(encoding="utf-8")
    example = page.partition("```python\n")[2].partition("```")[0]
    shown = page.partition("$ python -m pytest_mpcheck script ")[2].partition("```")[0].splitlines()
    name, *words = shown[0].split()
    status, text = compare(name, example, *words)
    assert status == 1
    assert [line.rstrip() for line in text.splitlines()[1:-1]] == shown[2:]


def test_program_that_never_ends(compare: Compare) -> None:
    status, text = compare("some.py", DEADLOCK, "--start-methods=fork,spawn", "--timeout=20")
    assert status == 1, text
    assert {method: row[1] for method, row in cells(text).items()} == {"fork": "did not end", "spawn": "0"}
    assert "hung (fork): the program " in text
    assert "\n    child 'some.py' (pid " in text
    assert "started by the test" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.py"], "error: no file 'nowhere.py' (looked in "),
        (["some.md"], "error: some.md has no block of Python to run; what to do: give a page with a fence"),
        (["some.md", "--timeout=0"], "error: timeout '0' from command line --timeout can never be kept"),
        (["some.md", "--start-methods=frok"], "error: unknown start method 'frok' from command line --start-methods"),
    ],
)
def test_wrong_use(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.md").write_text("nothing")
    assert command_line.main(["script", *words]) == 2
    assert says in capsys.readouterr().err
    for right, hint in (
        (["inherits"], "extra\n"),
        (["script", "some.md"], "extra; put -- before the arguments of the"),
    ):
        with pytest.raises(SystemExit) as caught:
            command_line.main([*right, "extra"])
        assert caught.value.code == 2
        assert f"unrecognized arguments: {hint}" in capsys.readouterr().err


def test_start_method_that_is_not_here_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_mpcheck._scripts import _command

    monkeypatch.setattr(_command, "available_kinds", lambda: ("spawn",))
    assert command_line.main(["script", "some.py", "--start-methods=fork"]) == 2
    assert "error: start method 'fork' is not available on" in capsys.readouterr().err


# ---------------------------------------------------------------- nobody reads


@pytest.mark.parametrize("words", [["inherits"], ["compare", "--rounds=1", "--task-seconds=0.001"]])
def test_command_that_nobody_reads_ends_quietly(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    checkout = str(Path(pytest_mpcheck.__file__).parents[1])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_mpcheck", *words],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([checkout, os.environ.get("PYTHONPATH", "")])},
        )
    finally:
        os.close(writing)
    assert "BrokenPipeError" not in done.stderr
    assert done.returncode == 141


# ---------------------------------------------------------------- test items


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(**{"tests/test_it": "def test_it(): pass", "tests/test_not": "raise SystemExit('imported')"})
    for name, text in {
        "programs/good.py": AS_EVER,
        "programs/bad.py": BEHIND_THE_GUARD,
        "programs/broken.py": "import sys\nsys.exit('as told')\n",
        "docs/page.md": f"```python\n{AS_EVER}```\n```python\nif __name__ == '__main__':\n    print(3)\n```\n",
        "docs/damaged.ipynb": "{",
    }.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return pytester


def outcomes(xml: Path) -> dict[str, str]:
    cases = ElementTree.parse(xml).iter("testcase")
    return {f"{one.get('classname')}::{one.get('name')}": one[0].tag if len(one) else "passed" for one in cases}


def test_programs_are_test_items(project: pytest.Pytester) -> None:
    words = "tests/test_it.py", "--mp-scripts=programs/*.py", "--mp-scripts=docs/*", "--mp-start-methods=fork,spawn"
    result = project.runpytest_subprocess(*words, "-n2", "--junitxml=it.xml")
    assert outcomes(project.path / "it.xml") == {
        "tests.test_it::test_it": "passed",
        "programs.good::__main__[fork]": "passed",
        "programs.good::__main__[spawn]": "passed",
        "programs.bad::__main__[fork]": "passed",
        "programs.bad::__main__[spawn]": "failure",
        "programs.broken::__main__[fork]": "failure",
        "programs.broken::__main__[spawn]": "failure",
        "docs.page.md::line-2[fork]": "passed",
        "docs.page.md::line-2[spawn]": "passed",
        "docs.page.md::line-18[fork]": "passed",
        "docs.page.md::line-18[spawn]": "passed",
        "docs.damaged.ipynb::__main__": "failure",
    }
    result.stdout.fnmatch_lines(
        [
            "inherited-state: under spawn it does not do what it does under fork",
            "spawn * | 1 missing | 1 more | 1, 1 failed | differs: inherited-state",
            "    where: *bad.py:4",
        ]
    )
    result.stdout.fnmatch_lines(["fails under fork: exit code 1", "    as told"])
    result.stdout.fnmatch_lines(["*damaged.ipynb is no notebook that can be read*"])
    again = project.runpytest_inprocess(*words, "--lf", "--collect-only", "-q")
    assert sorted(line for line in again.outlines if "::" in line) == [
        "docs/damaged.ipynb::__main__",
        "programs/bad.py::__main__[spawn]",
        "programs/broken.py::__main__[fork]",
        "programs/broken.py::__main__[spawn]",
    ]


def test_what_is_collected(project: pytest.Pytester) -> None:
    def items(*words: str, status: int = 0) -> list[str]:
        result = project.runpytest_inprocess("--collect-only", "-q", "--mp-start-methods=fork,spawn", *words)
        assert result.ret == status, result.stdout.str() + result.stderr.str()
        return sorted(line for line in result.outlines if "::" in line)

    good = ["programs/good.py::__main__[fork]", "programs/good.py::__main__[spawn]"]
    it = ["tests/test_it.py::test_it"]
    assert items("tests/test_it.py", "--mp-scripts=programs/good.py") == [*good, *it]
    assert items("tests/test_it.py", "programs", "--mp-scripts=programs/good.py") == [*good, *it]
    assert items(good[1], "--mp-scripts=**/*.py") == good[1:]
    assert items("tests/test_it.py", "--mp-scripts=tests/test_it.py", "-k", "spawn or test_it") == [
        "tests/test_it.py::__main__[fork]",
        "tests/test_it.py::__main__[spawn]",
        *it,
    ]
    project.makeini("[pytest]\nmp_scripts =\n    programs/g*.py\ntestpaths = tests/test_it.py\n")
    assert items() == [*good, *it]
    assert items("tests/test_it.py") == it
    assert items("programs") == good
    for ini, says in (
        (
            "mp_scripts = nothing*",
            "pattern 'nothing*' from ini mp_scripts in *tox.ini matches no file (looked in *): give",
        ),
        (
            "mp_scripts = *\nmp_script_blocks = some",
            "unknown 'some' from ini mp_script_blocks in *: there is auto, page, e",
        ),
    ):
        project.makeini(f"[pytest]\n{ini}\n")
        result = project.runpytest_inprocess()
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: {says}*"])


def test_start_method_that_is_not_here_is_skipped(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess(
        "--mp-scripts=programs/good.py", "programs", "--mp-platform=windows", "--mp-start-methods=fork,spawn", "-rs"
    )
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * 'fork' is not available on windows (pretended by --mp-platform)*"])
