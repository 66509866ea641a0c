"""`probe`, and what is said of its snapshots: the rules here, each kind of child in `test_inheritance.py`."""

from __future__ import annotations

import asyncio
import decimal
import locale
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import (
    Aspect,
    Difference,
    MpcheckError,
    ProcessId,
    Snapshot,
    _platforms,
    assert_inherited,
    assert_isolated,
    assert_not_inherited,
    probe,
)
from pytest_mpcheck._probes import _of_the_process, _subinterpreter
from pytest_mpcheck._probes._frozen import frozen
from pytest_mpcheck._probes._probe import aspect_of
from pytest_mpcheck._probes._words import WORDS
from pytest_mpcheck.fixtures import ProcessFactory

LEVELS = {"pear": 3}
LOCK = threading.Lock()
RECURSIVE = threading.RLock()


def sell(item: str) -> int:
    LEVELS[item] -= 1
    return LEVELS[item]


# ---------------------------------------------------------------- made-up snapshots


def snapshot(pid: int = 1, is_ordered: bool = False, obstacle: str = "", **facts: Mapping[str, str]) -> Snapshot:
    """Make a snapshot of these words."""
    aspects = {word: Aspect(places, is_ordered, obstacle) for word, places in facts.items()}
    return Snapshot(ProcessId(pid, "token"), 1, 0, aspects)


ONE = {"word['a']": "1", "word['b']": "2"}


def test_snapshot_is_asked_for_words_and_places() -> None:
    one = snapshot(word=ONE, other={"other": "3", "otherwise": "4"})
    assert one["word"] == ONE
    assert one["word['a']"] == {"word['a']": "1"}
    assert one["other"] == {"other": "3", "otherwise": "4"}
    assert one["wor"] == {}
    assert pickle.loads(pickle.dumps(one)) == one


def test_difference_tells_each_place_with_both_values() -> None:
    here = snapshot(word=ONE, same={"same": "1"}, mine={"mine": "1"})
    there = snapshot(word={"word['b']": "3", "word['c']": "x" * 1000}, same={"same": "1"}, its={"its": "1"})
    differences = here.difference(there)
    assert differences == (
        Difference("word", "word['a']", "1", None),
        Difference("word", "word['b']", "2", "3"),
        Difference("word", "word['c']", None, "x" * 1000),
    )
    assert [str(one) for one in differences] == [
        "word['a']: 1 here, (not there) there",
        "word['b']: 2 here, 3 there",
        f"word['c']: (not there) here, {'x' * 100} ... (800 characters left out) ... {'x' * 100} there",
    ]


def test_difference_of_order() -> None:
    here, there = dict.fromkeys("abc", "there"), dict.fromkeys("cxab", "there")
    assert snapshot(word=here).difference(snapshot(word=dict.fromkeys("cab", "there"))) == ()
    assert snapshot(is_ordered=True, word=here).difference(snapshot(is_ordered=True, word=there)) == (
        Difference("word", "x", None, "there"),
        Difference("word", "word, the order of it", "a, b, c", "c, a, b"),
    )


def test_what_could_not_be_measured_is_no_difference() -> None:
    assert snapshot(obstacle="why", word=ONE).difference(snapshot(word={})) == ()
    assert snapshot(word=ONE).difference(snapshot(obstacle="why", word={})) == ()


PARENT = snapshot(pid=1, word=ONE, empty={})


def test_inherited_is_what_is_there_and_the_same() -> None:
    assert_inherited(snapshot(2, word={**ONE, "word['c']": "more"}, empty={}), PARENT, "word")
    assert_inherited(snapshot(2, word={"word['a']": "1"}), PARENT, "word['a']")
    with pytest.raises(AssertionError) as caught:
        assert_inherited(snapshot(2, word={"word['a']": "3"}), PARENT, "word")
    assert str(caught.value) == (
        "the child (pid 2) has not inherited all of word of its parent (pid 1):\n"
        "  word['a']: 1 in the parent, 3 in the child\n"
        "  word['b']: 2 in the parent, (not there) in the child\n"
        "what to do: `python -m pytest_mpcheck inherits` tells what each start method passes on; what it does not, "
        "pass as an argument"
    )


