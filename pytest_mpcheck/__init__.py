"""pytest-mpcheck: tests for code that starts processes.

Importing this package imports neither pytest nor anything else that is heavy; each name is loaded when it is first
used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from ._checks import (
        assert_exited,
        assert_inherited,
        assert_isolated,
        assert_joined,
        assert_lines,
        assert_not_inherited,
        assert_picklable,
    )
    from ._children._child import Child
    from ._children._executor import WorkerDied
    from ._errors import (
        BadSetting,
        ChildDied,
        ChildStuck,
        MpcheckError,
        NoSuchWorkers,
        NotPicklable,
        UnseenFailure,
    )
    from ._probes._probe import probe
    from ._probes._snapshot import Aspect, Difference, Snapshot
    from ._process_facts import ProcessFacts
    from ._records import (
        ChildReport,
        Deadlock,
        Exited,
        Outcome,
        ProcessId,
        Raised,
        Returned,
        ScriptRun,
        Signalled,
        Stuck,
    )

__version__ = "0.1.0"

__all__ = [
    "Aspect",
    "BadSetting",
    "Child",
    "ChildDied",
    "ChildReport",
    "ChildStuck",
    "Deadlock",
    "Difference",
    "Exited",
    "MpcheckError",
    "NoSuchWorkers",
    "NotPicklable",
    "Outcome",
    "ProcessFacts",
    "ProcessId",
    "Raised",
    "Returned",
    "ScriptRun",
    "Signalled",
    "Snapshot",
    "Stuck",
    "UnseenFailure",
    "WorkerDied",
    "__version__",
    "assert_exited",
    "assert_inherited",
    "assert_isolated",
    "assert_joined",
    "assert_lines",
    "assert_not_inherited",
    "assert_picklable",
    "probe",
]

_HOMES = {
    "Child": "._children._child",
    "ProcessFacts": "._process_facts",
    "WorkerDied": "._children._executor",
    "probe": "._probes._probe",
    **dict.fromkeys(("Aspect", "Difference", "Snapshot"), "._probes._snapshot"),
    **dict.fromkeys([name for name in __all__ if name.startswith("assert_")], "._checks"),
    **dict.fromkeys(
        ("BadSetting", "ChildDied", "ChildStuck", "MpcheckError", "NoSuchWorkers", "NotPicklable", "UnseenFailure"),
        "._errors",
    ),
}
"""Where the names live that are not records."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES.get(name, "._records"), __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
