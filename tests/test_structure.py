"""The structure that the design promises: imports point down, the face is explicit, what crosses a process pickles."""

from __future__ import annotations

import ast
import importlib
import pickle
import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest

import pytest_mpcheck
from pytest_mpcheck import (
    Aspect,
    ChildReport,
    Deadlock,
    Difference,
    Exited,
    ProcessFacts,
    ProcessId,
    Raised,
    Returned,
    ScriptRun,
    Signalled,
    Snapshot,
    Stuck,
)
from pytest_mpcheck._errors import _ChildError
from pytest_mpcheck._process_facts import Awaited, Straggler, Swept, ThreadWait

ROOT = Path(pytest_mpcheck.__file__).parent

ROWS = (
    ("_bad_setting", "_copies", "_record"),
    (
        *("_finding", "_records", "_process_facts", "_errors", "_clock", "_excerpts", "_heard_import"),
        *("_phrases", "_platform_offers", "_regular_file", "_table"),
    ),
    ("_findings", "_platforms", "_settings", "_values", "_words", "_event_words", "_process_words"),
    ("_autopsy", "_deadlocks", "_history", "_keeper", "_linearizability", "_probes", "_trace", "models"),
    ("_children",),
    ("_checks", "_comparison", "_guard", "_hazards", "_inheritance", "_leaks", "_ordering", "_scripts", "_sweep"),
    (
        *(
            "_account",
            "_attendant",
            "_config",
            "_docket",
            "_guarding",
            "_leftovers",
            "_options",
            "_preloading",
            "_recordings",
        ),
        *("_script_items", "_sweep_candidate", "_sweep_fixtures", "_sweep_option", "_sweep_reports", "_sweeping"),
        *("_time_limit", "_tracing", "fixtures"),
    ),
    ("plugin", "__main__"),
)
"""The strata, lowest first; the modules of one row may know each other."""

WITH_PYTEST = (*ROWS[-2], "plugin")


def module_names() -> list[str]:
    found = pkgutil.walk_packages([str(ROOT)], "pytest_mpcheck.")
    return sorted(module.name for module in found)


def imports_of(name: str) -> set[str]:
    """Return what a module imports, wherever in it, by absolute names; what serves types alone does not count."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    package = name if spec.submodule_search_locations else name.rpartition(".")[0]
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def row_of(name: str) -> int | None:
    part = name.split(".")[1] if name.startswith("pytest_mpcheck.") else ""
    return next((number for number, row in enumerate(ROWS) if part in row), None)


@pytest.mark.parametrize("name", module_names())
def test_imports_point_down(name: str) -> None:
    row = row_of(name)
    assert row is not None, f"{name} stands in no row of the strata"
    upwards = {other for other in imports_of(name) if (row_of(other) or 0) > row}
    assert upwards == set()
    if name.split(".")[1] not in WITH_PYTEST:
        assert not {other for other in imports_of(name) if other.split(".")[0] in ("pytest", "_pytest")}


@pytest.mark.parametrize("name", [name for name in module_names() if "_windows" not in name and "__main__" not in name])
def test_face_is_explicit(name: str) -> None:
    if name.endswith("_script_main"):
        return  # a program, started by its path
    module = importlib.import_module(name)
    face = getattr(module, "__all__", None)
    if face is not None:
        assert list(face) == sorted(
            face, key=lambda text: (text.upper() != text, text[0].islower() or text[0] == "_", text)
        )
        assert all(hasattr(module, entry) for entry in face)


def test_public_face_is_complete() -> None:
    assert sorted(pytest_mpcheck.__all__) == sorted(dir(pytest_mpcheck))
    for name in pytest_mpcheck.__all__:
        assert getattr(pytest_mpcheck, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pytest_mpcheck.nothing


def test_modules_are_short() -> None:
    assert {
        str(path): count for path in ROOT.rglob("*.py") if (count := len(path.read_text().splitlines())) > 300
    } == {}


FACTS = ProcessFacts(ProcessId(2, "token"), 1, "command", "sleeping", 1.5, 0.5, "fork", "name", "origin", "stacks")

REPORT = ChildReport(
    ProcessId(1, "token"), "name", "spawn", Exited(1), 1, "out", "err", "stacks", (FACTS,), ("out of memory",)
)

RECORDS: list[Any] = [
    FACTS,
    REPORT,
    Returned(b"value"),
    Raised("Error", "text", "traceback", b"exception", "obstacle"),
    Signalled(9),
    Stuck(1.5, Deadlock("what", "remedy", ("wait",))),
    ThreadWait(1, "waits", False, (Awaited("pipe", "1", "read"),), 2),
    Straggler(ProcessId(1, "token"), 2, 3, "name", "command"),
    Swept(),
    ScriptRun("path", ("arg",), "fork", 0, "out", "err", ("survivor",)),
    Aspect({"place": "text"}, True, "obstacle"),
    Difference("word", "place", "here", None),
    Snapshot(ProcessId(1, "token"), 2, 3, {"word": Aspect({"place": "text"})}),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_pickle_and_stay_as_they_are(record: Any) -> None:
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises((AttributeError, TypeError)):
        record.other = 1


def errors() -> list[type[pytest_mpcheck.MpcheckError]]:
    from pytest_mpcheck import _errors
    from pytest_mpcheck._children._executor import WorkerDied

    return [getattr(_errors, name) for name in _errors.__all__] + [WorkerDied]


@pytest.mark.parametrize("error", errors())
def test_errors_pickle_with_all_they_carry(error: type[pytest_mpcheck.MpcheckError]) -> None:
    has_report = issubclass(error, _ChildError)
    original = error(*(("message", REPORT) if has_report else ("message",)))
    copy = pickle.loads(pickle.dumps(original))
    assert type(copy) is error
    assert str(copy) == "message"
    assert isinstance(copy, pytest_mpcheck.MpcheckError)
    if isinstance(copy, _ChildError):
        assert copy.report == REPORT


def test_what_runs_in_a_child_does_not_import_pytest(mp_process: Any, mp_start_method: str, pytester: Any) -> None:
    if mp_start_method == "fork":
        assert mp_process(abs, -1).result() == 1
        return
    pytester.makepyfile(
        target="""
            import sys
            unwanted = {"pytest", "psutil", "cloudpickle", "tblib", "pytest_mpcheck._probes"}
            def loaded():
                return sorted(unwanted.intersection(sys.modules))
            """,
        program="""
            from pytest_mpcheck._children._nursery import Nursery
            import sys, target
            if __name__ == "__main__":
                nursery = Nursery(sys.argv[1], 30, [], echo=lambda: "nowhere")
                print(nursery.start(target.loaded, (), None, None).result())
                nursery.close()
            """,
    )
    result = pytester.run(sys.executable, "program.py", mp_start_method)
    assert result.outlines == ["[]"]
    assert mp_process(abs, -1).result() == 1