def test_not_inherited_is_what_is_not_there_at_all() -> None:
    assert_not_inherited(snapshot(2, word={"word['a']": "3"}), PARENT, "word")
    with pytest.raises(AssertionError) as caught:
        assert_not_inherited(replace(snapshot(2, word={"word['a']": "1"}), interpreter=7), PARENT, "word")
    assert str(caught.value) == (
        "the child (pid 2, interpreter 7) has inherited some of word of its parent (pid 1):\n"
        "  word['a']: 1 in both\n"
        "what to do: `python -m pytest_mpcheck inherits` tells what each start method passes on; name a place, as in "
        "the lines above, where only a part of a word is meant"
    )


def test_half_of_it_is_neither_inherited_nor_not() -> None:
    half = snapshot(2, word={"word['a']": "1"})
    for check in (assert_inherited, assert_not_inherited):
        with pytest.raises(AssertionError):
            check(half, PARENT, "word")


def test_inherited_order_counts_where_it_means_something() -> None:
    parent = snapshot(1, True, word=dict.fromkeys("ab", "there"))
    assert_inherited(snapshot(2, True, word=dict.fromkeys("xab", "there")), parent, "word")
    with pytest.raises(AssertionError, match="\n  word: all of it is there, in another order\n"):
        assert_inherited(snapshot(2, True, word=dict.fromkeys("ba", "there")), parent, "word")


def test_many_places_are_counted() -> None:
    many = {f"word[{number}]": "1" for number in range(30)}
    with pytest.raises(AssertionError, match=r"\n  word\[9\]: 1 in both\n  \.\.\. and 20 more\nwhat to do"):
        assert_not_inherited(snapshot(2, word=many), snapshot(1, word=many), "word")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param((), r"of no words proves nothing; what to do: name at least one of word, empty", id="none"),
        pytest.param(("wird",), r"'wird', .*parent was not asked .*\(did you mean 'word'\?\)", id="unknown"),
        pytest.param((3,), r"got 3, and the parent was not asked for that; what to do: give a word", id="no text"),
        pytest.param(("word['c']",), r"nothing but .* itself \(did you mean \"word\['.'\]\"\?\), so that", id="place"),
        pytest.param(("empty",), r"'empty', of which the parent \(pid 1\) has .* proves nothing", id="empty"),
        pytest.param(("word",), r"'word', and the child was not asked for that", id="child"),
    ],
)
@pytest.mark.parametrize("check", [assert_inherited, assert_not_inherited])
def test_what_proves_nothing_is_refused(check: Callable[..., None], words: tuple[Any, ...], message: str) -> None:
    child = snapshot(2, empty={}) if words == ("word",) else snapshot(2, word={}, empty={})
    with pytest.raises(ValueError, match=f"^{check.__name__}\\(\\) .*{message}"):
        check(child, PARENT, *words)


def test_what_is_no_pair_of_snapshots_is_refused() -> None:
    with pytest.raises(ValueError, match=r"two snapshots of one and the same thread of pid 1: nobody inherits"):
        assert_inherited(PARENT, PARENT, "word")
    with pytest.raises(TypeError, match=r"got dict as the child, not a Snapshot; what to do: give mp_process\(probe"):
        assert_inherited({}, PARENT, "word")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"got NoneType as the parent, not a Snapshot; what to do: give probe\(\)"):
        assert_not_inherited(PARENT, None, "word")  # type: ignore[arg-type]


def test_what_could_not_be_measured_is_told() -> None:
    with pytest.raises(MpcheckError, match=r"could not be measured in the child \(pid 2\): why; what to do: leave"):
        assert_inherited(snapshot(2, obstacle="why", word={}), PARENT, "word")


# ---------------------------------------------------------------- what a process has


def test_probe_disturbs_nothing() -> None:
    first, second = probe(__name__), probe(__name__)
    assert first.difference(second) == ()
    assert first.process == ProcessId(os.getpid(), first.process.start_token)
    assert first.thread == threading.get_ident()
    assert first.interpreter == 0
    assert list(first.aspects) == [*WORDS, __name__]
    assert not any(aspect.obstacle for aspect in first.aspects.values())


FRESH = """
import os, sys
was_there = "hashlib" in sys.modules  # coverage has it
os.environ["LONG"] = "x" * 2000  # of which there will be a digest
from pytest_mpcheck import probe
one, other = probe(), probe()
print(one.difference(other), "hashlib" in sys.modules, bool(one["sys_modules['hashlib']"]) == was_there)
"""


