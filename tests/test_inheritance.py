"""What a child has of its parent: the table of the documentation, measured by the command and by the fixtures."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

import pytest

import pytest_mpcheck
from pytest_mpcheck import __main__ as command_line
from pytest_mpcheck import assert_inherited, assert_not_inherited, probe
from pytest_mpcheck._comparison._workers import WorkerError
from pytest_mpcheck._inheritance import _measure
from pytest_mpcheck._inheritance._measure import KINDS, Marks, judge
from pytest_mpcheck._inheritance._rows import ROWS
from pytest_mpcheck._probes._words import WORDS
from pytest_mpcheck.fixtures import ProcessFactory

CHECKOUT = Path(pytest_mpcheck.__file__).parents[1]
DOCUMENT = Path(__file__).parents[1] / "docs" / "isolation.md"

FLAGS = ("thread_inherit_context", "context_aware_warnings")
"""Of `sys.flags`, since Python 3.14."""

Conditions: TypeAlias = dict[str, bool]


def conditions(**flags: bool) -> Conditions:
    """Tell what makes a cell of the documented table another one, in the words that it uses."""
    inherits, has_filters = (flags.get(flag, bool(getattr(sys.flags, flag, False))) for flag in FLAGS)
    return {
        "before 3.12": sys.version_info < (3, 12),
        "where threads inherit the context": inherits,
        "where threads inherit the context with its filters": inherits and has_filters,
        "where the context has the filters": has_filters,
    }


STAND_INS = {
    "numpy/__init__.py": "",
    "numpy/random.py": """
        import random
        class Key(str):
            def tobytes(self): return self.encode()
        _random = random.Random()
        def get_state(): return "stand-in", Key(_random.getstate()), 1
        def set_state(state): pass
        seed = _random.seed
        """,
    "torch.py": """
        import random
        class Tensor(bytes):
            def tolist(self): return list(self)
        _random = random.Random()
        def get_rng_state(): return Tensor(repr(_random.getstate()).encode())
        def set_rng_state(state): pass
        manual_seed = _random.seed
        """,
}
"""Libraries whose generators are copied by a fork, as those of numpy and torch are."""


def documented(here: Conditions | None = None) -> dict[str, dict[str, str]]:
    """Read the table of the documentation as it stands for this Python, by row and kind of worker."""
    here = conditions() if here is None else here
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    start = next(number for number, row in enumerate(rows) if row[1:] == list(KINDS))
    table: dict[str, dict[str, str]] = {}
    for label, *cells in rows[start + 1 :]:
        if len(cells) != len(KINDS):
            break
        words = [_word(cell, here) for cell in cells]
        table[label.replace("`", "")] = dict(zip(KINDS, words, strict=True))
    return table


def _word(cell: str, here: Conditions) -> str:
    """Choose what a cell such as ``fresh; copy before 3.12`` says."""
    usual, *others = cell.split("; ")
    for other in others:
        word, _, condition = other.partition(" ")
        if here[condition]:
            return word
    return usual


def test_every_row_is_documented() -> None:
    assert list(documented()) == [row.label for row in ROWS]


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    for name, text in STAND_INS.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line[8:] for line in text.splitlines()))
    return tmp_path


def run(*options: str, python: tuple[str, ...] = (), path: Path | None = None) -> str:
    command = [sys.executable, *python, "-m", "pytest_mpcheck", "inherits", *options]
    folders = [str(CHECKOUT), *([str(path)] if path else []), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("flags", [(), FLAGS[:1], FLAGS[1:], FLAGS], ids="-".join)
def test_what_is_measured_is_what_is_documented(flags: tuple[str, ...], stand_ins: Path) -> None:
    if flags and not hasattr(sys.flags, flags[0]):
        pytest.skip(f"this Python has no {flags[0]}")
    python = tuple(word for flag in flags for word in ("-X", f"{flag}=1"))
    measured = json.loads(run("--json", python=python, path=stand_ins))
    assert measured["rows"] == [row.label for row in ROWS]
    table = documented(conditions(**dict.fromkeys(flags, True)))
    for column in measured["columns"]:
        kind = column["kind"]
        assert column["trouble"] == (None if column["is_here"] else "there is none here")
        expected = {label: cells[kind] for label, cells in table.items()} if column["is_here"] else {}
        assert column["cells"] == expected, kind


OF_THE_FIXTURES = {
    ("logging handlers", "fork"): "fresh",
    ("warning filters", "spawn"): "copy",
    ("warning filters", "forkserver"): "copy",
    ("environment", "forkserver"): "copy",
    ("sys.path", "interpreter"): "copy",
}
"""What is another thing in children of the fixtures, as the documentation says below the table."""

NAMES = tuple(row.word for row in ROWS if ":" in row.word)


def test_every_word_works_in_every_kind_of_child(mp_backend: str, mp_process: ProcessFactory) -> None:
    mp_process(abs, -1).result()  # now the fork server runs, and what it has is none of the marks
    before, marks = probe(*NAMES), Marks()
    with marks.set("a"):
        parent = probe(*NAMES)
        child = mp_process(probe, *NAMES).result()
    table = documented()
    wrong: dict[str, object] = {}
    for row in ROWS:
        expected = OF_THE_FIXTURES.get((row.label, mp_backend), table[row.label][mp_backend])
        places = marks.changed(row, "a")
        if expected == "?" or not places:
            continue
        check = assert_inherited if expected in ("copy", "shared") else assert_not_inherited
        try:
            check(child, parent, *places)
        except AssertionError as error:
            wrong[row.label] = str(error)
    assert wrong == {}
    assert [one for one in before.difference(probe(*NAMES)) if not WORDS[one.word].grows] == []


def test_what_monkeypatch_replaces(
    mp_backend: str, mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("colorsys:ONE_SIXTH", "string:Template.delimiter")
    monkeypatch.setattr("colorsys.ONE_SIXTH", "patched")
    monkeypatch.setattr("string.Template.delimiter", "patched")
    parent, child = probe(*names), mp_process(probe, *names).result()
    expected = documented()["values patched by monkeypatch"][mp_backend]
    (assert_not_inherited if expected == "fresh" else assert_inherited)(child, parent, *names)
    assert {parent[name][name] for name in names} == {"'patched'"}


def test_names_of_test_modules_are_found_under_importlib(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_mpcheck import assert_not_inherited, probe
        LEVELS = {"pear": 3}
        def test_it(mp_process, monkeypatch):
            monkeypatch.setitem(LEVELS, "pear", 2)
            name = f"{__name__}:LEVELS"
            parent, child = probe(name), mp_process(probe, name).result()
            assert_not_inherited(child, parent, f"{name}['pear']")
            assert child[f"{name}['pear']"] == {f"{name}['pear']": "3"}
        """
    )
    result = pytester.runpytest(
        "--import-mode=importlib", "--mp-start-methods=spawn,forkserver", "-p", "no:cacheprovider"
    )
    result.assert_outcomes(passed=2)


