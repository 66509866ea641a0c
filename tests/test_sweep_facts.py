"""The pure parts of the sweep: causes, words, ledger, default, limit, values."""

from __future__ import annotations

import functools
import multiprocessing
import signal
import sys
import textwrap
from collections import deque
from collections.abc import Callable
from multiprocessing import context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mpcheck._sweep import _limit, _remains
from pytest_mpcheck._sweep._causes import (
    HUNG,
    IMPORT,
    INHERITED,
    PICKLE,
    RESULT,
    cause_of,
    differs,
    is_repeatable,
    judged,
    needs_control,
)
from pytest_mpcheck._sweep._default import chosen, pretended
from pytest_mpcheck._sweep._facts import FAILED, PASSED, SKIPPED, Ran, RunsOf, Swept
from pytest_mpcheck._sweep._ledger import Ledger, Uses
from pytest_mpcheck._sweep._limit import Limit
from pytest_mpcheck._sweep._state import State
from pytest_mpcheck._sweep._values import told
from pytest_mpcheck._sweep._words import lines_of, remedy_of
from pytest_mpcheck._sweep_reports import Told, facts_of

CANNOT_READ = """
    Traceback (most recent call last):
      File "multiprocessing/spawn.py", line 132, in _main
        self = reduction.pickle.load(from_parent)
    {}
"""


@pytest.mark.parametrize(
    ("error", "printed", "hung", "cause", "line"),
    [
        ("_pickle.PicklingError: Can't pickle <function f>: it's not found as m.f", "", False, PICKLE, ""),
        ("TypeError: cannot pickle '_thread.lock' object", "", False, PICKLE, ""),
        ("AttributeError: Can't get local object 'f.<locals>.g'", "", False, PICKLE, ""),
        ("AssertionError", "TypeError: cannot pickle 'x' object", False, PICKLE, "TypeError: cannot pickle 'x' object"),
        ("AssertionError", CANNOT_READ.format("TypeError: no way"), False, PICKLE, "TypeError: no way"),
        ("", CANNOT_READ.format("TypeError: no way"), True, PICKLE, ""),
        ("AssertionError", CANNOT_READ.format("EOFError: Ran out of input"), False, "", ""),
        ("AssertionError", "ModuleNotFoundError: m", False, IMPORT, "ModuleNotFoundError: m"),
        ("", "AttributeError: Can't get attribute 'f' on <module>", True, IMPORT, None),
        (
            "AssertionError",
            "RuntimeError:\n        current process has finished its bootstrapping phase.",
            False,
            IMPORT,
            "current process has finished its bootstrapping phase.",
        ),
        ("AssertionError", "Traceback:\n  File 'x'\n    raise ImportError", False, "", ""),
        ("", "", True, HUNG, ""),
        ("AssertionError", "", False, "", ""),
    ],
)
def test_cause(error: str, printed: str, hung: bool, cause: str, line: str | None) -> None:
    found = cause_of(error, textwrap.dedent(printed), hung=hung)
    assert found[0] == cause
    assert line is None or found[1] == line


def ran(method: str, outcome: str = PASSED, cause: str = "", **more: Any) -> Ran:
    return Ran(method, outcome, cause=cause, **more)


FORK, SPAWN, SERVER = ran("fork"), ran("spawn"), ran("forkserver")


@pytest.mark.parametrize(
    ("runs", "causes"),
    [
        ((FORK, ran("spawn", FAILED, state=("x",)), SERVER), {INHERITED}),
        ((FORK, ran("spawn", FAILED), ran("forkserver", FAILED, state=("x",))), {INHERITED}),
        ((FORK, ran("spawn", FAILED), SERVER), {RESULT}),
        ((FORK, SPAWN, ran("forkserver", FAILED)), {INHERITED}),
        ((SERVER, ran("fork", FAILED)), {RESULT}),
        ((FORK, ran("spawn", FAILED, PICKLE)), {PICKLE}),
        ((FORK, SPAWN), set()),
    ],
)
def test_judgement(runs: tuple[Ran, ...], causes: set[str]) -> None:
    test = judged(RunsOf("t", runs))
    assert {run.cause for run in test.runs if run.outcome == FAILED} == causes
    assert differs(test) == bool(causes)
    assert needs_control(test) == bool(causes - {PICKLE, IMPORT})
    assert is_repeatable(test)


def test_failing_everywhere_differs_by_its_cause_only() -> None:
    failed = ran("fork", FAILED, RESULT)
    assert not differs(RunsOf("t", (failed, ran("spawn", FAILED, RESULT))))
    assert differs(RunsOf("t", (failed, ran("spawn", FAILED, PICKLE))))
    assert not is_repeatable(RunsOf("t", (FORK, ran("spawn", FAILED)), control=failed))
    assert differs(RunsOf("t", (ran("fork", SKIPPED), ran("spawn", FAILED))))