def test_probe_disturbs_nothing_in_a_fresh_process() -> None:
    """What the look imports for itself is not there for the next look either."""
    told = subprocess.run([sys.executable, "-c", FRESH], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert told == "() True True\n"


def test_given_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    def here() -> Mapping[str, str]:
        return probe(f"{__name__}:LEVELS")[f"{__name__}:LEVELS"]

    assert here() == {f"{__name__}:LEVELS": "dict of 1", f"{__name__}:LEVELS['pear']": "3"}
    monkeypatch.setitem(LEVELS, "pear", 2)
    assert here()[f"{__name__}:LEVELS['pear']"] == "2"
    assert probe(f"{__name__}:NOTHING")[f"{__name__}:NOTHING"] == {}
    for name in ("no.such.module", ""):
        with pytest.raises(ValueError, match=rf"probe\(\) got the name {name!r}, and there is no such module in pid"):
            probe(name)
    with pytest.raises(ValueError, match=r"probe\(\) got <module 'os' .*>, which is no name; what to do: give"):
        probe(os)  # type: ignore[arg-type]


def test_objects_of_two_processes_compare_by_what_they_are() -> None:
    class Plain:
        def __init__(self) -> None:
            self.value = 1

        def method(self) -> None: ...

    one, other = ([Plain(), Plain().method, {Plain(): 1}, lambda: 1] for _ in range(2))
    assert frozen(one, "x", by_identity=False) == frozen(other, "x", by_identity=False)
    assert frozen(one, "x") != frozen(other, "x")
    assert " at 0x" not in str(frozen(one, "x", by_identity=False))
    assert frozen(" at 0x1", "x", by_identity=False) == {"x": "' at 0x1'"}


def test_long_texts_are_kept_short_and_compare() -> None:
    text, other = "x" * 3000, "x" * 1500 + "y" + "x" * 1499
    assert len(frozen(text, "x")["x"]) < 300
    assert frozen(text, "x") == frozen("x" * 3000, "x") != frozen(other, "x")
    assert len(frozen({text: 1, other: 1}, "x")) == 3


def test_value_that_cannot_be_told_is_told_as_such() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise RuntimeError("mute")

    assert frozen(Mute(), "x")["x"].endswith("Mute, whose repr() raised RuntimeError: mute")


def facts(word: str) -> dict[str, str]:
    return dict(aspect_of(word).facts)


def test_environment_without_the_place_in_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPCHECK_TEST", "1")
    assert facts("environ")["environ['MPCHECK_TEST']"] == "'1'"
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert not {"environ['PYTEST_CURRENT_TEST']", "environ['MPCHECK_SCOPE']"}.intersection(facts("environ"))


def test_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert facts("cwd") == {"cwd": repr(str(folder))}
    folder.rmdir()
    assert facts("cwd") == {"cwd": "a folder that is gone (No such file or directory)"}


def test_descriptors_but_for_those_that_every_child_has(mp_start_method: str, mp_process: ProcessFactory) -> None:
    """The resource tracker's pipe is open in each child of `multiprocessing`, whatever its start method."""
    assert mp_process(abs, -1).result() == 1
    read, write = os.pipe()
    try:
        here = facts("descriptors")
        assert re.fullmatch(r"pipe:\[\d+\] \(read\)", here[f"descriptors[{read}]"])
        assert re.fullmatch(r"pipe:\[\d+\] \(write\)", here[f"descriptors[{write}]"])
        assert not any("/dev/null" in text for text in here.values())
        parent, child = probe(), mp_process(probe).result()
    finally:
        os.close(read)
        os.close(write)
    if mp_start_method == "fork":
        assert_inherited(child, parent, f"descriptors[{read}]", f"descriptors[{write}]")
    else:
        assert_not_inherited(child, parent, "descriptors")


def test_descriptor_that_is_closed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_platforms, "descriptors", lambda: {99_999: "pipe:[1] (read)"})
    assert facts("descriptors") == {}


@pytest.fixture
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Handler:
    def __call__(self, *_: object) -> None: ...


