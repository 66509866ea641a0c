"""pytest-mpcheck: tests for code that starts processes.

Importing this package imports neither pytest nor anything else that is heavy; each name is loaded when it is first
used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from . import models
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
        Found,
        MpcheckError,
        NoSuchWorkers,
        NotPicklable,
        ResourcesLeaked,
        UnseenFailure,
    )
    from ._finding import Finding, MpcheckWarning
    from ._history._chronicle import Event, Source, Span
    from ._history._holds import Hold
    from ._history._log import checkpoint
    from ._history._span import span
    from ._leaks._block import assert_no_leaks
    from ._ordering import History
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
    "Event",
    "Exited",
    "Finding",
    "Found",
    "History",
    "Hold",
    "MpcheckError",
    "MpcheckWarning",
    "NoSuchWorkers",
    "NotPicklable",
    "Outcome",
    "ProcessFacts",
    "ProcessId",
    "Raised",
    "ResourcesLeaked",
    "Returned",
    "ScriptRun",
    "Signalled",
    "Snapshot",
    "Source",
    "Span",
    "Stuck",
    "UnseenFailure",
    "WorkerDied",
    "__version__",
    "assert_exited",
    "assert_inherited",
    "assert_isolated",
    "assert_joined",
    "assert_lines",
    "assert_no_leaks",
    "assert_not_inherited",
    "assert_picklable",
    "checkpoint",
    "models",
    "probe",
    "span",
]

_HOMES = {
    "models": ".models",
    "Child": "._children._child",
    "History": "._ordering",
    "Hold": "._history._holds",
    "ProcessFacts": "._process_facts",
    "WorkerDied": "._children._executor",
    **dict.fromkeys(("Event", "Source", "Span"), "._history._chronicle"),
    **dict.fromkeys(("Finding", "MpcheckWarning"), "._finding"),
    "checkpoint": "._history._log",
    "span": "._history._span",
    "probe": "._probes._probe",
    **dict.fromkeys(("Aspect", "Difference", "Snapshot"), "._probes._snapshot"),
    **dict.fromkeys([name for name in __all__ if name.startswith("assert_")], "._checks"),
    "assert_no_leaks": "._leaks._block",
    **dict.fromkeys(
        (
            "BadSetting",
            "ChildDied",
            "ChildStuck",
            "Found",
            "MpcheckError",
            "NoSuchWorkers",
            "NotPicklable",
            "ResourcesLeaked",
            "UnseenFailure",
        ),
        "._errors",
    ),
}
"""Where the names live that are not records."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES.get(name, "._records"), __name__)
    value = globals()[name] = home if name == "models" else getattr(home, name)
    return value


def __dir__() -> list[str]:
    return __all__
