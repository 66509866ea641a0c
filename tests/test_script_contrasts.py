"""What differs between runs of a program, and why: the rules, with made-up runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pytest_mpcheck._scripts import _lines
from pytest_mpcheck._scripts._causes import causes_of
from pytest_mpcheck._scripts._contrast import Contrast, contrast_runs, varies_in
from pytest_mpcheck._scripts._diff import unified
from pytest_mpcheck._scripts._experiment import Experiment
from pytest_mpcheck._scripts._lines import TextContrast, contrast_texts, error_lines, output_lines, varying
from pytest_mpcheck._scripts._program import Program
from pytest_mpcheck._scripts._run import Run, Start, starts_of
from pytest_mpcheck._scripts._tracebacks import raises
from pytest_mpcheck._scripts._words import lines_of, verdict_of

PROGRAM = Program("some.py")


def lines(*texts: str) -> list[tuple[str, ...]]:
    return [tuple(text.split("|")) for text in texts]


# ---------------------------------------------------------------- lines

SAME: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "equal": (["a|b"], ["a|b"]),
    "another order": (["a|b"], ["b|a"]),
    "process ids": (["pid 12", "pid 13"], ["pid 14"]),
    "addresses": (["<f at 0x7f1a>", "<f at 0x7f1b>"], ["<f at 0x7f2b>"]),
    "numbers change places": (["w 1 did 2|w 2 did 1", "w 1 did 1|w 2 did 2"], ["w 1 did 1|w 2 did 2"]),
    "a line is not always there": (["a|b", "a"], ["a"]),
    "a line that varies is not always there": (["t 1.5|t 2.5", "t 1.7"], ["t 2e-3"]),
    "words vary": (["x", "y"], ["z", "u"]),
    "torn": (["one 1|one 2|"], ["one 1one 2||"]),
    "torn there": (["one 1one 2||"], ["one 1|one 2"]),
}


@pytest.mark.parametrize(("reference", "runs"), SAME.values(), ids=SAME)
def test_what_varies_by_itself_is_no_difference(reference: Sequence[str], runs: Sequence[str]) -> None:
    there, here = lines(*reference), lines(*runs)
    varies = _lines.merged([varying(there), varying(here)])
    assert not contrast_texts(there, here, varies).differs


DIFFERENT: dict[str, tuple[Sequence[str], Sequence[str], dict[str, int], dict[str, int]]] = {
    "a number": (["a 1"], ["a 2"], {"a 1": 1}, {"a 2": 1}),
    "a number beside one that varies": (["12 a 1", "13 a 1"], ["14 a 2"], {"# a 1": 1}, {"# a 2": 1}),
    "more of what varies": (["pid 12", "pid 13"], ["pid 14|pid 15"], {}, {"pid #": 1}),
    "fewer": (["a|a|b"], ["a|b"], {"a": 1}, {}),
    "never there": (["a|b", "a|b"], ["a", "a"], {"b": 1}, {}),
    "torn and more": (["one|two"], ["onetwo||three"], {"one": 1, "two": 1}, {"onetwo": 1, "": 1, "three": 1}),
    "no piece": (["one"], ["oe"], {"one": 1}, {"oe": 1}),
}


@pytest.mark.parametrize(("reference", "runs", "missing", "extra"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs(
    reference: Sequence[str], runs: Sequence[str], missing: dict[str, int], extra: dict[str, int]
) -> None:
    there, here = lines(*reference), lines(*runs)
    varies = _lines.merged([varying(there), varying(here)])
    assert contrast_texts(there, here, varies) == TextContrast(Counter(missing), Counter(extra))


def test_order_and_tearing_are_told() -> None:
    assert contrast_texts(lines("a|b"), lines("b|a", "a|b"), {}) == TextContrast()
    assert contrast_texts(lines("a|b"), lines("b|a"), {}).reordered
    assert contrast_texts(lines("a|b"), lines("ab|"), {}).torn


def test_much_is_not_searched_for_what_is_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "_MOST_TORN", 1)
    assert not contrast_texts(lines("a|b"), lines("ab|"), {}).torn


def test_names_of_multiprocessing_are_those_of_any_start_method() -> None:
    texts = (
        f"{kind}PoolWorker-{number} <{kind}Process name='{kind}Process-{number}:1'> {module}.f"
        for kind, number, module in (
            ("Fork", 1, "__main__"),
            ("Spawn", 2, "__mp_main__"),
            ("ForkServer", 3, "__main__"),
        )
    )
    assert {output_lines(text) for text in texts} == {("PoolWorker-N <Process name='Process-N'> __main__.f",)}
    assert output_lines("Forks and Spawns") == ("Forks and Spawns",)


STDERR = """\
a warning
Process SpawnPoolWorker-1:
Traceback (most recent call last):
  File "some.py", line 3, in f
    1 / 0
    ~~^~~

