"""Who owns what was made, while tests and fixtures of wider scope overlap."""

from __future__ import annotations

import threading
import weakref

import pytest

from pytest_mpcheck._guard._ownership import Ownership, Tenure
from pytest_mpcheck._guard._watcher import Made, Span


class World:
    """Things that are there, and an ownership that looks at them."""

    def __init__(self) -> None:
        self.things: set[str] = set()
        self.looks = 0
        self.ownership = Ownership(self.look)

    def look(self) -> tuple[frozenset[str]]:
        self.looks += 1
        return (frozenset(self.things),)

    def test(self) -> Tenure:
        self.ownership.test = Tenure(Span("test", "function", "test"))
        return self.ownership.test

    def fixture(self, name: str, *, settled: bool = True) -> Tenure:
        """Set a fixture up that makes a thing of its own name."""
        tenure = Tenure(Span(f"fixture {name}", "session", "test"))
        self.ownership.enter(tenure)
        self.make(name)
        if settled:
            self.ownership.settle(tenure)
        return tenure

    def make(self, name: str, made: Made | None = None) -> Tenure | None:
        made = made or Made("pipe", "there")
        owner = self.ownership.owner(made)
        if owner is not None:
            if not owner.has_begun:
                self.ownership.begin(owner)
            owner.span.made.append(made)
            self.ownership.begin_apart(made, owner)
        self.things.add(name)
        self.ownership.end_apart(made)
        return owner

    def left_by(self, tenure: Tenure) -> set[str]:
        self.ownership.leave(tenure)
        return self.things.difference(*tenure.before)

    def torn_down(self, tenure: Tenure) -> set[str]:
        self.ownership.enter_again(tenure)
        return self.left_by(tenure)


@pytest.fixture
def world() -> World:
    return World()


def test_what_a_test_makes_is_its_own(world: World) -> None:
    world.things.add("old")
    test = world.test()
    assert world.looks == 0
    assert world.make("new") is test
    world.make("newer")
    assert world.looks == 1
    assert world.left_by(test) == {"new", "newer"}
    assert world.make("nobody's") is None


def test_fixture_in_the_midst_of_a_test_owns_what_came_in_its_setup(world: World) -> None:
    test = world.test()
    world.make("test's")
    outer = world.fixture("outer", settled=False)
    inner = world.fixture("inner")
    world.ownership.settle(outer)
    world.make("test's too")
    assert world.left_by(test) == {"test's", "test's too"}
    assert test.span.wider == (inner.span, outer.span)
    assert world.torn_down(outer) == {"outer"}
    assert world.torn_down(inner) == {"inner"}
    assert inner.span.wider == ()


def test_fixture_does_not_own_what_tests_leave(world: World) -> None:
    fixture, quiet = world.fixture("fixture"), Tenure(Span("quiet", "session", "test"))
    world.ownership.enter(quiet)
    world.ownership.settle(quiet)
    test = world.test()
    world.make("test's")
    world.things.add("made by no door")
    world.left_by(test)
    world.things.discard("fixture")
    world.ownership.enter_again(fixture)
    world.make("made at its end")
    assert world.left_by(fixture) == {"made at its end"}
    assert world.torn_down(quiet) == world.things
    assert not quiet.has_begun


def test_what_a_teardown_leaves_is_not_of_the_test(world: World) -> None:
    fixture = world.fixture("fixture")
    test = world.test()
    world.make("test's")
    world.ownership.enter_again(fixture)
    world.make("made at its end")
    assert world.left_by(fixture) == {"fixture", "made at its end"}
    assert world.left_by(test) == {"test's"}


def test_what_a_pool_of_a_fixture_makes_is_the_fixtures(world: World) -> None:
    class Pool:
        pass

    pool, other = Pool(), Pool()
    fixture = world.fixture("fixture")
    made = Made("pool", "there")
    made.object = weakref.ref(pool)
    gone = Made("pool", "there")
    gone.object = weakref.ref(Pool())
    fixture.span.made += [gone, made]
    test = world.test()
    worker = Made("process", "there", makers=frozenset((id(pool),)))
    assert world.make("early worker", worker) is fixture
    world.make("test's")
    assert world.make("worker", worker) is fixture
    assert world.make("other", Made("process", "there", makers=frozenset((id(other),)))) is test
    assert world.left_by(test) == {"test's", "other"}
    assert world.torn_down(fixture) == {"fixture"}


def test_what_a_thread_of_a_fixture_makes_is_the_fixtures(world: World) -> None:
    tenure = Tenure(Span("fixture", "session", "test"))
    world.ownership.enter(tenure)
    before = threading.enumerate()
    start = threading.Event()
    owners: list[Tenure | None] = []

    def run() -> None:
        start.wait()
        owners.append(world.make("thread's"))

    thread = threading.Thread(target=run)
    thread.start()
    tenure.note_threads(before)
    world.ownership.settle(tenure)
    test = world.test()
    world.make("test's")
    start.set()
    thread.join()
    assert owners == [tenure]
    assert world.left_by(test) == {"test's"}
    assert world.torn_down(tenure) == set()
