"""What pytest raises to say how a test goes on (skip, xfail, fail, exit): raised in a child it means here what it says.

These exceptions say of themselves that they stand in ``builtins``, where nobody would find them, and most are no
`Exception`, which a worker of a `multiprocessing.Pool` does not survive. So they go by where they are, and tasks hand
them over inside of one that is.

Nothing here imports pytest, unless it brings such an exception back.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

__all__ = ["Carrying", "judge", "reduce_class"]

_HOME = "_pytest.outcomes"


def judge(errors: Sequence[Exception]) -> tuple[BaseException | None, list[Exception]]:
    """Tell children that failed unseen from those that only said how the test goes on.

    Args:
        errors: What children made their test raise; where nobody looked, what the child raised is the cause.

    Returns:
        The outcome to raise, if nothing is to be told beside it; and the failures. To exit goes before all else, and a
        failure before a skip.
    """
    exits = [error.__cause__ for error in errors if _is(error.__cause__, "Exit")]
    failures = [error for error in errors if not _is(error.__cause__, "Skipped", "XFailed")]
    if exits:
        return exits[0], []
    if errors and not failures:
        return errors[0].__cause__, []
    return None, failures


def reduce_class(cls: type) -> tuple[Any, ...] | None:
    """Return how to pickle the class of an outcome; ``None`` for any other class."""
    return (_find, (cls.__name__,)) if cls is getattr(sys.modules.get(_HOME), cls.__name__, None) else None


class Carrying:
    """A task of a pool or an executor that hands an outcome of pytest over to whoever asks for the task's result.

    Args:
        function: The task's function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._function(*args, **kwargs)
        except BaseException as error:
            if not _is(error, "OutcomeException"):
                raise
            from ._exceptions import dump_exception

            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # without this frame
            raise _Carrier(dump_exception(error)) from None


class _Carrier(Exception):
    """Becomes, where it is unpickled, the exception that it carries."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, self.args


def _find(name: str) -> Any:
    return getattr(import_module(_HOME), name)


def _is(error: BaseException | None, *names: str) -> bool:
    home = sys.modules.get(_HOME)
    return any(isinstance(error, getattr(home, name, ())) for name in names)