ZeroDivisionError: division by zero
  in two lines

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "{there}/some.py", line 7, in <module>
RuntimeError:
        An attempt has been made to start a new process before the
        current process has finished its bootstrapping phase.

the end
  + Exception Group Traceback (most recent call last):
  |   File "some.py", line 9, in <module>
  | ExceptionGroup: two (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "other.py", line 1, in g
    | KeyError: 3
    +------------------------------------
Traceback (most recent call last):
  cut off
"""


def test_tracebacks_are_what_was_raised() -> None:
    assert error_lines(STDERR) == (
        "a warning",
        "ZeroDivisionError: division by zero",
        "RuntimeError: An attempt has been made to start a new process before the",
        "the end",
    )


def test_places_of_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.abspath", lambda path: f"/there/{path}")
    found = [(one.line, one.place) for one in raises(PROGRAM, STDERR.replace("{there}", "/there"))]
    assert found == [
        ("ZeroDivisionError: division by zero", "some.py:3"),
        ("RuntimeError:", "some.py:7"),
        ("ExceptionGroup: two (1 sub-exception)", "some.py:9"),
        ("KeyError: 3", ""),
    ]
    book = Program("some.ipynb")
    text = 'Traceback (most recent call last):\n  File "some.ipynb", code cell 2, line 5, in f\nKeyError\n'
    assert [one.place for one in raises(book, text)] == ["some.ipynb, code cell 2, line 5"]
    assert list(raises(book, "")) == []


# ---------------------------------------------------------------- differences as they are shown


def test_unified_difference_has_nothing_else_in_it() -> None:
    there, here = lines("a|b|c|d|e", "x|c|b|y|y|e|d|a|y")
    shown = unified(("fork", "spawn"), there, here, TextContrast(Counter("a"), Counter(x=1, y=3)))
    assert shown[:3] == ["--- fork", "+++ spawn", "@@ -1,5 +1,8 @@"]
    assert sorted(shown[3:]) == [" b", " c", " d", " e", "+x", "+y", "+y", "+y", "-a"]


def test_long_difference_is_shortened() -> None:
    extra = tuple(map(str, range(100)))
    shown = unified(("fork", "spawn"), (), extra, TextContrast(extra=Counter(extra)))
    assert (len(shown), shown[-1]) == (61, "... (43 lines more)")
    far = ("a",) * 5_000
    shown = unified(("fork", "spawn"), far, (*far, "b"), TextContrast(extra=Counter("b")))
    assert shown == ["--- fork", "+++ spawn", "(what differs lies beyond the first 5,000 lines)"]


# ---------------------------------------------------------------- runs

FORK = Run("fork", 0, "a\n", "", (), (Start("fork", 0), Start("fork", -15)))
SPAWN = replace(FORK, start_method="spawn", starts=(Start("spawn", 0),))


def test_notes_of_starts_are_read() -> None:
    notes = (
        "start 7 fork\nend 8 0\nstart 8 spawn\nend 7 -9\nstart 7 fork\nend 7 None\nstart x y z\n\nend 8 3\nend 8 4\n"
    )
    assert starts_of(notes) == (Start("fork", -9), Start("spawn", 3), Start("fork", None))


def contrast(run: Run, *more: Run, reference: Sequence[Run] = (FORK, FORK)) -> Contrast:
    runs = (run, *more)
    return contrast_runs(reference, runs, varies_in({"fork": reference, "spawn": runs}))


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(SPAWN, id="equal"),
        pytest.param(replace(SPAWN, starts=(Start("spawn", -15), Start("spawn", None))), id="terminated workers"),
        pytest.param(replace(SPAWN, starts=(Start("spawn", 0),) * 9), id="another number of children"),
    ],
)
def test_same(run: Run) -> None:
    assert not contrast(run).differs


@pytest.mark.parametrize(
    ("run", "what"),
    [
        pytest.param(replace(SPAWN, exitcode=1), "exitcode", id="exit code"),
        pytest.param(replace(SPAWN, exitcode=None, stuck="x"), "ended", id="stuck"),
        pytest.param(replace(SPAWN, stdout="b\n"), "stdout", id="stdout"),
        pytest.param(replace(SPAWN, stderr="b\n"), "stderr", id="stderr"),
        pytest.param(replace(SPAWN, starts=(Start("spawn", 1),)), "children", id="child failed"),
        pytest.param(replace(SPAWN, starts=()), "children", id="no child"),
        pytest.param(replace(SPAWN, survivors=("sleep 9",)), "survivors", id="left running"),
    ],
)
def test_differing_runs(run: Run, what: str) -> None:
    found = contrast(run)
    assert found.differs
    empty = Contrast("spawn")
    assert [name for name in Contrast.__slots__ if getattr(found, name) != getattr(empty, name)] == [what]
    back = contrast_runs((run, run), (FORK,), varies_in({"spawn": (run, run)}))
    assert back.differs


def test_what_never_ends_is_the_same_as_what_never_ends() -> None:
    stuck = replace(FORK, exitcode=None, stuck="x")
    assert not contrast(replace(stuck, start_method="spawn"), reference=(stuck,)).differs


# ---------------------------------------------------------------- how often


class Theatre:
    """Gives runs in the order in which they are written down."""

    def __init__(self, **runs: list[Run]) -> None:
        self.runs = runs
        self.played: list[str] = []

    def __call__(self, start_method: str, manner: str) -> Run:
        self.played.append(start_method if manner == "watched" else manner)
        runs = self.runs[start_method]
        return runs.pop(0) if len(runs) > 1 else runs[0]


OTHER = replace(SPAWN, stdout="b\n")


@pytest.mark.parametrize(
    ("fork", "spawn", "played", "differs"),
    [
        pytest.param([FORK], [SPAWN], "fork fork spawn", False, id="same"),
        pytest.param([FORK], [OTHER, SPAWN], "fork fork spawn spawn", False, id="differs once"),
        pytest.param([FORK], [replace(SPAWN, exitcode=1)], "fork fork spawn spawn", True, id="differs twice alike"),
        pytest.param(
            [FORK],
            [replace(OTHER, exitcode=1), replace(SPAWN, exitcode=1), replace(OTHER, exitcode=2)],
            "fork fork spawn spawn spawn fork",
            True,
            id="differs in several ways",
        ),
        pytest.param(
            [FORK],
            [OTHER],
            "fork fork spawn spawn spawn fork spawn fork imported",
            True,
            id="other lines instead",
        ),
        pytest.param([FORK], [OTHER] * 3 + [SPAWN], "fork fork spawn spawn spawn fork spawn fork", False, id="chance"),
        pytest.param(
            [FORK], [replace(SPAWN, stdout="a\nb\n")], "fork fork spawn spawn imported", True, id="more lines"
        ),
        pytest.param([FORK], [replace(FORK, exitcode=None, stuck="x")], "fork fork spawn", True, id="did not end"),
        pytest.param([replace(FORK, exitcode=None, stuck="x")], [SPAWN], "fork spawn spawn", True, id="only there"),
    ],
)
def test_how_often_a_program_is_run(fork: list[Run], spawn: list[Run], played: str, differs: bool) -> None:
    theatre, experiment = Theatre(fork=list(fork), spawn=list(spawn)), Experiment("fork")
    assert not experiment.look("fork", theatre).differs
    found = experiment.look("spawn", theatre)
    assert found == experiment.contrast("spawn")
    assert found.differs == differs
    assert " ".join(theatre.played) == played


# ---------------------------------------------------------------- causes


def experiment_of(*runs: Run, imported: str | None = None) -> Experiment:
    experiment = Experiment(runs[0].start_method)
    for run in runs:
        experiment.runs.setdefault(run.start_method, []).append(run)
    if imported is not None:
        experiment.imported = replace(SPAWN, stdout=imported)
    return experiment


def told(experiment: Experiment) -> list[tuple[str, str, tuple[str, ...]]]:
    contrasts = {method: experiment.contrast(method) for method in experiment.runs}
    causes = causes_of(PROGRAM, experiment, contrasts)
    return [(one.finding.kind, one.finding.what, one.start_methods) for one in causes]


def trace(line: str) -> str:
    return f'Traceback (most recent call last):\n  File "some.py", line 3, in f\n    g()\n{line}\n'


KINDS = {
    "_pickle.PicklingError: Can't pickle <function f>: not found": "does-not-pickle",
    "AttributeError: Can't get local object 'main.<locals>.f'": "does-not-pickle",
    "TypeError: cannot pickle '_thread.lock' object": "does-not-pickle",
    "RuntimeError: Lock objects should only be shared between processes through inheritance": "does-not-pickle",
    "AttributeError: Can't get attribute 'f' on <module '__mp_main__' from 'some.py'>": "cannot-import",
    "AttributeError: module '__mp_main__' has no attribute 'f'": "cannot-import",
    "ModuleNotFoundError: No module named 'some_other'": "cannot-import",
    "NameError: name 'config' is not defined": "inherited-state",
    "LookupError: no such thing": "fails",
}


@pytest.mark.parametrize(("line", "kind"), KINDS.items(), ids=KINDS)
def test_kind_of_what_was_raised(line: str, kind: str) -> None:
    failing = replace(SPAWN, stderr=trace(line), exitcode=1)
    assert [one[0] for one in told(experiment_of(FORK, failing))] == [kind]
    both = replace(FORK, stderr=trace(line), exitcode=1)
    assert told(experiment_of(both, failing)) == []


def test_what_only_follows_is_left_out() -> None:
    root, consequence, other = trace(next(iter(KINDS))), trace("EOFError"), trace("LookupError: some")

    def kinds(text: str, stuck: str = "") -> list[str]:
        run = replace(SPAWN, stderr=text, exitcode=None if stuck else 1, stuck=stuck)
        return [one[0] for one in told(experiment_of(FORK, run))]

    assert kinds(consequence + root) == ["does-not-pickle"]
    assert kinds(consequence) == ["fails"]
    assert kinds(consequence + other) == ["fails"]
    assert kinds(root, "was still running\nwhat to do: wait") == ["does-not-pickle"]
    assert kinds("", "was still running\nwhat to do: wait") == ["hung"]


def test_traceback_of_what_fails_is_told_once() -> None:
    runs = [replace(SPAWN, stderr=trace(f"LookupError: no {number}"), exitcode=1) for number in (1, 2)]
    experiment = experiment_of(FORK, *runs)
    (cause,) = causes_of(PROGRAM, experiment, {"spawn": experiment.contrast("spawn")})
    assert cause.finding.evidence == '  File "some.py", line 3, in f\n    g()\nLookupError: no 2'


def test_what_the_reference_prints_again_is_told_as_its_own() -> None:
    again = replace(SPAWN, stdout="a\na\n")
    theatre, experiment = Theatre(spawn=[again], fork=[FORK]), Experiment("spawn")
    experiment.look("fork", theatre)
    assert theatre.played[-1] == "imported"
    experiment.imported = FORK
    assert [(one[0], one[2]) for one in told(experiment)] == [("no-main-guard", ("spawn",))]


def test_causes_of_the_reference_are_told_as_its_own() -> None:
    stuck = replace(FORK, exitcode=None, stuck="child 'x' is deadlocked: some\nstacks\nwhat to do: let go")
    experiment = experiment_of(stuck, SPAWN, replace(SPAWN, start_method="forkserver"))
    assert told(experiment) == [("hung", "the program is deadlocked", ("fork",))]


@pytest.mark.parametrize(
    ("run", "imported", "kinds"),
    [
        pytest.param(replace(SPAWN, stdout="a\na\n"), "a\n", ["no-main-guard"], id="printed again"),
        pytest.param(replace(SPAWN, stdout="a\na\nb\n"), "a\n", ["no-main-guard", "wrong-result"], id="and more"),
        pytest.param(replace(SPAWN, stdout="b\n"), "", ["wrong-result"], id="other"),
        pytest.param(replace(SPAWN, stdout="b\n"), None, ["wrong-result"], id="not imported"),
        pytest.param(replace(SPAWN, exitcode=3), None, ["wrong-result"], id="exit code"),
        pytest.param(replace(SPAWN, exitcode=-11), None, ["died"], id="signal"),
        pytest.param(replace(SPAWN, survivors=("sleep",)), None, ["left-running"], id="left running"),
        pytest.param(
            replace(SPAWN, stdout="", starts=(Start("spawn", -15),)), None, ["lost-output"], id="terminated pool"
        ),
    ],
)
def test_kind_of_what_was_not_raised(run: Run, imported: str | None, kinds: list[str]) -> None:
    assert [one[0] for one in told(experiment_of(FORK, run, imported=imported))] == kinds


# ---------------------------------------------------------------- words


def text_of(experiment: Experiment, program: Program = PROGRAM) -> str:
    contrasts = {method: experiment.contrast(method) for method in experiment.runs}
    return "\n".join(lines_of(program, experiment, contrasts, causes_of(program, experiment, contrasts)))


def test_cells_of_the_table() -> None:
    third = replace(SPAWN, start_method="forkserver", exitcode=-11, stdout="", survivors=("sleep",))
    runs = (replace(FORK, stdout="a\nb\n"), replace(SPAWN, stdout="b\na\n", starts=(Start("spawn", 0),)), third)
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text_of(experiment_of(*runs)).splitlines()[2:5]]
    assert rows == [
        ["fork", "1", "0", "2 lines", "-", "2", "reference"],
        ["spawn", "1", "0", "the same, in another order", "-", "1", "same"],
        ["forkserver", "1", "SIGSEGV", "2 missing", "-", "1, 1 left running", "differs: died, left-running"],
    ]


def test_differences_that_are_alike_are_shown_once() -> None:
    other = replace(OTHER, start_method="forkserver")
    text = text_of(experiment_of(FORK, OTHER, other))
    assert text.count("--- stdout under fork\n+++ stdout under spawn, forkserver\n@@ -1 +1 @@\n-a\n+b\n") == 1
    assert "\nwrong-result (spawn, forkserver): the program does something else, and nothing is raised\n" in text
    assert "the same, but torn" in text_of(
        experiment_of(replace(FORK, stdout="a\nb\n"), replace(SPAWN, stdout="ab\n\n"))
    )


def test_notes() -> None:
    text = text_of(
        experiment_of(
            *(replace(FORK, stdout=f"pid {number}\n{more}", starts=()) for number, more in ((1, ""), (2, "b\n"))),
        )
    )
    assert "note: it started no process through multiprocessing: a start method could change nothing" in text
    assert "note: numbers vary from run to run under one start method, and were not compared: 'pid #'\n" in text
    assert "note: not every run under one start method printed the same lines; those that it did not" in text
    chosen = text_of(
        experiment_of(FORK, replace(SPAWN, starts=FORK.starts)), Program("x.ipynb", notes=("left out: a",))
    )
    assert "note: left out: a\n" in chosen
    assert "note: under spawn it started its processes by fork: it chooses the start method itself" in chosen
    assert "note: it was run as one script; in Jupyter itself" in chosen
    left = text_of(experiment_of(replace(FORK, survivors=("sleep 9",)), replace(SPAWN, survivors=("sleep 9",))))
    assert "note: it left processes running, which were ended: sleep 9" in left
    many = "".join(f"{word} 1\n" for word in "abcd"), "".join(f"{word} 2\n" for word in "abcd")
    assert "'a #', 'b #', 'c #' ..." in text_of(experiment_of(*(replace(FORK, stdout=one) for one in many)))


def test_what_fails_alike_is_told() -> None:
    failing = [replace(run, exitcode=2, stderr="usage: some\n") for run in (FORK, SPAWN)]
    experiment = experiment_of(*failing)
    assert text_of(experiment).endswith("\n\nIt fails alike under every start method: exit code 2\n    usage: some")
    assert verdict_of(experiment, experiment.contrast("spawn"), ()) == "fails under spawn: exit code 2"
    stuck = experiment_of(replace(FORK, exitcode=None, stuck="was still running"))
    assert text_of(stuck).endswith("\n\nIt fails: it did not end\n    was still running")