@pytest.mark.usefixtures("_handlers")
def test_signal_handlers_that_are_not_as_at_the_start_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    before = facts("signal_handlers")
    signal.signal(signal.SIGUSR1, Handler())
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    real = signal.SIGRTMIN + 5
    signal.signal(real, lambda *_: None)
    try:
        after = facts("signal_handlers")
    finally:
        signal.signal(real, signal.SIG_DFL)
    assert {place: text for place, text in after.items() if place not in before} == {
        "signal_handlers['SIGUSR1']": f"object of {__name__}.Handler",
        "signal_handlers['SIGUSR2']": "ignored",
        "signal_handlers['SIGPIPE']": "the system's default",
        f"signal_handlers['signal {int(real)}']": after[f"signal_handlers['signal {int(real)}']"],
    }
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number == signal.SIGUSR1 else signal.SIG_DFL)
    assert facts("signal_handlers")["signal_handlers['SIGUSR1']"] == "a handler that Python has not set"
    assert facts("signal_handlers")["signal_handlers['SIGUSR2']"] == "ignored"  # as the system has it


def test_signal_handlers_are_out_of_reach_of_another_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_of_the_process, "interpreter_number", lambda: 1)
    assert "objects of the main interpreter" in aspect_of("signal_handlers").obstacle


def test_there_may_be_one_interpreter_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_interpreters", None)
    assert _subinterpreter.interpreter_number() == 0
    monkeypatch.setitem(sys.modules, "_interpreters", types.SimpleNamespace(get_current=lambda: (3, "source")))
    assert _subinterpreter.interpreter_number() == 3


def test_signal_mask() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGRTMIN + 5})
    try:
        here = facts("signal_mask")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert here["signal_mask['SIGUSR1']"] == here[f"signal_mask['signal {signal.SIGRTMIN + 5}']"] == "blocked"


def test_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    before = locale.setlocale(locale.LC_CTYPE)
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        assert facts("locale_settings") == {}
        monkeypatch.setenv("LANG", "C.UTF-8")
        assert facts("locale_settings") == {"locale_settings['LC_CTYPE']": "'C'"}
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    monkeypatch.setattr(_of_the_process, "import_quietly", lambda _: types.SimpleNamespace())
    assert facts("locale_settings") == {}


def test_finders_and_filters() -> None:
    class Finder:
        def find_spec(self, *_: object) -> None: ...

    before = set(facts("meta_path"))
    sys.meta_path.append(Finder())
    try:
        assert {place for place in facts("meta_path") if place not in before} == {
            f"meta_path['{__name__}.{Finder.__qualname__}']"
        }
    finally:
        sys.meta_path.pop()
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert facts("warning_filters") == {}
        warnings.filterwarnings("ignore", message="text", category=pytest.PytestWarning, module="module", lineno=3)
        warnings.simplefilter("error", append=True)
        assert list(facts("warning_filters")) == [
            "warning_filters['ignore:text:pytest.PytestWarning:module:3']",
            "warning_filters['error::Warning']",
        ]


def test_log_handlers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logger = logging.getLogger("mpcheck.test")
    handlers = [
        logging.StreamHandler(sys.__stderr__),
        logging.FileHandler(tmp_path / "log", delay=True),
        logging.StreamHandler(types.SimpleNamespace(write=print)),
        logging.Handler(),
        logging.NullHandler(),
    ]
    monkeypatch.setattr(logger, "handlers", handlers)
    assert facts("log_handlers") == {
        "log_handlers['mpcheck.test logging.StreamHandler']": "level 0; to <stderr>",
        "log_handlers['mpcheck.test logging.FileHandler']": f"level 0; to {tmp_path / 'log'}",
        "log_handlers['mpcheck.test logging.StreamHandler 2']": "level 0; to SimpleNamespace",
        "log_handlers['mpcheck.test logging.Handler']": "level 0",
    }
    monkeypatch.delitem(sys.modules, "logging")
    assert facts("log_handlers") == {}


def test_threads_and_locks() -> None:
    over = threading.Event()
    names = ("one", "one", "mpcheck-ours", "pytest_timeout x")
    threads = [threading.Thread(target=over.wait, name=name, daemon=True) for name in names]
    with LOCK, RECURSIVE:
        for thread in threads:
            thread.start()
        try:
            assert facts("threads")["threads['one']"] == "runs, daemon, daemon"
            assert not any("mpcheck" in place or "pytest_timeout" in place for place in facts("threads"))
            assert {place: text for place, text in facts("held_locks").items() if __name__ in place} == {
                f"held_locks['{__name__}:LOCK']": "held lock",
                f"held_locks['{__name__}:RECURSIVE']": "held RLock",
            }
        finally:
            over.set()
            for thread in threads:
                thread.join()
    assert not any(__name__ in place for place in facts("held_locks"))


def test_what_has_no_namespace_has_no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpcheck_no_module", 3)
    assert isinstance(facts("held_locks"), dict)


