"""What goes wrong, as exceptions.

Guarantees: every one of them derives from `MpcheckError` and survives pickling with all it carries, so that it may
cross from a pytest-xdist worker or from a child.
"""

from __future__ import annotations

from pickle import PicklingError

from ._bad_setting import BadSetting, MpcheckError

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from ._finding import Finding
    from ._records import ChildReport

__all__ = [
    "BadSetting",
    "ChildDied",
    "ChildStuck",
    "Found",
    "MpcheckError",
    "NoSuchWorkers",
    "NotPicklable",
    "ResourcesLeaked",
    "UnseenFailure",
]


class NoSuchWorkers(MpcheckError):
    """What was asked for does not exist for this kind of worker. The plugin tells it as a skip."""


class NotPicklable(MpcheckError, PicklingError):
    """Something that has to cross to or from a child does not pickle; the message names where inside it."""


class Found(MpcheckError):
    """The guard has found something, and is strict.

    Attributes:
        findings: What.
    """

    def __init__(self, message: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message, findings)
        self.findings = findings

    def __str__(self) -> str:
        return str(self.args[0])


class ResourcesLeaked(Found):
    """A test, or a fixture of wider scope, has left something behind."""


class _ChildError(MpcheckError):
    """Base of the errors that are about one child.

    Attributes:
        report: What was known of the child when the error was made.
    """

    def __init__(self, message: str, report: ChildReport) -> None:
        super().__init__(message, report)
        self.report = report

    def __str__(self) -> str:
        return str(self.args[0])


class ChildStuck(_ChildError):
    """A child was still running when its deadline passed. It has been ended since."""


class ChildDied(_ChildError):
    """A child ended without giving a result, or with an exception that could not be brought here as it was."""


class UnseenFailure(_ChildError):
    """A child failed, and the test ended without looking at how."""


for _name in __all__:  # where users find them, which is also how pytest and pickle name them
    globals()[_name].__module__ = "pytest_mpcheck"