# ---------------------------------------------------------------- the command


def test_the_command_prints_a_table_and_what_its_words_mean() -> None:
    table, _, rest = run().partition("\n\n")
    header, line, *rows = table.splitlines()
    assert [cell.strip() for cell in header.split("|")] == ["What a worker has of its starter", *KINDS]
    assert set(line) == {"-"}
    assert [row.split("|")[0].strip() for row in rows] == [row.label for row in ROWS]
    for word in ("copy", "shared", "server's", "fresh", "-"):
        assert f"{word}: " in rest


CELLS: dict[str, tuple[tuple[str, ...], str]] = {
    "as when it was started": (("start", "start", "server", "start", "later"), "copy"),
    "as it is now": (("start", "later", "server", "start", "later"), "shared"),
    "as when the server was started": (("server", "server", "server", "start", "later"), "server's"),
    "as anew": (("other", "other", "server", "start", "later"), "fresh"),
    "as anew, without a server": (("other", "other", "", "start", "later"), "fresh"),
    "as now, but not when it was started": (("other", "later", "server", "start", "later"), "?"),
}


@pytest.mark.parametrize(("facts", "cell"), CELLS.values(), ids=CELLS.keys())
def test_judgement(facts: tuple[str, ...], cell: str) -> None:
    assert judge(*({text: text} if text else {} for text in facts)) == cell


def lacking(monkeypatch: pytest.MonkeyPatch, label: str) -> str:
    """Set a mark in one row on a machine that lacks something; return why it is not set."""
    (row,) = (row for row in ROWS if row.label == label)
    monkeypatch.setattr(_measure, "ROWS", (row,))
    marks = Marks()
    with marks.set("a"):
        assert marks.changed(row, "a") == {}
    return marks.reasons[label]


def test_mark_that_cannot_be_set_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert lacking(monkeypatch, "state of torch's generator") == "torch is not installed"
    monkeypatch.setattr("signal.Signals", {})
    assert lacking(monkeypatch, "signal mask") == "there is no SIGURG on this platform"
    monkeypatch.undo()
    monkeypatch.setattr("locale.setlocale", _only_c)
    assert lacking(monkeypatch, "locale") == "this machine has no locale but C"


def _only_c(category: int, name: str | None = None) -> str:
    if name is not None:
        raise locale.Error("unsupported locale setting")
    return "C"


def test_mark_that_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o072)
    try:
        assert lacking(monkeypatch, "umask") == "what was set here to be known again changed nothing"
    finally:
        os.umask(before)


@pytest.mark.parametrize("trouble", [WorkerError("gave no answer"), OSError("no room")])
def test_trouble_with_a_worker_is_told(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(_measure, "Crew", fail)
    assert command_line.main(["inherits"]) == 1
    out = capsys.readouterr().out
    assert "module globals                   | ?    | ?     | ?          | ?      | " in out
    assert f"\nfork: {trouble}.\n" in out


def test_kinds_that_are_not_here_are_no_trouble(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_measure, "available_kinds", lambda: ("thread",))
    assert command_line.main(["inherits"]) == 0
    out = capsys.readouterr().out
    assert "module globals                   | -    | -     | -          | shared | -" in out
    assert "spawn" in out.splitlines()[0]
