"""What nobody is to pay for: modules, hooks, descriptors and looks that a run, a test or a child has no use for."""

from __future__ import annotations

import copy
import dataclasses
import gc
import io
import math
import os
import pickle
import pprint
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import _platforms
from pytest_mpcheck._children import _process
from pytest_mpcheck._children._echo import Echo
from pytest_mpcheck._children._station import Station
from pytest_mpcheck._clock import Deadline
from pytest_mpcheck._record import record
from pytest_mpcheck.fixtures import ProcessFactory

START = {
    "pytest_mpcheck",
    *(
        f"pytest_mpcheck.{name}"
        for name in (
            "_bad_setting",
            "_config",
            "_options",
            "_platform_offers",
            "_record",
            "_settings",
            "_values",
            "fixtures",
            "plugin",
        )
    ),
}
"""The modules that a run without a test that starts workers imports because of the plugin."""

LIST_MODULES = """
import sys
import pytest
assert pytest.main(["-q", *sys.argv[1:]]) == 0
print("modules", *sys.modules)
"""


def modules_of_a_run(pytester: pytest.Pytester, *arguments: str) -> set[str]:
    result = pytester.run(sys.executable, "-c", LIST_MODULES, *arguments)
    (line,) = (line for line in result.outlines if line.startswith("modules "))
    return set(line.split()[1:])


def test_run_without_mp_tests_imports_nothing_for_them(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(tmp_path): pass")
    without = modules_of_a_run(pytester, "-p", "no:mpcheck")
    assert modules_of_a_run(pytester) - without == START


ATTENDED = """
    import pytest

    {first}

    def test_other(pytestconfig):
        assert pytestconfig.pluginmanager.has_plugin("mpcheck_attendant") == {is_attended}
    """


@pytest.mark.parametrize(
    ("first", "is_attended"),
    [
        ("def test_first(): pass", False),
        ("def test_first(mp_start_method, mp_process): mp_process(abs, 1).result()", True),
        ("def test_first(mp_history): assert mp_history.names == ()", True),
        ("def test_first(request): assert request.getfixturevalue('mp_history').names == ()", True),
        ("@pytest.mark.mp\n    def test_first():\n        import os\n        os.system('exit')", True),
        ("class TestIt:\n        pytestmark = pytest.mark.skip\n        def test_first(self): pass", False),
    ],
    ids=["no worker", "fixture", "history", "history of its own code", "marker", "other marker"],
)
def test_tests_are_attended_once_one_needs_it(pytester: pytest.Pytester, first: str, *, is_attended: bool) -> None:
    pytester.makepyfile(ATTENDED.format(first=first, is_attended=is_attended))
    result = pytester.runpytest("--mp-start-methods=spawn")
    assert result.ret == 0


def held() -> tuple[int, int]:
    gc.collect()  # earlier tests may have left processes to it
    return len(_platforms.descriptors()), threading.active_count()


def test_children_that_have_ended_hold_nothing(mp_process: ProcessFactory) -> None:
    first = mp_process(abs, -1)
    first.join()
    before = held()
    children = [mp_process(abs, -number) for number in range(9)]
    assert [child.result() for child in children] == [*range(9)]
    assert held() == before
    if sys.platform != "win32":  # there the sentinel is the process
        sentinels = [child.process.sentinel for child in children]
        assert wait(sentinels, 0) == sentinels
        os.close(sentinels[0])
        assert wait(sentinels, 0) == sentinels
        assert os.read(sentinels[0], 1) == b""
        del sentinels
    first.process.close()
    assert first.result() == 1
    children.clear()


def test_test_may_have_closed_what_a_child_is_waited_for_by(mp_process: ProcessFactory) -> None:
    child = mp_process(abs, -1)
    child.process.join()
    os.close(child.process.sentinel)
    assert child.result() == 1


def test_the_end_of_a_child_is_told_and_not_looked_for(
    mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = _platforms.exit_handle(os.getpid())
    if handle is None:
        pytest.skip("without a handle of the process nothing tells its end but its sentinel, which comes a bit earlier")
    os.close(handle)

    def at_once(condition: Callable[[], bool], deadline: Deadline) -> bool:
        assert condition() or deadline.passed()  # the waits for a child come in slices, of which one may be over
        return condition()

    monkeypatch.setattr(_process, "wait_until", at_once)
    assert [mp_process(abs, -number).result() for number in range(5)] == [*range(5)]


def test_those_who_rest_are_looked_at_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := io.StringIO())
    echo = Echo(lambda: "streams")
    stations = [Station(str(tmp_path), number) for number in range(20)]
    for station in stations:
        echo.add(station)
        Path(station.path("stdout")).write_text(f"{station.number} ")
    echo.pump()
    assert terminal.getvalue().split() == [str(number) for number in range(20)]
    for station in stations:
        echo.rest(station)
        echo.rest(station)
        with open(station.path("stdout"), "a") as file:
            file.write(f"late{station.number} ")
    echo.pump()
    told = terminal.getvalue().count("late")
    assert 0 < told < 20
    for _ in range(1, math.ceil(20 / told)):
        echo.pump()
    assert sorted(terminal.getvalue().split()[20:]) == sorted(f"late{number}" for number in range(20))
    Path(stations[7].path("stderr")).write_text("last")
    monkeypatch.setattr(sys, "stderr", errors := io.StringIO())
    echo.pump(everybody=True)
    assert errors.getvalue() == "last"


@record(frozen=True, slots=True)
class Light:
    """A record."""

    one: int
    two: str = "two"

    @property
    def both(self) -> str:
        return f"{self.one} {self.two}"


@dataclasses.dataclass(frozen=True, slots=True)
class Heavy:
    """A data class."""

    one: int
    two: str = "two"


@record(frozen=True, slots=True)
class Single:
    """A record of one field."""

    one: object


def test_record_is_a_data_class() -> None:
    light: Any = Light(1)
    heavy: Any = Heavy(1)
    assert repr(light) == repr(heavy).replace("Heavy", "Light") == "Light(one=1, two='two')"
    assert light == Light(one=1, two="two")
    assert light != Light(2)
    assert light != heavy
    assert hash(light) == hash(Light(1)) == hash(heavy)
    assert light.both == "1 two"
    assert Light.__doc__ == "A record."
    assert Light.__match_args__ == Heavy.__match_args__ == Light.__slots__
    assert not hasattr(light, "__dict__")
    assert pickle.loads(pickle.dumps(light)) == copy.copy(light) == copy.deepcopy(light) == light
    assert dataclasses.replace(light, one=3) == Light(3)
    assert light.__replace__(two="2") == Light(1, "2")
    assert dataclasses.asdict(light) == dataclasses.asdict(heavy)
    assert [(field.name, field.type, field.default) for field in dataclasses.fields(light)] == [
        (field.name, field.type, field.default) for field in dataclasses.fields(heavy)
    ]
    assert pprint.pformat([light] * 9) == pprint.pformat([heavy] * 9).replace("Heavy", "Light")
    assert Single([1]) == Single([1])
    assert pickle.loads(pickle.dumps(Single("x"))) == Single("x")


@pytest.mark.parametrize("kind", [Light, Heavy], ids=["record", "data class"])
def test_record_refuses_what_a_data_class_refuses(kind: Any) -> None:
    made = kind(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'one'"):
        made.one = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'two'"):
        del made.two
    for args, kwargs in (((), {}), ((1, "", 3), {}), ((1,), {"one": 2}), ((), {"one": 1, "three": 3})):
        with pytest.raises(TypeError, match=rf"{kind.__name__}"):
            kind(*args, **kwargs)
