"""Calls of functions become spans, in code that nobody changed."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from multiprocessing.pool import Pool
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError, assert_exited, checkpoint
from pytest_mpcheck._history import _watch
from pytest_mpcheck._history._watch import is_watching, watch_only
from pytest_mpcheck.fixtures import ProcessFactory

SOURCE = '''
import functools
from time import sleep

def price(item, /, *more, currency="EUR", **extra):
    """What it costs."""
    return item, more, currency, extra

def reserve(item=7):
    return stored(item)

def stored(item):
    return item

def factory():
    tax = [1]
    def taxed(item=2):
        return item + tax[0]
    return taxed

taxed = factory()

def refuse(item):
    raise LookupError(item)

def wraps(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args) + 1
    return wrapper

@wraps
def wrapped(item: int) -> int:
    return item

def steps(count):
    for number in range(count):
        sent = yield number
        if sent:
            yield sent
    return "done"

async def fetch(item):
    return item

async def stream(count):
    for number in range(count):
        try:
            sent = yield number
        except KeyError:
            sent = "caught"
        if sent:
            yield sent

@functools.cache
def cached(item):
    return item

class Shop:
    owner = "nobody"

    def __init__(self, name):
        self.name = name

    def sell(self, item):
        return self.name, item

    @classmethod
    def open(cls, name):
        return cls(name)

    @staticmethod
    def close(item):
        return item

class Branch(Shop):
    def sell(self, item):
        return "branch", super().sell(item)
'''


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that nobody has imported, and that children can import."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "mpcheck_shop.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    yield lambda: importlib.import_module("mpcheck_shop")
    sys.modules.pop("mpcheck_shop", None)


def spans_of(history: Any) -> list[tuple[str, str]]:
    return [(event.kind, event.name.partition(":")[2]) for event in history.events()]


def reserve(item: int) -> int:
    import mpcheck_shop  # type: ignore[import-not-found]

    return int(mpcheck_shop.reserve(item))


def reserve_as_it_was_imported(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


class TestInEveryProcess:
    def test_each_call_is_a_span(self, mp_process: ProcessFactory, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:stored")
        mp_history.watch("mpcheck_shop:reserve")
        child = mp_process(reserve, 3)
        assert child.result() == 3
        assert spans_of(mp_history) == [
            ("begin", "reserve"),
            ("begin", "stored"),
            ("end", "stored"),
            ("end", "reserve"),
        ]
        assert {event.process.pid for event in mp_history.events()} == {child.pid}

    def test_who_has_the_function_already_reaches_the_watch(
        self, mp_process: ProcessFactory, mp_pool: Callable[..., Pool], mp_history: Any, shop: Any
    ) -> None:
        from_import = shop().reserve
        mp_history.watch("mpcheck_shop:reserve")
        assert mp_process(from_import, 3).result() == 3
        assert mp_process(reserve_as_it_was_imported, from_import, 4).result() == 4
        assert mp_pool(2).map(from_import, [5, 6]) == [5, 6]
        assert len(mp_history.events("mpcheck_shop:reserve")) == 8

    def test_call_can_be_held_and_killed_at(
        self, mp_process: ProcessFactory, mp_executor: Callable[..., Executor], mp_history: Any, shop: Any
    ) -> None:
        mp_history.watch("mpcheck_shop:reserve")
        held = mp_history.hold("mpcheck_shop:reserve")
        future = mp_executor(1).submit(reserve, 3)
        held.wait()
        assert not future.done()
        held.release()
        assert future.result() == 3
        mp_history.kill_at("mpcheck_shop:reserve")
        child = mp_process(reserve, 3)
        child.join()
        assert_exited(child, signal="SIGKILL")

    def test_function_of_the_test_module_is_watched(self, mp_process: ProcessFactory, mp_history: Any) -> None:
        mp_history.watch(f"{__name__}:reserve_as_it_was_imported")
        assert mp_process(reserve_as_it_was_imported, abs, -3).result() == 3
        assert len(mp_history.events()) == 2

    def test_process_that_runs_already_hears_of_it_at_its_next_checkpoint(
        self, mp_process: ProcessFactory, mp_context: Any, mp_history: Any, shop: Any
    ) -> None:
        shop()
        go = mp_context.Event()
        child = mp_process(reserve_later, go)
        mp_history.watch("mpcheck_shop:reserve")
        go.set()
        child.result()
        assert spans_of(mp_history)[1:] == [("begin", "reserve"), ("end", "reserve")]

    def test_watch_ends_with_the_test(self, mp_process: ProcessFactory, mp_history: Any, shop: Any) -> None:
        module = shop()
        code, finders = module.reserve.__code__, list(sys.meta_path)
        mp_history.watch("mpcheck_shop:reserve")
        assert module.reserve.__code__ is not code
        mp_history.close()
        assert module.reserve.__code__ is code
        assert not hasattr(module.reserve, "__wrapped__")
        assert sys.meta_path == finders
        assert mp_process(reserve, 3).result() == 3
        assert mp_history.events() == ()


def reserve_later(go: Any) -> None:
    go.wait()
    checkpoint("next:")
    reserve(3)


async def _all_of(module: ModuleType) -> list[object]:
    found: list[object] = [item async for item in module.stream(2)]
    stream = module.stream(3)
    found += [await anext(stream), await stream.asend("sent"), await anext(stream)]
    found.append(await stream.athrow(KeyError()))
    await stream.aclose()
    return found


class TestKinds:
    """In the process of the test, where it is quickly seen."""

    def test_function_stays_what_it_was(self, mp_history: Any, shop: Any) -> None:
        module = shop()
        before = {name: inspect.signature(getattr(module, name)) for name in ("price", "taxed", "wrapped")}
        for name in ("price", "taxed", "wrapped", "refuse"):
            mp_history.watch(f"mpcheck_shop:{name}")
        assert module.price(1) == (1, (), "EUR", {})
        assert module.price(1, 2, currency="USD", other=3) == (1, (2,), "USD", {"other": 3})
        assert (module.taxed(), module.taxed(item=4), module.wrapped(1)) == (3, 5, 2)
        assert {name: inspect.signature(getattr(module, name)) for name in before} == before
        assert (module.price.__doc__, module.price.__name__) == ("What it costs.", "price")
        assert pickle.loads(pickle.dumps(module.price)) is module.price
        with pytest.raises(LookupError, match="7"):
            module.refuse(7)
        assert mp_history.events()[-1].data == {"raised": "LookupError"}
        assert len(mp_history.events()) == 12

    def test_generator(self, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:steps")
        generator = shop().steps(2)
        assert inspect.isgeneratorfunction(shop().steps)
        assert mp_history.events() == ()
        assert (next(generator), generator.send("sent"), next(generator)) == (0, "sent", 1)
        assert len(mp_history.events()) == 1
        with pytest.raises(StopIteration, match="done"):
            next(generator)
        unfinished = shop().steps(2)
        next(unfinished)
        unfinished.close()
        assert [event.data for event in mp_history.events() if event.kind == "end"] == [{}, {"raised": "GeneratorExit"}]

    def test_coroutine(self, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:fetch")
        assert inspect.iscoroutinefunction(shop().fetch)
        assert asyncio.run(shop().fetch(3)) == 3
        assert spans_of(mp_history) == [("begin", "fetch"), ("end", "fetch")]

    def test_asynchronous_generator(self, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:stream")
        assert inspect.isasyncgenfunction(shop().stream)
        assert asyncio.run(_all_of(shop())) == [0, 1, 0, "sent", 1, "caught"]
        assert [event.data for event in mp_history.events() if event.kind == "end"] == [{}, {"raised": "GeneratorExit"}]

    def test_methods(self, mp_history: Any, shop: Any) -> None:
        module = shop()
        names = ["Shop.__init__", "Shop.sell", "Shop.open", "Shop.close", "Branch.sell"]
        for name in names:
            mp_history.watch(f"mpcheck_shop:{name}")
        branch = module.Branch.open("b")
        assert type(branch) is module.Branch
        assert branch.sell(1) == ("branch", ("b", 1))
        assert (module.Shop.close(2), branch.close(3)) == (2, 3)
        begun = [name for kind, name in spans_of(mp_history) if kind == "begin"]
        assert begun == ["Shop.open", "Shop.__init__", "Branch.sell", "Shop.sell", "Shop.close", "Shop.close"]

    def test_inherited_method_is_that_of_its_class(self, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:Branch.open")
        assert shop().Shop.open("a").name == "a"
        assert spans_of(mp_history) == [("begin", "Branch.open"), ("end", "Branch.open")]

    def test_what_has_no_code_has_a_stand_in(self, mp_history: Any, shop: Any) -> None:
        module = shop()
        sleep, cached = module.sleep, module.cached
        mp_history.watch("mpcheck_shop:sleep")
        mp_history.watch("mpcheck_shop:cached")
        assert (module.sleep(0), module.cached(3), module.cached(item=3)) == (None, 3, 3)
        assert module.cached.cache_info().misses == 2
        assert pickle.loads(pickle.dumps(module.cached)) is module.cached
        assert [name for kind, name in spans_of(mp_history) if kind == "begin"] == ["sleep", "cached", "cached"]
        module.sleep = None  # somebody else has replaced it
        mp_history.close()
        assert (module.sleep, module.cached) == (None, cached)
        assert sleep(0) is None

    def test_stand_in_of_a_module_that_has_gone_is_left_alone(self, mp_history: Any, shop: Any) -> None:
        shop()
        mp_history.watch("mpcheck_shop:cached")
        del sys.modules["mpcheck_shop"]
        mp_history.close()

    def test_module_that_is_imported_again(self, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:stored")
        mp_history.watch("mpcheck_shop:cached")
        module = importlib.reload(shop())
        module.stored(1)
        del sys.modules["mpcheck_shop"]
        module = shop()
        module.stored(1)
        assert (
            type(module.__loader__)
            is type(module.__spec__.loader)
            is type(importlib.machinery.SourceFileLoader("", ""))
        )
        assert len(mp_history.events()) == 4
        mp_history.watch("mpcheck_shop:stored")
        module.stored(1)
        assert len(mp_history.events()) == 6

    def test_function_that_is_not_there_in_a_process_is_not_missed(self, mp_history: Any, shop: Any) -> None:
        mp_history.watch("mpcheck_shop:stored")
        path = Path(shop().__file__)
        path.write_text("x = 1  # shorter\n")
        del sys.modules["mpcheck_shop"]
        importlib.invalidate_caches()
        assert shop().x == 1
        path.unlink()
        del sys.modules["mpcheck_shop"]
        importlib.invalidate_caches()
        with pytest.raises(ModuleNotFoundError):
            shop()

    def test_watch_that_begins_while_its_module_is_imported(self, mp_history: Any, shop: Any) -> None:
        path = Path(shop().__file__)
        mp_history.watch("mpcheck_shop:price")
        names = [f"mpcheck_shop:{name}" for name in ("price", "stored", "cached")]
        path.write_text(
            f"{SOURCE}\nfrom pytest_mpcheck._history import _watch\n_watch.watch_only({names})\n", encoding="utf-8"
        )
        checkpoint("heard:")  # from here on nothing changes what is watched
        module = importlib.reload(shop())
        module.stored(1)
        module.cached(1)
        assert [name for _, name in spans_of(mp_history)[1:]] == ["stored", "stored", "cached", "cached"]
        mp_history.close()
        assert not is_watching()

    def test_what_is_never_imported_and_what_is_no_module_of_code(self, mp_history: Any, shop: Any) -> None:
        (Path(shop().__file__).parent / "mpcheck_namespace").mkdir()
        importlib.invalidate_caches()
        watch_only(["mpcheck_namespace:f", "mpcheck_no_such_module:f", "mpcheck_shop:stored"])
        assert importlib.import_module("mpcheck_namespace").__file__ is None
        importlib.reload(shop())
        watch_only([])
        assert not is_watching()

    def test_another_thread_hears_of_a_watch_at_the_same_time(
        self, mp_history: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names, others = ["mpcheck_shop:stored", "mpcheck_shop:price"], [[], ["mpcheck_shop:stored"]]

        class Slow(_watch._Watch):
            def __init__(self, name: str) -> None:
                super().__init__(name)
                if others and others[-1]:
                    watch_only(others.pop())

            def stop(self) -> None:
                super().stop()
                if others:
                    watch_only(others.pop())

        monkeypatch.setattr(_watch, "_Watch", Slow)
        module = shop()
        codes = module.stored.__code__, module.price.__code__
        checkpoint("heard:")
        watch_only(names)
        module.stored(1)
        module.price(1)
        assert sorted(name for _, name in spans_of(mp_history)[1:]) == ["price", "price", "stored", "stored"]
        watch_only([])
        assert (module.stored.__code__, module.price.__code__) == codes
        assert not is_watching()

    @pytest.mark.parametrize("name", ["time:sleep", "os:getpid", "os:open", "os.path:exists", "marshal:dumps"])
    def test_what_the_log_itself_calls_may_be_watched(
        self, mp_process: ProcessFactory, mp_history: Any, name: str
    ) -> None:
        mp_history.watch(name)
        with mp_history.hold("here") as held:
            child = mp_process(reserve_as_it_was_imported, checkpoint, "here")
            held.wait()
        child.result()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (7, "7.: that is no name of a function; what to do: give a text such as 'package.module:function'"),
        ("shop.stored", "that is no name"),
        ("shop:", "that is no name"),
        (":stored", "that is no name"),
        ("a:b:c", "that is no name"),
        (
            "no_such_module:f",
            "module 'no_such_module' cannot be imported here: ModuleNotFoundError: .*what to do: give",
        ),
        ("mpcheck_shop:store", "module 'mpcheck_shop' has no 'store'; the nearest there is 'stored'; what to do"),
        ("mpcheck_shop:Shop.buy", "<class 'mpcheck_shop.Shop'> has no 'buy'; what to do"),
        ("mpcheck_shop:Nothing.sell", "module 'mpcheck_shop' has no 'Nothing'"),
        (
            "mpcheck_shop:Shop",
            "that is a class; what to do: watch a method of it, such as 'mpcheck_shop:Shop.__init__'",
        ),
        ("mpcheck_shop:Shop.owner", "that is no function but 'nobody'; what to do: watch a function"),
        ("mpcheck_shop:Shop.__eq__", "that is no function but <"),
        ("mpcheck_shop:functools", "that is no function but <module"),
    ],
)
def test_wrong_name_is_refused(mp_history: Any, shop: Any, name: Any, words: str) -> None:
    with pytest.raises(MpcheckError, match=words):
        mp_history.watch(name)
    mp_history.watch("mpcheck_shop:stored")
