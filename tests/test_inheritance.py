"""What a child has of its parent: the table of the documentation, measured by the command and by the fixtures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_mpcheck
from pytest_mpcheck import assert_inherited, assert_not_inherited, probe
from pytest_mpcheck._inheritance._measure import KINDS, Marks
from pytest_mpcheck._inheritance._rows import ROWS
from pytest_mpcheck._probes._words import WORDS
from pytest_mpcheck.fixtures import ProcessFactory

CHECKOUT = Path(pytest_mpcheck.__file__).parents[1]
DOCUMENT = Path(__file__).parents[1] / "docs" / "isolation.md"

CONDITIONS = {
    "before 3.12": sys.version_info < (3, 12),
    "where threads inherit the context": bool(getattr(sys.flags, "thread_inherit_context", False)),
}
"""What makes a cell of the documented table another one, in the words that it uses."""

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


def documented() -> dict[str, dict[str, str]]:
    """Read the table of the documentation as it stands for this Python, by row and kind of worker."""
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    start = next(number for number, row in enumerate(rows) if row[1:] == list(KINDS))
    table: dict[str, dict[str, str]] = {}
    for label, *cells in rows[start + 1 :]:
        if len(cells) != len(KINDS):
            break
        table[label.replace("`", "")] = dict(zip(KINDS, map(_here, cells), strict=True))
    return table


def _here(cell: str) -> str:
    """Choose what a cell such as ``fresh; copy before 3.12`` says of this Python."""
    usual, *others = cell.split("; ")
    for other in others:
        word, _, condition = other.partition(" ")
        if CONDITIONS[condition]:
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


def run(*options: str, path: Path | None = None) -> str:
    command = [sys.executable, "-m", "pytest_mpcheck", "inherits", *options]
    folders = [str(CHECKOUT), *([str(path)] if path else []), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_measured_is_what_is_documented(stand_ins: Path) -> None:
    measured = json.loads(run("--json", path=stand_ins))
    assert measured["rows"] == [row.label for row in ROWS]
    table = documented()
    for column in measured["columns"]:
        kind = column["kind"]
        assert column["trouble"] == (None if column["is_here"] else "there is none here")
        expected = {label: cells[kind] for label, cells in table.items()} if column["is_here"] else {}
        assert column["cells"] == expected, kind


OF_THE_FIXTURES = {
    ("logging handlers", "fork"): "fresh",
    ("warning filters", "spawn"): "copy",
    ("warning filters", "forkserver"): "copy",
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
