"""The doors: what is told of what is made, that everything else stays as it is, and that nothing is left of it."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.connection import Listener
from multiprocessing.pool import ThreadPool
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_mpcheck._guard._callers_name import _call, in_callers_name
from pytest_mpcheck._guard._doors import DOORS, Door, aside, listen, stop_listening
from pytest_mpcheck._guard._exits import Exits
from pytest_mpcheck._guard._imports import Imports
from pytest_mpcheck._guard._replacements import Place, Replacements
from pytest_mpcheck._guard._watcher import Made
from pytest_mpcheck._leaks._descriptors import Descriptors


class Recorder:
    """Remembers what is made."""

    def __init__(self) -> None:
        self.made: list[Made] = []
        self.done: list[Made] = []

    def before(self, made: Made, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.made.append(made)

    def after(self, made: Made) -> None:
        self.done.append(made)

    @property
    def outer(self) -> list[Made]:
        return [made for made in self.made if made.inside is None]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    listen(recorder)
    yield recorder
    stop_listening(recorder)


def standing(door: Door) -> object:
    owner: Any = sys.modules.get(door.module)
    owner = getattr(owner, door.owner, None) if door.owner else owner
    return vars(owner).get(door.name) if owner is not None else None


def test_doors_are_as_they_were() -> None:
    before = [standing(door) for door in DOORS]
    listeners = Recorder(), Recorder()
    for listener in listeners:
        listen(listener)
    meanwhile = [standing(door) for door in DOORS]
    stop_listening(listeners[0])
    assert [standing(door) for door in DOORS] == meanwhile
    stop_listening(listeners[1])
    stop_listening(listeners[1])
    assert [standing(door) for door in DOORS] == before
    assert all(new is not old for old, new in zip(before, meanwhile, strict=True) if old is not None)
    assert sum(old is not None for old in before) >= 12


def test_what_is_made_is_told(recorder: Recorder) -> None:
    context = multiprocessing.get_context("spawn")
    pool = ThreadPool(1)
    pool.close()
    pool.join()
    ThreadPoolExecutor().shutdown()
    ProcessPoolExecutor(1, context).shutdown()
    context.Queue().close()
    context.Lock()
    context.Pipe()
    memory = SharedMemory(create=True, size=1)
    memory.close()
    memory.unlink()
    Listener().close()
    context.RawArray("b", 1 << 24)  # larger than what the heap has already
    subprocess.run([sys.executable, "-c", ""], check=True, capture_output=True)
    os.system("")
    kinds = [made.kind for made in recorder.outer]
    assert kinds[:3] == ["thread pool", "thread executor", "executor"]
    assert kinds[3:8] == ["queue", "semaphore", "pipe", "shared memory", "listener"]
    assert kinds[-2:] == ["program", "shell"]
    assert {made.kind for made in recorder.made} > {"arena", "semaphore"}
    assert recorder.outer[6].name.endswith(memory.name)
    program = recorder.outer[-2]
    assert program.name == os.path.basename(sys.executable)
    assert program.pid
    assert program.is_piped
    assert program.through == ("subprocess",)
    assert program.where.startswith("tests")
    assert ":" in program.where
    assert program.where.endswith(" in test_what_is_made_is_told")
    assert sorted(map(id, recorder.done)) == sorted(map(id, recorder.made))
    inner = [made for made in recorder.made if made.inside is recorder.outer[2]]
    assert {made.kind for made in inner} >= {"queue"}


def test_process_is_told(recorder: Recorder, mp_start_method: str) -> None:
    context: Any = multiprocessing.get_context(mp_start_method)
    process = context.Process(target=int, name="it")
    process.start()
    process.join()
    assert process.exitcode == 0
    (made,) = recorder.outer
    assert (made.kind, made.name, made.pid, made.start_method) == ("process", "it", process.pid, mp_start_method)
    assert made.object is not None
    assert made.object() is process


def test_worker_comes_through_its_pool(recorder: Recorder, mp_start_method: str) -> None:
    with multiprocessing.get_context(mp_start_method).Pool(1) as pool:
        assert pool.apply(abs, (-1,)) == 1
    pool.join()
    (worker,) = (made for made in recorder.made if made.kind == "process")
    assert "multiprocessing.pool" in worker.through
    assert id(pool) in worker.makers
    assert worker.inside is recorder.outer[0]


def test_what_fails_is_told(recorder: Recorder) -> None:
    with pytest.raises(OSError):  # noqa: PT011 (its text is the system's)
        subprocess.Popen([os.path.join("no", "such", "program")])
    with pytest.raises(ValueError, match="max_workers"):
        ThreadPoolExecutor(0)
    assert [(made.failed, made.pid) for made in recorder.outer] == [(True, 0)] * 2


def test_functions_that_stand_there_pickle(recorder: Recorder) -> None:
    exits = Exits()
    exits.open()
    try:
        for function in (
            os.system,
            os.kill,
            os.waitpid,
            subprocess.run,
            subprocess.Popen.wait,
            multiprocessing.Process,
        ):
            assert pickle.loads(pickle.dumps(function)) is function
    finally:
        exits.close()


def test_who_stops_listening_hears_no_end() -> None:
    class Hasty(Recorder):
        def before(self, made: Made, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            super().before(made, args, kwargs)
            stop_listening(self)

    hasty = Hasty()
    listen(hasty)
    multiprocessing.Pipe()
    assert len(hasty.made) == 1
    assert hasty.done == []


def test_call_in_the_name_of_the_caller() -> None:
    assert _call(sum, ([1, 2],), {"start": 3}) == 6  # its code runs under another name, where nobody could see it
    assert in_callers_name(sum, ([1, 2],), {"start": 3}) == 6


def test_aside_nobody_hears(recorder: Recorder) -> None:
    with aside(), aside():
        multiprocessing.Pipe()
    assert recorder.made == []
    multiprocessing.Pipe()
    assert [made.kind for made in recorder.made] == ["pipe"]


def test_what_was_made_is_not_kept_alive(recorder: Recorder) -> None:
    ThreadPoolExecutor().shutdown()
    import gc

    gc.collect()
    (made,) = recorder.made
    assert made.object is not None
    assert made.object() is None


def test_thread_of_a_library_is_where_it_is(recorder: Recorder) -> None:
    thread = threading.Thread(target=ThreadPoolExecutor)
    thread.start()
    thread.join()
    assert recorder.made[0].where.partition(":")[0].endswith("threading.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
class TestFork:
    @pytest.mark.mp
    def test_forked_child_hears_nothing(self, recorder: Recorder) -> None:
        pid = os.fork()
        if pid == 0:
            multiprocessing.Pipe()
            os._exit(len(recorder.made) - 1)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert [(made.kind, made.pid) for made in recorder.made] == [("fork", pid)]

    @pytest.mark.mp
    def test_terminal_of_its_own(self, recorder: Recorder) -> None:
        pid, terminal = os.forkpty()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        os.close(terminal)
        assert [(made.kind, made.pid) for made in recorder.made] == [("fork", pid)]

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="such a warning is of Python 3.12 and later")
    @pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy warns of no threads")
    def test_warning_is_of_the_line_that_forks(self, recorder: Recorder) -> None:
        release = threading.Event()
        thread = threading.Thread(target=release.wait)
        thread.start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            line, pid = sys._getframe().f_lineno, os.fork()
            if pid == 0:
                os._exit(0)
        release.set()
        thread.join()
        os.waitpid(pid, 0)
        assert [(one.filename, one.lineno) for one in caught] == [(__file__, line)]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a module that can be imported, and return its name."""
    (tmp_path / "mp_library.py").write_text("def make():\n    return 1\nclass Thing:\n    size = 5\nOther = object()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mp_library", raising=False)
    return "mp_library"