def test_facts_go_through_plain_data() -> None:
    swept = Swept(
        [RunsOf("t", (FORK, ran("spawn", FAILED, HUNG, state=("x",))), SPAWN), RunsOf("u", (FORK,))], 1, 2, ["o"]
    )
    assert Swept.from_data(swept.as_data()) == swept
    both = Swept(obstacles=["o"])
    both.add(swept)
    assert both == swept


def test_words_are_bounded() -> None:
    failed = ran("spawn", FAILED, RESULT, error="E", text="E: 0x1a", state=tuple(f"n{n}" for n in range(7)))
    tests = [RunsOf(f"t{n:02}", (FORK, SPAWN, ran("forkserver", "idle"))) for n in range(52)]
    lines = list(lines_of(Swept([RunsOf("t", (FORK, failed)), RunsOf("s", (FORK, SPAWN, SERVER)), *tests], 2), ()))
    assert lines[0].endswith("(fork): run again under spawn, forkserver, 1 differs")
    assert lines[1].startswith("2 tests start processes otherwise")
    assert "    ... (2 more)" in lines
    assert sum(line.startswith("    n") for line in lines) == 5
    assert remedy_of(failed).splitlines()[0] == "wrong result under spawn"
    mixed = [
        RunsOf("a", (FORK, failed)),
        RunsOf("b", (SPAWN, ran("fork", FAILED, RESULT), ran("forkserver", FAILED, RESULT))),
    ]
    assert "a    | passed | E      | -         " in list(lines_of(Swept(mixed), ()))
    alone = Swept([RunsOf("t", (FORK,))])
    assert next(lines_of(alone, ())).endswith("context (fork): run again under no other start method, none differ")


def do_nothing() -> None: ...


@pytest.fixture
def uses() -> Uses:
    return Uses()


def test_ledger_tells_questions_from_choices(uses: Uses) -> None:
    before = vars(context._default_context)["_actual_context"]
    ledger = Ledger()
    try:
        with ledger.watching(), pretended("spawn"), ledger.of(uses):
            multiprocessing.get_context("fork").Process(target=do_nothing)
            multiprocessing.get_all_start_methods()
            assert (uses.method, uses.chose) == ("", False)
            assert multiprocessing.get_start_method() == "spawn"
            assert (uses.method, uses.chose) == ("spawn", False)
            multiprocessing.set_start_method("fork", force=True)
            assert uses.chose
            assert isinstance(multiprocessing.get_context(), context.ForkContext)
            assert (uses.method, chosen()) == ("fork", "fork")
        assert "_actual_context" not in vars(context.DefaultContext)
        assert vars(context._default_context)["_actual_context"] is before
    finally:
        vars(context._default_context)["_actual_context"] = before


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_ledger_counts_starts(uses: Uses, method: str) -> None:
    ledger, looks = Ledger(), list[object]()
    uses.look = looks.append
    start = BaseProcess.start
    with ledger.watching(), ledger.of(uses):
        explicit: Any = multiprocessing.get_context(method)  # asks for no default, also not when it starts a child
        process = explicit.Process(target=do_nothing)
        process.start()
        process.join()
        with ledger.of(Uses()):
            multiprocessing.get_start_method()
    assert BaseProcess.start is start
    assert (uses.method, uses.starts, [one.pid for one in uses.started], looks) == ("", 1, [process.pid], [process])


def test_copy_of_the_ledger_counts_nothing(uses: Uses) -> None:
    ledger = Ledger()
    ledger._pid = -1  # as in a forked child
    with ledger.watching(), ledger.of(uses):
        process = multiprocessing.Process(target=do_nothing)
        process.start()
        process.join()
    assert (uses.starts, uses.started) == (0, [])


def test_failure_is_told_with_what_led_to_it() -> None:
    error = AssertionError("here")
    error.__cause__ = error.__context__ = ExceptionGroup("both", [TypeError("cannot pickle 'x' object")])
    report: Any = SimpleNamespace(failed=True, when="call", sections=[("Captured stderr call", "printed")])
    assert facts_of(Told([report], error), "spawn") == Ran(
        "spawn", FAILED, error="AssertionError", text="AssertionError: here", cause=PICKLE
    )


def test_nobody_has_chosen_in_a_pretended_default() -> None:
    default: Any = context._default_context
    before = dict(vars(default))
    with pretended("spawn"):
        assert multiprocessing.get_start_method(allow_none=True) is None
        multiprocessing.set_start_method("fork")
        with pytest.raises(RuntimeError, match="already been set"):
            multiprocessing.set_start_method("spawn")
    assert vars(default) == before