VARIABLE: ContextVar[list[int]] = ContextVar("mpcheck_test")


def test_context_of_the_thread() -> None:
    token = VARIABLE.set([1])
    with decimal.localcontext() as context:
        context.prec = 5
        context.traps[decimal.Inexact] = True
        context.flags[decimal.Rounded] = True
        here, fields = facts("context_variables"), facts("decimal_context")
        context.traps = dict.fromkeys(context.traps, False)
        assert facts("decimal_context")["decimal_context.traps"] == "none"
    VARIABLE.reset(token)
    assert here["context_variables['mpcheck_test'][0]"] == "1"
    assert not any("decimal" in place for place in here)
    assert fields == {
        "decimal_context.prec": "5",
        "decimal_context.traps": "DivisionByZero, Inexact, InvalidOperation, Overflow",
        "decimal_context.flags": "Rounded",
    }


def test_event_loops() -> None:
    loop = asyncio.new_event_loop()

    async def look() -> dict[str, str]:
        return facts("event_loop")

    try:
        running = loop.run_until_complete(look())
    finally:
        loop.close()
    assert re.fullmatch(r"open \w+ at 0x[0-9a-f]+", running["event_loop['running']"])
    asyncio.set_event_loop(loop)
    try:
        assert facts("event_loop")["event_loop['set']"] == running["event_loop['running']"].replace("open", "closed")
    finally:
        asyncio.set_event_loop(None)


@pytest.mark.parametrize(
    ("word", "module"),
    [
        ("random_state", "random"),
        ("numpy_random_state", "numpy.random"),
        ("torch_random_state", "torch"),
        ("decimal_context", "decimal"),
        ("event_loop", "asyncio.events"),
    ],
)
def test_library_that_is_not_imported_has_no_state(word: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    assert facts(word) == {}
    assert module not in sys.modules


def test_library_that_is_just_being_imported_has_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    assert facts("torch_random_state") == {}


# ---------------------------------------------------------------- the words, watched here


CHANGES: dict[str, Callable[[], object]] = {
    "umask": lambda: os.umask(0o077),
    "environ['MPCHECK_TEST']": lambda: os.environ.update(MPCHECK_TEST="2"),
    "sys_path": lambda: sys.path.append("somewhere"),
    "held_locks": LOCK.acquire,
}


@pytest.fixture
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MPCHECK_TEST", "1")
    monkeypatch.syspath_prepend("nowhere")
    mask = os.umask(0o022)
    yield
    os.umask(mask)
    if LOCK.locked():
        LOCK.release()


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize(("word", "change"), CHANGES.items(), ids=CHANGES.keys())
def test_words_are_watched(word: str, change: Callable[[], object]) -> None:
    with assert_isolated(word):
        pass
    with (
        pytest.raises(AssertionError, match=rf"worked:\n  {word.partition('[')[0]}.*: was .*, is "),
        assert_isolated(word),
    ):
        change()


def test_watched_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, "one", "two"])
    with (
        pytest.raises(AssertionError, match="  sys_path: all of it is there, in another order"),
        assert_isolated("sys_path"),
    ):
        sys.path[-2:] = "two", "one"


def test_watched_words_that_starting_children_adds_to(mp_process: ProcessFactory, mp_start_method: str) -> None:
    read, write = os.pipe()
    with assert_isolated("descriptors", "threads", "sys_modules"):
        extra = os.dup(read)
        assert mp_process(abs, -1).result() == 1
    with pytest.raises(AssertionError, match=rf"descriptors\[{write}\]: was pipe"), assert_isolated("descriptors"):
        os.close(write)
    os.close(read)
    os.close(extra)


def test_watched_places_are_counted() -> None:
    many = list(range(100))
    with (
        pytest.raises(AssertionError, match=r"\n  \.\.\. and 81 more\nwhat to do: hand the worker a copy"),
        assert_isolated(many),
    ):
        many.clear()


def test_watched_word_that_cannot_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_of_the_process, "interpreter_number", lambda: 1)
    with pytest.raises(MpcheckError, match=r"got 'signal_handlers', which cannot be measured in pid \d+: the handlers"):
        assert_isolated("signal_handlers").__enter__()


def test_watched_word_with_a_slip_of_the_pen() -> None:
    with pytest.raises(ValueError, match=r"nothing to watch under 'enviro' .*did you mean 'environ'\? give 'module'"):
        assert_isolated("enviro").__enter__()
