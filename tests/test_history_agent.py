"""What waits in a child until there is something to record: it is never in the way."""

from __future__ import annotations

import multiprocessing
import multiprocessing.spawn
import os
import sys
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

import pytest

from pytest_mpcheck import History, checkpoint
from pytest_mpcheck._history import _attach, _log
from pytest_mpcheck._history._agent import arrive
from pytest_mpcheck._history._messages import MAGIC

STAMPED = b"I7\n." + b"stamp" + len(b"stamp").to_bytes(2, "little") + MAGIC


class Host:
    """A process that an agent has come to; what it calls is written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        note = self.calls.append

        def find(agent: Any) -> None:
            note("find")
            agent[1]()

        def begin(start: Any, process: object) -> None:
            note("attached")
            start(process)

        monkeypatch.setattr(BaseProcess, "start", lambda process: note("start"))
        monkeypatch.setattr(ForkingPickler, "loads", staticmethod(lambda data: note("loads")))
        monkeypatch.setattr(_attach, "find", find)
        monkeypatch.setattr(_attach, "receive", lambda data: note("receive"))
        monkeypatch.setattr(_attach, "start", begin)
        self.before = self.now()

    def now(self) -> tuple[Any, Any]:
        return BaseProcess.start, ForkingPickler.loads


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def start() -> None:
    BaseProcess.start(multiprocessing.current_process())


def test_agent_waits_for_a_start(host: Host) -> None:
    arrive((), MAGIC, False)
    ForkingPickler.loads(b"I7\n.")
    assert host.calls == ["loads"]
    assert host.now() != host.before
    start()
    assert host.calls == ["loads", "find", "attached", "start"]
    assert host.now() == host.before


def test_agent_waits_for_a_message(host: Host) -> None:
    arrive((), MAGIC, False)
    ForkingPickler.loads(STAMPED)
    assert host.calls == ["find", "receive", "loads"]
    assert host.now() == host.before


def test_agent_need_not_wait(host: Host) -> None:
    arrive((), MAGIC, True)
    assert host.calls == ["find"]
    assert host.now() == host.before


@pytest.mark.parametrize("is_start", [True, False])
def test_agent_goes_where_the_package_is_not_found(
    host: Host, monkeypatch: pytest.MonkeyPatch, *, is_start: bool
) -> None:
    arrive((), MAGIC, False)
    monkeypatch.setitem(sys.modules, "pytest_mpcheck._history", None)
    if is_start:
        start()
    else:
        ForkingPickler.loads(STAMPED)
    assert host.calls == ["start" if is_start else "loads"]
    assert host.now() == host.before


def test_agent_leaves_alone_what_others_have_replaced(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _, leave = arrive((), MAGIC, False)
    monkeypatch.setattr(BaseProcess, "start", None)
    monkeypatch.setattr(ForkingPickler, "loads", None)
    leave()
    assert host.now() == (None, None)


@pytest.mark.parametrize("method", [name for name in multiprocessing.get_all_start_methods() if name != "fork"])
def test_child_of_another_python_is_given_no_code(
    mp_history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, method: str
) -> None:
    context: Any = multiprocessing.get_context(method)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "other"))
    checkpoint("before")
    process = context.Process(target=checkpoint, args=("work",))
    process.start()
    process.join()
    mp_history.assert_happens_before("before", "work")


def test_place_that_is_found_twice_is_kept(mp_history: History) -> None:
    folder = _log.given()[0]
    _attach.find(((os.devnull, 1, None, None), None))
    assert _log.given()[0] == folder is not None


@pytest.mark.parametrize(
    ("address", "given"),
    [
        (("folder",), ("folder",)),
        (("a", "folder", "65536", "", "", "-1"), (os.pathsep.join(("a", "folder")), 65536, None, None)),
        (("folder", "65536", "7", "1-2", "3"), ("folder", 65536, 7, ("1-2", 3))),
    ],
)
def test_address_in_the_environment_is_read(address: tuple[str, ...], given: tuple[Any, ...]) -> None:
    assert _attach._read(os.pathsep.join(address)) == given
