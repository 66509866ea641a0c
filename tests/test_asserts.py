"""An assertion that fails in a child tells what it would tell here, and costs a child nothing before."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pickle
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing.pool import Pool
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.assertion import util
from _pytest.assertion.rewrite import rewrite_asserts

from pytest_mpcheck import ChildDied
from pytest_mpcheck._children import _explainer
from pytest_mpcheck._children._asserts import Assertions, RewrittenCode
from pytest_mpcheck._children._explainer import EXPLANATION, Explainer
from pytest_mpcheck._children._modules import ModuleFile, install_finder
from pytest_mpcheck._config import assertions_of
from pytest_mpcheck.fixtures import ProcessFactory


@dataclass
class Pear:
    weight: int
    colour: str


def equal(left: object, right: object) -> None:
    assert left == right


def with_message(left: object, right: object) -> None:
    assert left == right, "a message\nof two lines"


def contains(left: list[object], right: object) -> None:
    assert right in left


def both(left: object, right: object) -> None:
    assert left
    assert not (left and right)


def of_attribute(left: Pear, right: int) -> None:
    assert left.weight > right


def approximately(left: float, right: float) -> None:
    assert left == pytest.approx(right)


def of_call(left: object, right: object) -> None:
    assert isinstance(left, type(right))


def told_here(target: Callable[..., object], *args: object) -> str:
    with pytest.raises(AssertionError) as caught:
        target(*args)
    return str(caught.value)


CASES = [
    pytest.param(equal, [1, 2, 3], [1, 2, 4], id="list"),
    pytest.param(equal, "first\nsecond\nthird", "first\nother\nthird", id="text"),
    pytest.param(equal, {"a": 1, "b": 2}, {"a": 1, "b": 3}, id="dict"),
    pytest.param(equal, Pear(1, "green"), Pear(2, "green"), id="dataclass"),
    pytest.param(equal, list(range(1000)), list(range(0, 2000, 2)), id="truncated"),
    pytest.param(with_message, "left", "right", id="message"),
    pytest.param(contains, ["apple", "plum"], "pear", id="contains"),
    pytest.param(both, ["yes"], 7, id="both"),
    pytest.param(of_attribute, Pear(1, "green"), 7, id="attribute"),
    pytest.param(approximately, 1.5, 1.75, id="approx"),
    pytest.param(of_call, 1, "text", id="call"),
]


@pytest.mark.parametrize(("target", "left", "right"), CASES)
def test_child_tells_what_pytest_tells_here(
    mp_backend: str, mp_process: ProcessFactory, target: Callable[..., object], left: object, right: object
) -> None:
    child = mp_process(target, left, right)
    assert told_here(child.result) == told_here(target, left, right)


def test_the_words_are_pytests(mp_process: ProcessFactory) -> None:
    with pytest.raises(AssertionError, match=r"(?s)^assert \[1, 2, 3\] == \[1, 2, 4\].*At index 2 diff: 3 != 4"):
        mp_process(equal, [1, 2, 3], [1, 2, 4]).result()


def test_an_assertion_that_holds_passes(mp_process: ProcessFactory) -> None:
    for target in (equal, with_message):
        mp_process(target, [1, 2], [1, 2]).result()
    mp_process(contains, ["pear"], "pear").result()


def test_local_function_tells_it_too(mp_process: ProcessFactory) -> None:
    def check(number: int) -> None:
        assert number == 42
        equal(number, 43)

    assert told_here(mp_process(check, 41).result) == told_here(check, 41)
    assert told_here(mp_process(check, 42).result) == told_here(check, 42)
    mp_process(lambda: equal(1, 1)).result()


def test_tasks_of_a_pool_tell_it(mp_pool: Callable[..., Pool]) -> None:
    pool = mp_pool(1)
    assert told_here(pool.apply, equal, ([1], [2])) == told_here(equal, [1], [2])
    assert told_here(pool.starmap, equal, [([1], [1]), ("a", "b")]) == told_here(equal, "a", "b")


def test_tasks_of_an_executor_tell_it(mp_backend: str, mp_executor: Callable[..., Executor]) -> None:
    executor = mp_executor(1)
    assert told_here(executor.submit(equal, [1], [2]).result) == told_here(equal, [1], [2])


def own_module() -> tuple[str, str | None, bool, str]:
    module = sys.modules[__name__]
    spec = module.__spec__
    assert spec is not None
    return spec.name, spec.origin, bool(spec.cached), inspect.getsource(equal)


def test_module_is_in_all_else_the_same(mp_process: ProcessFactory) -> None:
    assert mp_process(own_module).result() == own_module()


CONFTEST = """
    import pytest
    pytest.register_assert_rewrite("registered", "disabled")

    def of_conftest(number):
        assert number == 42

    def pytest_assertrepr_compare(config, op, left, right):
        if isinstance(left, complex):
            return [f"both are complex {config.getoption('verbose')}", f"{left.real} and {right.real}"]
