"""A test takes hold of processes where they arrive: it stops one there, lets it go on, kills it, delays it."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from multiprocessing.pool import Pool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mpcheck import ChildDied, ChildStuck, MpcheckError, Stuck, assert_exited, checkpoint, span
from pytest_mpcheck._history import _wanted
from pytest_mpcheck._history._rules import rules_path
from pytest_mpcheck._words import RAISE_THE_LIMIT
from pytest_mpcheck.fixtures import ProcessFactory


def names_of(history: Any) -> list[str]:
    return [event.name for event in history.events()]


def taken(history: Any) -> Path:
    return Path(history._recording.folder, "taken")


def arrive(*names: str) -> str:
    for name in names:
        checkpoint(name, pid=os.getpid())
    return "went on"


def work() -> None:
    with span("work", step=1):
        checkpoint("inside")


def arrive_when(go: Any, name: str) -> None:
    go.wait()
    checkpoint(name)


def arrive_as_task(name: str) -> int:
    checkpoint(name)
    return os.getpid()


class TestHold:
    def test_process_stops_where_it_arrives_until_it_is_released(
        self, mp_process: ProcessFactory, mp_history: Any
    ) -> None:
        held = mp_history.hold("here")
        assert repr(held) == "<Hold at 'here', not reached>"
        child = mp_process(arrive, "before", "here", "after")
        event = held.wait()
        assert (event.process.pid, event.name, event.data) == (child.pid, "here", {"pid": child.pid})
        assert repr(held) == f"<Hold at 'here', reached by {child.name!r} (pid {child.pid})>"
        checkpoint("released")
        held.release()
        held.release()
        assert repr(held).endswith(", let go>")
        assert child.result() == "went on"
        assert names_of(mp_history) == ["before", "here", "released", "after"]

    def test_process_stops_at_begin_of_span(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        with mp_history.hold("work") as held:
            child = mp_process(work)
            assert held.wait().kind == "begin"
            checkpoint("seen")
        child.result()
        assert names_of(mp_history) == ["work", "seen", "inside", "work"]

    def test_one_alone_stops_though_many_arrive(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        children = [mp_process(arrive, "here", "after") for _ in range(3)]
        event = held.wait()
        for child in children:
            if child.pid != event.process.pid:
                child.result()
        assert len(mp_history.events("after")) == 2
        held.release()

    def test_holds_of_one_name_serve_in_the_order_of_making(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        first, second, third = (mp_history.hold("here") for _ in range(3))
        first.release()  # the first arrival does not stop
        child = mp_process(arrive, "here", "here", "here", "after")
        second.wait()
        assert len(mp_history.events("here")) == 2
        second.release()
        third.wait()
        assert names_of(mp_history) == ["here"] * 3
        third.release()
        child.result()
        first.wait()

    @pytest.mark.parametrize("who", ["child", "process", "pid", "name"])
    def test_hold_may_be_meant_for_one_process(
        self, mp_process: ProcessFactory, mp_context: Any, mp_history: Any, who: str
    ) -> None:
        go = mp_context.Event()
        one = mp_process(arrive_when, go, "here", name="one")
        other = mp_process(arrive_when, go, "here", name="other")
        held = mp_history.hold(
            "here", process={"child": one, "process": one.process, "pid": one.pid, "name": "one"}[who]
        )
        go.set()
        assert held.wait().process.pid == one.pid
        other.result()
        assert one.is_alive()
        held.release()

    def test_what_was_waited_for_and_what_was_done_before_the_release_came_before(
        self, mp_process: ProcessFactory, mp_history: Any
    ) -> None:
        with mp_history.hold("here") as held:
            child = mp_process(arrive, "here", "after")
            held.wait()
            checkpoint("meanwhile")
        child.result()
        chronicle = mp_history._recording.chronicle()
        here, meanwhile, after = (mp_history.events(name)[0] for name in ("here", "meanwhile", "after"))
        arrival, release = (link for link in chronicle.links if link.kind == "hold")
        assert arrival.before == here.id
        assert arrival.after < meanwhile.id
        assert release.before >= meanwhile.id
        assert here.id < release.after < after.id

    def test_held_process_can_be_killed(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here")
        held.wait()
        child.kill()
        child.join()
        mp_history.let_go()  # nobody is held any more

    def test_thread_that_made_the_hold_is_not_stopped(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        mp_history.kill_at("here")
        mp_history.delay("here", 1000)
        checkpoint("here")
        thread = threading.Thread(target=checkpoint, args=("here",), daemon=True)
        thread.start()
        assert held.wait().thread == thread.ident
        held.release()
        mp_history.close()
        assert mp_process(arrive, "here").result() == "went on"

    def test_arrival_that_the_log_has_dropped_meanwhile_is_known_all_the_same(
        self, mp_process: ProcessFactory, mp_history: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here")
        recorded = held.wait()
        monkeypatch.setattr(mp_history._recording, "chronicle", lambda: SimpleNamespace(events=()))
        event = held.wait()
        assert (event.process, event.sequence, event.name) == (recorded.process, recorded.sequence, "here")
        assert event.thread == recorded.thread
        assert event.at >= recorded.at
        other = replace(recorded, thread=recorded.thread + 1)  # of another interpreter of the process
        monkeypatch.setattr(mp_history._recording, "chronicle", lambda: SimpleNamespace(events=(other, recorded)))
        assert held.wait() is recorded
        held.release()
        child.result()

    def test_holds_that_threads_make_at_once_are_all_kept(
        self, mp_history: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        holds: list[Any] = []
        made, over = threading.Event(), threading.Event()

        def make_another() -> None:
            holds.append(mp_history.hold("second"))
            made.set()
            over.wait()  # so that nobody gets its number, who would count as the maker

        def interrupted(*args: Any) -> str:
            monkeypatch.setattr(_wanted, "rules_path", rules_path)
            thread.start()
            made.wait(0.1)  # it comes after us, or it is through by then
            return rules_path(*args)

        thread = threading.Thread(target=make_another)
        monkeypatch.setattr(_wanted, "rules_path", interrupted)
        first = mp_history.hold("first")
        made.wait()
        for name, held in [("first", first), ("second", *holds)]:
            arriving = threading.Thread(target=checkpoint, args=(name,))
            arriving.start()
            held.wait()
            held.release()
            arriving.join()
        over.set()
        thread.join()


class TestBackends:
    def test_any_worker_can_be_held(self, mp_process: ProcessFactory, mp_backend: str, mp_history: Any) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here", "after")
        held.wait()
        assert child.is_alive()
        assert mp_history.events("after") == ()
        held.release()
        assert child.result() == "went on"

    def test_hold_may_be_meant_for_one_worker(
        self, mp_process: ProcessFactory, mp_backend: str, mp_history: Any
    ) -> None:
        first = mp_history.hold("first")
        one = mp_process(arrive, "first", "here")
        first.wait()
        held = mp_history.hold("here", process=one)
        assert mp_process(arrive, "first", "here").result() == "went on"
        first.release()
        assert held.wait().process.pid == one.pid
        held.release()

    def test_task_of_a_pool_can_be_held(self, mp_pool: Callable[..., Pool], mp_history: Any) -> None:
        held = mp_history.hold("here")
        pool = mp_pool(2)
        results = pool.map_async(arrive_as_task, ["here", "there"], chunksize=1)
        pid = held.wait().process.pid
        assert pool.apply(arrive_as_task, ("other",)) != pid
        assert not results.ready()
        held.release()
        assert pid in results.get()

    def test_task_of_an_executor_can_be_held(self, mp_executor: Callable[..., Executor], mp_history: Any) -> None:
        held = mp_history.hold("here")
        executor = mp_executor(2)
        future = executor.submit(arrive_as_task, "here")
        pid = held.wait().process.pid
        assert not future.done()
        held.release()
        assert future.result() == pid


class TestKill:
    def test_next_process_that_arrives_is_killed_and_no_other(
        self, mp_process: ProcessFactory, mp_history: Any
    ) -> None:
        mp_history.kill_at("here")
        victim = mp_process(arrive, "before", "here", "after")
        victim.join()
        assert_exited(victim, signal="SIGKILL")
        assert names_of(mp_history) == ["before", "here"]
        assert mp_process(arrive, "here", "after").result() == "went on"

    def test_worker_of_a_pool_is_killed(self, mp_pool: Callable[..., Pool], mp_history: Any) -> None:
        mp_history.kill_at("here")
        with pytest.raises(ChildDied, match="ended by SIGKILL"):
            mp_pool(2).map(arrive_as_task, ["here"])

    def test_one_process_is_killed(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        mp_history.kill_at("here", process="victim")
        assert mp_process(arrive, "here", name="survivor").result() == "went on"
        victim = mp_process(arrive, "here", name="victim")
        victim.join()
        assert victim.exitcode == -signal.SIGKILL


class TestDelay:
    def test_each_arrival_waits(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        mp_history.delay("here", 0.05)
        assert mp_process(arrive, "here", "after", "here", "after").result() == "went on"
        moments = [event.at for event in mp_history.events()]
        assert all(moments[number + 1] - moments[number] >= 50_000_000 for number in (0, 2))

    def test_delay_is_no_hold_and_goes_with_one(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        mp_history.delay("here", 0.01, process="late")
        held = mp_history.hold("here")
        child = mp_process(arrive, "here", name="late")
        held.wait()
        held.release()
        child.result()
        mp_history.settle()


class TestDeadline:
    def test_hold_that_is_not_reached_says_what_was(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("reserved", process="buyer")
        mp_process(arrive, "begin", "reserve", "reserve", name="buyer").result()
        with pytest.raises(MpcheckError) as caught:
            held.wait(0.1)
        assert re.sub(r"at \S*test_holds.py:\d+", "at test_holds.py:1", str(caught.value)).splitlines() == [
            "hold('reserved') for process 'buyer' was not reached within 0.1 s",
            "it was made at test_holds.py:1 in test_hold_that_is_not_reached_says_what_was",
            "names that were seen: 'reserve' (2 times), 'begin'; the nearest is 'reserve'",
            "what to do: make it before the process comes by, and wait where the process does come by, or "
            + RAISE_THE_LIMIT,
        ]

    def test_hold_that_another_one_passed_says_who(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here", process="nobody")
        child = mp_process(arrive, "here", name="somebody")
        child.result()
        mp_history._recording.timeout = 0.1
        with pytest.raises(MpcheckError, match=rf"'here' was passed by 'somebody' \(pid {child.pid}\): before it"):
            held.wait()

    def test_hold_for_a_child_that_has_ended_is_not_waited_for(
        self, mp_process: ProcessFactory, mp_history: Any
    ) -> None:
        child = mp_process(abs, -1)
        held = mp_history.hold("here", process=child)
        with pytest.raises(
            MpcheckError, match=rf"for child {child.name!r} \(pid {child.pid}\) was not reached before its end\n"
        ) as caught:
            held.wait(1000)
        assert "nothing was recorded in this test" in str(caught.value)
        assert "raise the limit" not in str(caught.value)

    def test_many_names_are_not_all_told(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        mp_process(arrive, *(f"name {number}" for number in range(25))).result()
        with pytest.raises(MpcheckError, match=r"not reached within 0 s\n(.*\n)+.*'name 19' and 5 more\n"):
            held.wait(0)

    def test_held_process_goes_on_with_an_error(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        mp_history._recording.timeout = 0.1
        held = mp_history.hold("here")
        child = mp_process(arrive, "here")
        held.wait(20)
        with pytest.raises(MpcheckError) as caught:
            child.result()
        message = str(caught.value)
        assert message.startswith("held at 'here' for 0.1 s, and nobody has let it go on\n")
        assert f"it was process {child.name!r} (pid {child.pid}); the hold was made at " in message
        assert "test_holds.py:" in message
        assert "what to do: release it in time" in message

    def test_stuck_child_tells_that_it_is_held_and_is_no_deadlock(
        self, mp_process: ProcessFactory, mp_history: Any
    ) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here")
        held.wait()
        with pytest.raises(ChildStuck) as caught:
            child.join(1)
        assert "was still running after 1 s" in str(caught.value)
        (fact,) = caught.value.report.facts
        assert fact.startswith("it is held at 'here' by the hold made at ")
        assert fact in str(caught.value)

    def test_stuck_worker_tells_that_it_is_held(self, mp_executor: Callable[..., Any], mp_history: Any) -> None:
        with mp_history.hold("here") as held:
            executor = mp_executor(1)
            future = executor.submit(arrive_as_task, "here")
            held.wait()
            (worker,) = executor._roster.members
            (fact,) = worker.report(stuck=Stuck(1)).facts
            assert fact.startswith("it is held at 'here' by the hold made at ")
        future.result()


class TestEnd:
    def test_hold_that_nobody_released_is_told_and_let_go(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        later = mp_history.hold("later")
        child = mp_process(arrive, "here", "later")
        held.wait()
        with pytest.raises(MpcheckError) as caught:
            mp_history.let_go()
        message = str(caught.value)
        assert message.startswith(
            f"hold('here') was never released: process {child.name!r} (pid {child.pid}) was still held there at the end"
        )
        assert "what to do: release it" in message
        assert child.result() == "went on"
        later.wait()

    def test_what_was_never_reached_is_told(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        mp_history.hold("a")
        mp_history.kill_at("b", process=os.getpid())
        mp_history.delay("c", 0.5)
        mp_history.hold("here").release()
        mp_process(arrive, "here").result()
        with pytest.raises(MpcheckError) as caught:
            mp_history.settle()
        told = re.findall(r"^(.*) was never reached; it was made at .*test_holds.py:", str(caught.value), re.M)
        assert told == ["hold('a')", f"kill_at('b') for process {os.getpid()}", "delay('c', 0.5)"]
        assert "what to do: correct the name" in str(caught.value)

    def test_everybody_is_let_go_whatever_becomes_of_the_test(
        self, mp_process: ProcessFactory, mp_history: Any
    ) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here", "here")
        held.wait()
        mp_history.hold("here")
        mp_history.close()
        mp_history.close()
        assert child.result() == "went on"

    def test_process_goes_on_when_the_folder_has_gone(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here")
        held.wait()
        (taken(mp_history) / f"{mp_history._recording.epoch}-1").unlink()
        assert child.result() == "went on"
        mp_history.close()  # nobody knows any more that it was reached


class TestDamage:
    @pytest.mark.parametrize("content", [b"", b"nonsense", b"i\x07\0\0\0", b"{0"])
    def test_damaged_rules_bind_nobody(self, mp_process: ProcessFactory, mp_history: Any, content: bytes) -> None:
        mp_history.hold("here")
        (rules,) = taken(mp_history).glob("rules-*")
        rules.write_bytes(content)
        assert mp_process(arrive, "here").result() == "went on"
        mp_history.close()

    @pytest.mark.parametrize("content", [b"", b"nonsense", b"i\x07\0\0\0", b"(\x01\0\0\0N"])
    def test_who_has_not_yet_said_that_it_is_held_is_waited_for(
        self, mp_process: ProcessFactory, mp_history: Any, content: bytes
    ) -> None:
        held = mp_history.hold("here")
        (taken(mp_history) / f"{mp_history._recording.epoch}-1").write_bytes(content)
        assert mp_process(arrive, "here").result() == "went on"
        with pytest.raises(MpcheckError, match="was not reached within"):
            held.wait(0.01)

    def test_damaged_release_lets_go(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        held = mp_history.hold("here")
        child = mp_process(arrive, "here")
        held.wait()
        (taken(mp_history) / f"{mp_history._recording.epoch}-1.go").write_bytes(b"nonsense")
        assert child.result() == "went on"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda history: history.hold(""), "'' is no name of a checkpoint; what to do: give the text"),
        (lambda history: history.kill_at(7), "7 is no name of a checkpoint"),
        (lambda history: history.hold("a", process=""), "'' is no process that has started; what to do: give a Child"),
        (lambda history: history.hold("a", process=True), "True is no process"),
        (lambda history: history.hold("a", process=1.5), "1.5 is no process"),
        (lambda history: history.hold("a", process=threading.Thread()), "is no process that has started"),
        (lambda history: history.delay("a", -1), r"delay\('a', -1\): that is no time to wait; what to do: give sec"),
        (lambda history: history.delay("a", float("inf")), "that is no time"),
        (lambda history: history.delay("a", float("nan")), "that is no time"),
        (lambda history: history.delay("a", "1"), "that is no time"),
        (lambda history: history.delay("a", True), "that is no time"),
    ],
)
def test_what_makes_no_sense_is_refused(mp_history: Any, call: Callable[[Any], object], words: str) -> None:
    with pytest.raises(MpcheckError, match=words):
        call(mp_history)
    mp_history.settle()


def test_at_its_end_a_test_owes_what_it_wanted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        from pytest_mpcheck import checkpoint

        def arrive():
            checkpoint("here")

        def test_never_reached(mp_process, mp_history):
            mp_history.kill_at("there")
            mp_process(arrive)

        def test_never_released(mp_process, mp_history):
            held = mp_history.hold("here")
            mp_process(arrive)
            held.wait()

        def test_failed_for_another_reason(mp_process, mp_history):
            mp_history.hold("there")
            held = mp_history.hold("here")
            mp_process(arrive)
            held.wait()
            assert held is None

        def test_reached_after_the_end_of_its_own_code(mp_process, mp_history):
            mp_history.delay("here", 0.001)
            mp_process(arrive)

        def test_next_one_is_free(mp_process, mp_history):
            mp_process(arrive).result()
            assert [event.name for event in mp_history.events()] == ["here"]
        """
    )
    result = pytester.runpytest_subprocess("--mp-start-methods=fork", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*kill_at('there') was never reached; it was made at test_it.py:7 in test_never_reached",
            "*names that were seen: 'here'*",
            "*what to do: correct the name*",
            "*hold('here') was never released: process 'ForkProcess-*' (pid *) was still held there at the end *",
            "*assert <Hold at 'here', reached by 'ForkProcess-*' (pid *)> is None",
        ]
    )
    result.stdout.no_fnmatch_line("*hold('there') was never*")


def test_examples_of_the_docs(pytester: pytest.Pytester) -> None:
    text = (Path(__file__).parents[1] / "docs" / "history.md").read_text(encoding="utf-8")
    section = text.partition("\n## Taking hold\n")[2].partition("\n## ")[0]
    pytester.makepyfile(*re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    result = pytester.runpytest_subprocess("--mp-start-methods=fork,spawn", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