def test_module_that_is_imported_later_is_heard_of(library: str) -> None:
    places = [
        Place(library, "", "make", lambda make: lambda: make() + 1),
        Place(library, "Thing", "size", lambda _: 6),
        Place(library, "Thing", "extra", lambda _: 7, is_new=True),
        Place(library, "Thing", "size", lambda _: 8),
        Place(library, "Thing", "nothing", lambda _: 9),
        Place(library, "Other", "size", lambda _: 9),
        Place(library, "Absent", "size", lambda _: 9),
    ]
    replacements = Replacements(places)
    replacements.open()
    other = Imports([library], lambda module: None)
    other.open()
    assert library not in sys.modules
    module: Any = importlib.import_module(library)
    other.close()
    assert type(module.__loader__).__module__.startswith(("importlib", "_frozen_importlib"))
    assert module.__spec__.loader is module.__loader__
    assert (module.make(), module.Thing.size, module.Thing.extra) == (2, 6, 7)
    module.make = "put there by a test"
    replacements.close()
    assert (module.make, module.Thing.size) == ("put there by a test", 5)
    assert not hasattr(module.Thing, "extra")
    del sys.modules[library]
    assert importlib.import_module(library).make() == 1


def test_import_goes_on_as_ever(library: str) -> None:
    heard: list[ModuleType] = []
    imports = Imports(["mp_no_such_library", "mp_namespace"], heard.append)
    imports.open()
    try:
        (Path(sys.path[0]) / "mp_namespace").mkdir()
        importlib.invalidate_caches()
        with pytest.raises(ModuleNotFoundError, match="No module named 'mp_no_such_library'"):
            importlib.import_module("mp_no_such_library")
        importlib.import_module("mp_namespace")  # which nobody loads
    finally:
        imports.close()
        imports.close()
        sys.modules.pop("mp_namespace", None)
    assert heard == []
    assert imports not in sys.meta_path


