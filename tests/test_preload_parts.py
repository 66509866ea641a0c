"""The parts of the preload, each by itself: what is offered and when it still holds, what an import is seen to do."""

from __future__ import annotations

import atexit
import builtins
import datetime
import faulthandler
import gc
import importlib
import importlib.util
import os
import pickle
import random
import sys
import threading
import types
import uuid
import warnings
from collections.abc import Iterator
from functools import partial
from multiprocessing import context
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck._children import _preload, _trial
from pytest_mpcheck._children._arming import warm_up
from pytest_mpcheck._children._explainer import NAME, Explainer
from pytest_mpcheck._children._imports import Imports
from pytest_mpcheck._children._keepsakes import keepsakes
from pytest_mpcheck._children._lazy_pytest import LazyPytest
from pytest_mpcheck._children._luggage import Luggage, _arrive
from pytest_mpcheck._children._modules import ModuleFile, install_finder, remove_finder
from pytest_mpcheck._children._offers import Circumstances, Offers
from pytest_mpcheck._children._preload import Preload
from pytest_mpcheck._children._request import ANSWER, Answer
from pytest_mpcheck._children._sendoff import SendOff
from pytest_mpcheck._words import preload_lines

NAMES = ("offered_a", "offered_b", "offered_space.part", "offered_space")


