"""Functions of a test module are targets however pytest imported that module, and however pytest was started."""

from __future__ import annotations

import sys
import sysconfig
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from pytest_mpcheck._children._modules import ModuleFile, locate

CONFTEST = """
    def of_conftest(number):
        return 2 * number
"""

HELPER = """
    def of_helper(number):
        return 2 * number
"""

TESTS = """
    import sys
    from dataclasses import dataclass
    import pytest
    from pytest_mpcheck import assert_isolated

    def double(number):
        return 2 * number

    def label(text):
        globals()["LABEL"] = text

    def read_label():
        return LABEL

    def my_name():
        return __name__, __file__

    def fail():
        raise Failure("as told")

    class Failure(Exception):
        pass

    @dataclass
    class Pair:
        left: int
        right: int

    class TestOfClass:
        def method(self, number):
            return 2 * number

        def test_bound_method(self, mp_process):
            assert mp_process(self.method, 21).result() == 42

    def test_function(mp_process):
        assert mp_process(double, 21).result() == 42
        assert mp_process(my_name).result() == (__name__, __file__)

    def test_lambda(mp_process):
        assert mp_process(lambda: double(21)).result() == 42

    def test_class(mp_process):
        assert mp_process(lambda pair: Pair(pair.right, pair.left), Pair(1, 2)).result() == Pair(2, 1)

    def test_exception(mp_process):
        with pytest.raises(Failure, match="as told"):
            mp_process(fail).result()

    def test_pool(mp_pool):
        pool = mp_pool(1, label, ("set",))
        assert pool.map(double, [1, 2]) == [2, 4]
        assert pool.apply(read_label) == "set"

    def test_executor(mp_executor):
        executor = mp_executor(1, label, ("set",))
        assert list(executor.map(double, [1, 2])) == [2, 4]
        assert executor.submit(read_label).result() == "set"

    def test_backend(mp_backend, mp_process, mp_executor):
        assert mp_process(double, 21).result() == 42
        assert mp_executor(1, label, ("set",)).submit(double, 21).result() == 42
"""

IN_PACKAGE = """
    from .helper import of_helper

    def test_conftest(mp_process, request):
        (conftest,) = (p for p in request.config.pluginmanager.get_plugins() if hasattr(p, "of_conftest"))
        assert mp_process(conftest.of_conftest, 21).result() == 42

    def test_relative(mp_process):
        assert mp_process(of_helper, 21).result() == 42
"""


def test_extension_module_needs_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_of_c")
    monkeypatch.setitem(sys.modules, "made_of_c", module)
    module.__file__ = "elsewhere/made_of_c.so"
    assert locate(["made_of_c"]) == ()
    module.__file__ = "elsewhere/made_of_c.py"
    assert locate(["made_of_c"]) == (ModuleFile("made_of_c", "elsewhere/made_of_c.py", None),)


SCRIPT = [str(Path(sysconfig.get_path("scripts")) / ("pytest.exe" if sys.platform == "win32" else "pytest"))]
MODULE = [sys.executable, "-m", "pytest"]


@pytest.mark.parametrize(
    ("mode", "command", "args"),
    [
        pytest.param("prepend", MODULE, ["-n0", "-s"], id="prepend"),
        pytest.param("append", SCRIPT, ["-n2"], id="append-script-xdist"),
        pytest.param("importlib", SCRIPT, ["-n0"], id="importlib-script"),
        pytest.param("importlib", MODULE, ["-n2", "--capture=sys"], id="importlib-xdist"),
    ],
)
def test_targets_of_test_modules(pytester: pytest.Pytester, mode: str, command: list[str], args: list[str]) -> None:
    for path, text in (
        ("checks/test_functions.py", TESTS),
        ("package/__init__.py", ""),
        ("package/conftest.py", CONFTEST),
        ("package/helper.py", HELPER),
        ("package/test_in_package.py", IN_PACKAGE),
    ):
        file = pytester.path / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    # not from within the project: pytester puts the working directory on sys.path, where any child would find modules
    args = [*args, "-p", "no:cacheprovider", "--rootdir=project", "project"]
    result = pytester.run(*command, f"--import-mode={mode}", *args)
    interpreters = int(sys.version_info >= (3, 14))
    result.assert_outcomes(passed=9 * 3 + 5 - 1 + interpreters)