def test_library_that_copies_multiprocessing_has_doors(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "billiard").mkdir()
    (tmp_path / "billiard" / "__init__.py").write_text("")
    (tmp_path / "billiard" / "pool.py").write_text("class Pool:\n    __slots__ = ()\n    def __init__(self): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("billiard.pool").Pool()
    for name in ("billiard", "billiard.pool"):
        del sys.modules[name]
    (made,) = recorder.made
    assert made.kind == "pool"
    if sys.implementation.name == "cpython":
        assert made.object is None  # there are no weak references to it


def test_line_of_the_user_is_beyond_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "some_pool.py").write_text(
        "import threading\n"
        "from pytest_mpcheck._guard._passage import passage\n"
        "class Pool:\n"
        "    def start(self):\n"
        "        return passage(0)\n"
        "    def start_in_thread(self):\n"
        "        seen = []\n"
        "        thread = threading.Thread(target=lambda: seen.append(self.start()))\n"
        "        thread.start()\n"
        "        thread.join()\n"
        "        return seen[0]\n"
    )
    monkeypatch.syspath_prepend(folder)
    pool: Any = importlib.import_module("some_pool").Pool()
    seen = pool.start()
    assert re.fullmatch(r".*test_doors\.py:\d+ in test_line_of_the_user_is_beyond_installed_packages", seen.where)
    assert seen.through == ("some_pool",)
    assert id(pool) in seen.makers
    seen = pool.start_in_thread()
    assert seen.where.endswith("some_pool.py:5 in start")  # a thread of the package has no other line
    assert seen.through == ()


def test_code_without_a_module_makes_sockets_and_pipes(recorder: Recorder) -> None:
    descriptors = Descriptors()  # `multiprocess` makes such code for the proxies of its managers
    descriptors.open()
    try:
        made: dict[str, Any] = {"__name__": None}
        code = (
            "import multiprocessing, os, socket\n"
            "queue, pipe = multiprocessing.SimpleQueue(), os.pipe()\n"
            "with socket.socket(): pass"
        )
        exec(code, made)
    finally:
        descriptors.close()
    made["queue"].close()
    for end in made["pipe"]:
        os.close(end)
    assert [one.kind for one in recorder.outer] == ["queue"]
    assert re.fullmatch(r"<string>:2 in <module>", recorder.outer[0].where)