class Late(BaseException): ...


def limit(seconds: float, events: list[str], *, debugging: Callable[[], bool] = lambda: False) -> Limit:
    def examine() -> str:
        events.append("examined")
        return "the text"

    return Limit(seconds, examine, lambda: events.append("ended"), debugging, Late)


def ring() -> None:
    signal.raise_signal(signal.SIGALRM)


def test_limit_leaves_each_phase_and_puts_back_what_was_there() -> None:
    handler, events = signal.getsignal(signal.SIGALRM), list[str]()
    signal.setitimer(signal.ITIMER_REAL, 1000, 7)
    try:
        this = limit(100, events)
        with this.kept():
            with pytest.raises(Late, match=r"^still running after 100 s\nthe text$"), this.phase():
                ring()
            ring()  # in pytest itself
            with pytest.raises(Late), this.phase():
                pytest.fail("too late for this phase")
            with this.phase():
                pass
        left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        assert 0 < left <= 1000
        assert interval == 7
        assert signal.getsignal(signal.SIGALRM) is handler
        assert events == ["examined", "ended"]
        assert this.times == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def test_time_does_not_count_for_who_debugs() -> None:
    events: list[str] = []
    this = limit(100, events, debugging=lambda: True)
    with this.kept(), this.phase():
        ring()
    assert (events, this.times) == ([], 0)


def test_limit_needs_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _limit.can_be_kept()
    monkeypatch.delattr(signal, "setitimer")
    assert not _limit.can_be_kept()


def test_remains_are_ended_in_their_own_way() -> None:
    known = _remains.finalizers()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert _remains.finalizers() - known
        _remains.end((), known)
        assert not _remains.finalizers() - known
        assert multiprocessing.active_children() == []
        assert pool is not None


LIMIT = 1
TABLE = {"a": [1, 2]}


class Uncommon:
    def __init__(self) -> None:
        self.number, self.other = 1, object()

    def __repr__(self) -> str:
        raise AssertionError("nobody runs this")


def test_values_are_told_without_running_their_code() -> None:
    assert told({"a": [1, (2,)], "b": {"x", "w"}}) == "{'a': [1, (2)], 'b': {'w', 'x'}}"
    assert told(deque([frozenset([1])])) == "[{1}]"
    assert told(Uncommon()) == f"{__name__}.Uncommon object with {{'number': 1}}"
    assert told(object()) == "builtins.object object"
    assert told(do_nothing) == f"function {__name__}.do_nothing"
    assert told(Uncommon) == f"type {__name__}.Uncommon"
    assert told(list(range(400))).endswith("299, ... (400 in all)]")
    assert told([[[[[[1]]]]]]) == "[[[[[...]]]]]"


def test_state_is_what_functions_refer_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("of_the_test.py").write_text(
        textwrap.dedent(
            """
            import json, other_of_the_test as other
            LIMIT, UNTOUCHED, UNUSED = 1, 2, 3
            def use():
                return lambda: (LIMIT, UNTOUCHED, other.LEVEL, json.dumps, other.gone())
            class Case:
                def helper(self):
                    return use()
                def test(self):
                    return self.helper()
            def loop():
                return loop()
            """
        )
    )
    tmp_path.joinpath("other_of_the_test.py").write_text("LEVEL = 'a'\ndef gone(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    import of_the_test  # type: ignore[import-not-found]

    monkeypatch.setattr(of_the_test, "LIMIT", 5)
    monkeypatch.setattr(of_the_test, "UNUSED", 5)
    monkeypatch.setattr(of_the_test.other, "LEVEL", "b")
    monkeypatch.setattr(of_the_test.other, "gone", do_nothing)
    monkeypatch.setattr(of_the_test, "NEW", 1, raising=False)
    state = State([of_the_test.Case().test, None, of_the_test.loop])
    process = SimpleNamespace(_target=functools.partial(of_the_test.use, 1), _args=(1,), _kwargs={"a": 2})
    for _ in range(12):
        state.look(process)
    gone = f"function {__name__}.do_nothing, and is function other_of_the_test.gone"
    assert sorted(state.missing()) == [
        "LEVEL of other_of_the_test was 'b', and is 'a' in a process that imports other_of_the_test",
        "LIMIT of of_the_test was 5, and is 1 in a process that imports of_the_test",
        f"gone of other_of_the_test was {gone} in a process that imports other_of_the_test",
    ]
    tmp_path.joinpath("other_of_the_test.py").write_text("raise SystemExit")
    assert state.missing() == ()
    tmp_path.joinpath("of_the_test.py").write_text("import os; os._exit(1)")
    assert state.missing() == ()
    assert State([]).missing() == ()
    del sys.modules["of_the_test"], sys.modules["other_of_the_test"]