"""

HELPERS = {
    "registered/__init__.py": "",
    "registered/checks.py": """
        def of_registered(number):
            assert number == 42
        """,
    "disabled.py": """
        "PYTEST_DONT_REWRITE"
        def of_disabled(number):
            assert number == 42
        """,
    "plain.py": """
        def of_plain(number):
            assert number == 42
        """,
    "test_neighbour.py": """
        def of_neighbour(number):
            assert number == 42
        """,
}

TESTS = """
    import sys
    from plain import of_plain
    from disabled import of_disabled
    import test_neighbour

    def loaded():
        assert sys.modules
        return sorted({"pytest", "_pytest", "psutil", "cloudpickle", "tblib"}.intersection(sys.modules))

    def of_module(number):
        assert number == 42

    def compare(left, right):
        assert left == right

    def use_registered(number):
        from registered.checks import of_registered
        of_registered(number)

    def told(call, *args):
        try:
            call(*args)
        except AssertionError as error:
            return str(error)

    def same(mp_process, target, *args):
        here = told(target, *args)
        assert told(mp_process(target, *args).result) == here
        return here

    def test_nothing_is_imported(mp_process, mp_start_method):
        found = mp_process(loaded).result()
        assert found == [] or mp_start_method == "fork"

    def test_same(mp_process, request):
        (conftest,) = (p for p in request.config.pluginmanager.get_plugins() if hasattr(p, "of_conftest"))
        assert same(mp_process, of_module, 41) == "assert 41 == 42"
        assert same(mp_process, conftest.of_conftest, 41) == "assert 41 == 42"
        assert same(mp_process, use_registered, 41) == "assert 41 == 42"

    def test_hook(mp_process):
        assert "both are complex" in same(mp_process, compare, 1j, 2j)

    def test_long(mp_process):
        same(mp_process, compare, list(range(300)), list(range(301)))

    def test_shown(mp_process):
        mp_process(of_module, 41).result()

    def test_pool(mp_pool):
        pool = mp_pool(1)
        for target in (use_registered, test_neighbour.of_neighbour):
            assert told(pool.apply, target, (41,)) == "assert 41 == 42"
        for target in (of_plain, of_disabled):
            assert told(pool.apply, target, (41,)) == ""