class Served:
    """Modules that are offered in this process as if it were a child of a server that has imported them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.offers = Offers()
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("OFFERED", "one")
        (folder / "offered_a.py").write_text(
            "import atexit, os, warnings\nimport offered_b\nfrom offered_space import part\n"
            "MODE = os.environ['OFFERED'], os.environ.get('NOT_THERE')\n"
            "warnings.filterwarnings('ignore', 'of a')\natexit.register(dict, [], a=1)\n"
        )
        (folder / "offered_b.py").write_text("")
        (folder / "offered_space").mkdir()
        (folder / "offered_space" / "part.py").write_text("")
        self.calls: list[object] = []
        with self.offers.imports as imports:
            importlib.import_module("offered_a")
        self.originals = {name: sys.modules[name] for name in NAMES}
        self.circumstances = Circumstances(
            list(sys.path), os.getcwd(), imports.read, imports.filters, list(imports.at_exit)
        )
        self.offers.add(NAMES, self.circumstances)
        self.offers.hide(["offered_a", "unknown"])

    def is_given(self, name: str = "offered_a") -> bool:
        """Import a module, return whether it was the one that is offered, and hide all again."""
        given = importlib.import_module(name) is self.originals[name]
        for other in NAMES:
            sys.modules.pop(other, None)
        return given


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    meta_path = list(sys.meta_path)
    with warnings.catch_warnings():
        yield Served(tmp_path, monkeypatch)
    sys.meta_path[:] = meta_path
    for name in NAMES:
        sys.modules.pop(name, None)


def test_what_is_offered_looks_as_if_it_were_imported(served: Served) -> None:
    assert not {*NAMES}.intersection(sys.modules)
    spec = importlib.util.find_spec("offered_b")
    assert spec is not None
    assert spec.origin == str(served.folder / "offered_b.py")
    assert spec.loader is not None
    assert spec.loader.get_source("offered_b") == ""  # type: ignore[attr-defined]
    assert "offered_a" not in sys.modules
    module = importlib.import_module("offered_a")
    assert module is served.originals["offered_a"]
    assert {*NAMES} <= {*sys.modules}
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert "offered_b" in vars(module)
    assert importlib.reload(module) is module  # from its file


def test_what_came_with_an_import_comes_with_the_module(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    monkeypatch.setattr(atexit, "register", lambda function, *args, **kwargs: called.append((function, args, kwargs)))
    assert len(served.circumstances.filters) == 1
    assert served.circumstances.filters[0] not in warnings.filters
    assert served.is_given("offered_b")
    assert called == []
    assert served.is_given()
    assert called == [(dict, ([],), {"a": 1})]
    assert warnings.filters[0] == served.circumstances.filters[0]
    assert served.is_given()
    assert len(called) == 1


def test_what_no_longer_holds_is_imported_anew(
    served: Served, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert served.is_given()
    with monkeypatch.context() as patch:
        patch.setenv("OFFERED", "two")
        assert not served.is_given()
    with monkeypatch.context() as patch:
        patch.chdir(elsewhere)
        assert not served.is_given()
        elsewhere.rmdir()
        assert not served.is_given()  # no working directory at all
        elsewhere.mkdir()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(elsewhere))
        assert served.is_given()  # the same would be found
        assert served.is_given("offered_space.part")
        (elsewhere / "offered_b.py").write_text("")
        importlib.invalidate_caches()
        assert not served.is_given()
        patch.setattr(sys, "path", [str(elsewhere)])
        assert served.offers.find_spec("offered_space") is None
    monkeypatch.setitem(sys.modules, "offered_b", types.ModuleType("offered_b"))
    assert served.offers.find_spec("offered_a") is None
    monkeypatch.delitem(sys.modules, "offered_b")
    assert served.is_given()
    (served.folder / "offered_b.py").unlink()
    assert served.offers.find_spec("offered_a") is None
    assert served.offers.has_another("offered_b", str(served.folder / "offered_b.py"))


def test_the_file_that_a_child_knows_counts(served: Served, tmp_path: Path) -> None:
    b = str(tmp_path / "offered_b.py")
    install_finder([ModuleFile("offered_b", b, None)])
    try:
        assert served.is_given()
        install_finder([ModuleFile("offered_b", b, None, str(tmp_path / "folder" / "1.code"))])
        assert not served.is_given()  # it is to explain its assertions
        vars(served.originals["offered_b"])[NAME] = None
        assert served.is_given()
        assert isinstance(vars(served.originals["offered_b"])[NAME], Explainer)
        install_finder([ModuleFile("offered_b", str(tmp_path / "other.py"), None)])
        assert served.offers.find_spec("offered_a") is None
        install_finder([ModuleFile("offered_b", b, None), ModuleFile("offered_space", None, ("elsewhere",))])
        assert served.offers.find_spec("offered_a") is None
    finally:
        remove_finder()


def test_who_stays_first_hears_of_each_module(served: Served) -> None:
    class Finder:
        stays_first = True
        heard: list[str] = []  # noqa: RUF012

        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            self.heard.append(name)

    served.offers.show()
    pseudo = "offered_b.lib"  # as cffi makes them: nobody can import it
    sys.modules[pseudo] = types.ModuleType(pseudo)
    served.offers.imports.of["offered_b"] = {pseudo}
    served.offers.add([pseudo], served.circumstances)
    served.offers.hide(["offered_a"])
    sys.meta_path.insert(0, Finder())
    assert served.is_given()
    assert {*NAMES} == {*Finder.heard}
    assert sys.modules.pop(pseudo).__name__ == pseudo


def test_what_differs_is_withdrawn_with_its_importers(served: Served) -> None:
    served.offers.show()
    assert served.offers.withdraw(["offered_a"], {("json", "x")}) == {}
    why = served.offers.withdraw(["offered_a", "json"], {("offered_b", "PID"), ("offered_b", "TIME")})
    assert why == {"offered_a": "keeps offered_b.PID, which is another thing in each process"}
    assert {*NAMES}.intersection(sys.modules) == {"offered_space", "offered_space.part"}
    served.offers.forget(served.offers.of_users)
    assert not {*NAMES}.intersection(sys.modules)
    served.offers.hide(["offered_a"])


def test_numpys_generator_is_seeded_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    numpy: Any = types.ModuleType("numpy.random")
    numpy.seed = partial(seeded.append, 1)
    numpy.get_state = lambda: ("MT19937", types.SimpleNamespace(tobytes=lambda: b"state"), 1)
    served.offers.show()
    monkeypatch.setitem(sys.modules, "numpy.random", numpy)
    assert list(keepsakes(["numpy.random"])) == [("numpy.random", "")]
    monkeypatch.setitem(sys.modules, "blocked", None)
    served.offers.add(["numpy.random", "blocked"], served.circumstances)
    served.offers.withdraw([], {("numpy.random", "")})
    monkeypatch.delitem(sys.modules, "blocked")
    served.offers.hide([])
    package: Any = types.ModuleType("numpy")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "numpy", package)
    for _ in range(2):
        assert importlib.import_module("numpy.random") is numpy
        del sys.modules["numpy.random"]
    assert numpy.__spec__ is None
    assert seeded == [1]
    monkeypatch.setitem(sys.modules, "numpy.random", numpy)


def test_what_is_kept_of_an_import_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(atexit, "register", calls.append)
    imports = Imports()
    with imports:
        statement: Any = builtins.__import__
        register: Any = atexit.register
        getitem: Any = type(os.environ).__getitem__
        register(print)
        assert "NOT_THERE" not in os.environ
        assert os.environ.get("PATH") == getitem(os.environ, "PATH")
        statement("json", None, None, (), 0)
    assert calls == []
    assert [entry[:2] for entry in imports.at_exit] == [(__name__, print)]
    assert imports.read["NOT_THERE"] is None
    register(len)
    assert calls == [len]
    assert pickle.loads(pickle.dumps(statement)) is builtins.__import__
    statement("json", {"__name__": "late"})
    assert "late" not in imports.of


def test_keepsakes(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("kept")
    values = {
        "number": 1,
        "long": 1 << 100_000,
        "text": "x",
        "time": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        "uuid": uuid.UUID(int=1),
        "path": Path("/x"),
        "parts": [1, (2, {"key": frozenset("b")})],
        "random": random.Random(1),
        "generator": type(
            "Generator", (), {"__module__": "numpy.random", "bit_generator": types.SimpleNamespace(state=1)}
        )(),
    }
    hostile = type("Hostile", (), {"__module__": property(print)})()
    vars(module).update(values, function=print, far=[[[[1]]]], many=list(range(1000)), hostile=hostile, __spec__=None)
    monkeypatch.setitem(sys.modules, "kept", module)
    monkeypatch.setitem(sys.modules, "kept_away", None)
    found = keepsakes(["kept", "kept_away"])
    assert {name for _, name in found} == {*values, "far"}
    assert found["kept", "parts"] == "list(0x1, tuple(0x2, ))"


class Forgotten:
    """Something open that nobody knows any more, and that is closed when garbage is collected."""

    def __init__(self, file: int) -> None:
        self.itself = self
        self.number = os.dup(file)

    def __del__(self) -> None:
        os.close(self.number)


def _raise(error: BaseException) -> Any:
    raise error


def test_a_look_tells_what_an_import_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in (
        ("looked_fine", "import random"),
        ("looked_environ", "import os\nos.environ['LOOKED'] = 'x'"),
        ("looked_raises", "1 / 0"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    no_children: list[BaseException] = [ChildProcessError()]
    monkeypatch.setattr(os, "waitpid", lambda *_: _raise(no_children[0]) if no_children else (0, 0))  # not for us here
    output = os.open(tmp_path / "output", os.O_RDWR | os.O_CREAT)
    monkeypatch.setenv("LOOKED", "before")
    gc.collect()
    gc.disable()  # by itself it would come at any time
    Forgotten(output)
    try:
        assert _trial._reason("looked_fine", output) == ""
        assert _trial._reason("looked_environ", output) == "changes the environment: environ['LOOKED'] 'x'"
        assert _trial._reason("looked_raises", output).startswith("raises ZeroDivisionError")
        no_children.clear()
        assert _trial._has_children()
        os.write(output, b"said")
        monkeypatch.setattr(sys, "stdout", None)
        assert _trial._reason("looked_fine", output) == "prints 'said'"
    finally:
        gc.enable()
        os.close(output)
        for name in ("looked_fine", "looked_environ", "looked_raises"):
            sys.modules.pop(name, None)


def test_a_copy_that_ends_in_the_midst_of_a_word_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_bytes((100).to_bytes(4, "big") + b"half")
    with path.open("rb") as file, pytest.raises(EOFError):
        _trial._read(file)
    path.write_bytes(b"")
    with path.open("rb") as file, pytest.raises(EOFError):
        _trial._read(file)


class TestLuggage:
    def test_it_is_unpacked(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        class Sent:
            def __init__(self, path: Path | None) -> None:
                self.path = path

            def detach(self) -> int:
                if self.path is None:
                    raise OSError
                return os.open(self.path, os.O_WRONLY | os.O_CREAT)

        environ = {"STAYS": "as it is", "CHANGES": "before", "GOES": "x"}
        monkeypatch.setattr(os, "environ", environ)
        reader, target = os.pipe()
        try:
            _arrive(
                {"STAYS": "as it is", "CHANGES": "after", "NEW": "y"},
                ((target, Sent(tmp_path / "file")), (1, Sent(None))),
            )
            os.write(target, b"said")
        finally:
            os.close(reader)
            os.close(target)
        assert environ == {"STAYS": "as it is", "CHANGES": "after", "NEW": "y"}
        assert (tmp_path / "file").read_bytes() == b"said"

    def test_another_python_is_given_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        importlib.import_module("multiprocessing.spawn")
        monkeypatch.setattr(sys, "executable", "another")
        assert pickle.loads(pickle.dumps(Luggage((1, 2)))) == ()


def test_what_a_process_will_import() -> None:
    def process(target: Any, *args: object, **kwargs: object) -> Any:
        return types.SimpleNamespace(_target=target, _args=args, _kwargs=kwargs)

    class Odd:
        @property
        def __module__(self) -> str:  # type: ignore[override]
            raise ValueError

    worker = vars(importlib.import_module("multiprocessing.pool"))["worker"]

    names = _preload._names
    assert names(process(abs, -1), "of_test") == ()
    assert names(process(worker, 1), "of_test") == ("of_test",)
    assert names(process(worker, 1), None) == ()
    assert names(process(partial(uuid.uuid3, uuid.UUID(int=1)), key=threading.Lock()), "of_test")[:1] == ("uuid",)
    assert names(process(uuid.UUID(int=1).__str__, Odd()), "of_test") == ("uuid",)
    assert names(process(None), None) == ()
    numbered: Any = type("Numbered", (), {})()
    numbered.__module__ = 1
    assert names(process(abs, numbered), None) == ()


def test_what_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = _preload._Server(str(tmp_path))
    module: Any = types.ModuleType("asked_for")
    monkeypatch.setitem(sys.modules, "asked_for", module)
    assert not _preload._is_new("asked_for", known)  # it has no file
    file = tmp_path / "asked_for.py"
    module.__file__ = str(file)
    assert not _preload._is_new("asked_for", known)
    for number in range(_preload._MOST_CHANGES + 1):
        file.write_text("#" * number)
        assert _preload._is_new("asked_for", known)
        assert not _preload._is_new("asked_for", known)
    file.write_text("# once more")
    assert _preload._is_new("asked_for", known)
    file.write_text("# and now it is known to change")
    assert not _preload._is_new("asked_for", known)
    module.other, module.function, module.number = uuid, random.choice, 1
    found = _preload._with_neighbours(["asked_for", "gone"], {"asked_for", "gone"})
    assert found == ["asked_for", "gone", "uuid", "random"]


def test_an_answer_is_heard(tmp_path: Path) -> None:
    preload = Preload(lambda: str(tmp_path))
    known = _preload._Server(str(tmp_path))
    known.asked = {"a": 1, "c": 2}
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / ANSWER).write_bytes(pickle.dumps(Answer(("a",), {"b": "prints"}, True)))
    preload._hear(known, str(tmp_path / "0"))
    assert preload.refused == {"b": "prints"}
    assert known.refused == {"b"}
    assert known.asked == {"a": 1}  # the server has forgotten what was there before
    preload.refused.clear()
    preload._hear(known, str(tmp_path))
    (tmp_path / ANSWER).write_bytes(b"")
    preload._hear(known, str(tmp_path))
    assert preload.refused == {}
    preload.ask(types.SimpleNamespace(_forkserver_pid=-1))  # nobody is being started


def test_without_room_on_the_disk_nothing_is_preloaded() -> None:
    server = types.SimpleNamespace(_forkserver_pid=None, _preload_modules=["__main__"])
    with Preload(lambda: str(_raise(OSError()))).listed(server):
        assert server._preload_modules == ["__main__"]


def test_lazy_pytest() -> None:
    lazy: Any = LazyPytest()
    assert lazy.raises is pytest.raises
    with pytest.raises(AttributeError):
        _ = lazy.mark._nothing
    assert lazy.mark.timeout(1).with_args(2).args == (1, 2)
    assert lazy.mark.skipif(True, reason="as told").kwargs == {"reason": "as told"}
    assert lazy.param(1, id="one").values == (1,)
    assert lazy.fixture(len) is len
    assert lazy.fixture(scope="module")(len) is len
    assert lazy.mark.slow(len) is len
    assert lazy.mark.parametrize("name", [1])(len) is len


def test_what_a_test_puts_in_our_place_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = vars(context.SpawnProcess)["_Popen"]
    monkeypatch.setattr(context.SpawnProcess, "_Popen", original)
    with SendOff(Preload(lambda: str(tmp_path)), None, lambda: None):
        assert vars(context.SpawnProcess)["_Popen"] is not original
        setattr(context.SpawnProcess, "_Popen", print)  # noqa: B010
    assert vars(context.SpawnProcess)["_Popen"] is print


@pytest.mark.parametrize("is_enabled", [True, False])
def test_who_is_warm_is_what_it_was(monkeypatch: pytest.MonkeyPatch, is_enabled: bool) -> None:
    calls: list[str] = []
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: is_enabled)
    monkeypatch.setattr(faulthandler, "enable", lambda file: calls.append(f"enable for {file.name}"))
    monkeypatch.setattr(faulthandler, "disable", lambda: calls.append("disable"))
    warm_up()
    assert calls == ([] if is_enabled else [f"enable for {os.devnull}", "disable"])


def test_words() -> None:
    assert preload_lines({}) == []
    assert preload_lines({"": "it ran early", "a": "prints 'x'"}) == [
        "all modules: it ran early, and has what it had; each child imports the rest",
        "what to do: start no forkserver child before, in a test without the mp marker for instance",
        "a: when it is imported it prints 'x'",
        "each child that needs them imports them; what to do: nothing, or let them do that when they are used",
    ]