"""


def project(pytester: pytest.Pytester) -> None:
    for path, text in {"test_them.py": TESTS, "conftest.py": CONFTEST, **HELPERS}.items():
        file = pytester.path / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.mark.parametrize(
    ("python", "args", "methods"),
    [
        pytest.param([], ["--import-mode=prepend"], 3, id="prepend"),
        pytest.param([], ["--import-mode=append", "-n2", "-vv"], 3, id="append-xdist-verbose"),
        pytest.param([], ["--import-mode=importlib"], 3, id="importlib"),
        pytest.param(["-B"], ["--mp-start-methods=spawn", "-o", "truncation_limit_lines=3"], 1, id="no-bytecode"),
        pytest.param([], ["--mp-start-methods=spawn", "--color=yes", "-s"], 1, id="colours"),
        pytest.param([], ["--mp-start-methods=spawn", "-p", "no:terminal"], 1, id="no-terminal"),
        pytest.param(
            [], ["--mp-start-methods=spawn", "-o", "enable_assertion_pass_hook=true"], 1, id="hook-for-passing"
        ),
    ],
)
def test_in_every_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, python: list[str], args: list[str], methods: int
) -> None:
    project(pytester)
    # not from within the project: pytester puts the working directory on sys.path
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(pytester.path / "project"), *_path_entries()]))
    monkeypatch.delenv("CI", raising=False)
    result = pytester.run(
        sys.executable, *python, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=project", *args, "project"
    )
    if "no:terminal" in args:
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        return
    counted = result.parseoutcomes()
    assert (counted["passed"], counted["failed"]) == (5 * methods, methods), str(result.stdout)
    if "--color=yes" not in args:
        result.stdout.fnmatch_lines([">*assert number == 42", "E*assert 41 == 42", "*test_them.py:*: AssertionError"])


def _path_entries() -> list[str]:
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def test_plain_is_plain(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        def check(number):
            assert number == 42

        def test_plain(mp_process):
            with pytest.raises(AssertionError) as caught:
                mp_process(check, 41).result()
            assert str(caught.value) == ""
        """)
    pytester.runpytest_subprocess("--assert=plain", "-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_optimised_python_does_as_pytest_does(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def check(number):
            assert number == 42

        def test_optimised(mp_process):
            try:
                check(41)
            except AssertionError as error:
                here = str(error)
            try:
                mp_process(check, 41).result()
            except AssertionError as error:
                there = str(error)
            if here != there:
                raise ValueError((here, there))
        """)
    result = pytester.run(sys.executable, "-O", "-m", "pytest", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)


def test_warning_of_the_compiler_is_told_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(r"""
        def check(number):
            assert number == 42, "\d"

        def test_it(mp_process):
            try:
                mp_process(check, 41).result()
            except AssertionError as error:
                assert "assert 41 == 42" in str(error)
        """)
    result = pytester.runpytest_subprocess("--mp-start-methods=spawn", "-p", "no:cacheprovider", "-W", "always")
    result.assert_outcomes(passed=1, warnings=1)


def test_assertion_is_told_when_pytest_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_pytest.assertion.rewrite", None)
    assert Explainer()._saferepr(42) == "42"


def test_assertion_is_told_when_pytest_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_explainer, "_kept", [])
    monkeypatch.setattr("_pytest.assertion.util._reprcompare", None)
    assert Explainer("no such folder")._saferepr(42) == "42"


def test_what_is_set_up_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = vars(util)["_reprcompare"]
    monkeypatch.setattr(_explainer, "_kept", [])
    assert Explainer("no such folder")._saferepr(42) == "42"
    assert vars(util)["_reprcompare"] is before
    assert Explainer()._check_if_assertion_pass_impl() is False


def test_nothing_of_the_working_directory_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_explainer, "_kept", [])
    monkeypatch.setattr("_pytest.assertion.util._reprcompare", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / EXPLANATION).write_bytes(pickle.dumps(({"verbose": 0}, {}, (False, False), [])))
    assert Explainer()._saferepr(42) == "42"
    assert vars(util)["_reprcompare"] is None


def test_plugin_that_cannot_be_imported_in_a_child_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept: list[object] = []
    monkeypatch.setattr(_explainer, "_kept", kept)
    monkeypatch.setattr("_pytest.assertion.util._reprcompare", None)
    monkeypatch.setattr("_pytest.assertion.util._config", None)
    (tmp_path / EXPLANATION).write_bytes(pickle.dumps(({"verbose": 0}, {}, (False, False), ["no_such_plugin"])))
    assert Explainer(str(tmp_path))._saferepr(42) == "42"
    compare: Callable[[str, object, object], str] = vars(util)["_reprcompare"]
    assert "1 != 2" in compare("==", [1], [2])
    kept.clear()


def rewritten(tmp_path: Path, rewrite: Callable[[ast.Module, bytes, str], None]) -> RewrittenCode:
    return RewrittenCode(Assertions(rewrite, (), lambda: b"explanation"), lambda: str(tmp_path))


def test_file_that_is_gone_or_cannot_be_rewritten_is_left_to_a_plain_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(tree: ast.Module, source: bytes, path: str) -> None:
        raise RuntimeError("another pytest")

    module = ModuleType("test_of_nothing")
    module.__spec__ = ModuleSpec(module.__name__, vars(sys.modules[__name__])["__loader__"])
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert rewritten(tmp_path, fail).path(module.__name__) == ""
    file = tmp_path / "test_of_nothing.py"
    file.write_text("assert 1 == 2")
    module.__file__ = str(file)
    assert rewritten(tmp_path, fail).path(module.__name__) == ""
    assert rewritten(tmp_path, rewrite_asserts).path(module.__name__)
    file.write_text("nothing = 'to rewrite'")
    assert rewritten(tmp_path, rewrite_asserts).path(module.__name__) == ""


def test_child_that_outlives_its_test_imports_the_plain_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    file = tmp_path / "outliving.py"
    file.write_text("value = 42")
    install_finder([ModuleFile("outliving", str(file), None, str(tmp_path / "gone"))])
    assert importlib.import_module("outliving").value == 42
    del sys.modules["outliving"]


def test_nothing_is_handed_in_when_pytest_has_no_rewriting(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    assert assertions_of(request.node) is not None
    monkeypatch.delattr("_pytest.assertion.rewrite.rewrite_asserts")
    assert assertions_of(request.node) is None


def without_a_way_to_modules() -> None:
    sys.path.clear()
    number = 41
    assert number == 42


def test_child_that_lost_its_way_to_modules_tells_what_it_can(mp_process: ProcessFactory) -> None:
    with pytest.raises((AssertionError, ChildDied), match="assert 41 == 42"):
        mp_process(without_a_way_to_modules).result()
