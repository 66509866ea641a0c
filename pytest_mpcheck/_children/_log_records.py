"""Log records on their way from a child to the test; imported at either end only by who logs.

Guarantees: a record is heard once, and by the handlers of the parent: the copies of them that a forked child has are
set aside there. Its text is made in the child; exceptions arrive as text, extra attributes as they are when they
consist of the built-in types, else as their `repr`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["handle_record", "listen_to_loggers", "loggers_with_handlers"]


def loggers_with_handlers() -> tuple[logging.Logger, ...]:
    """Return the loggers of this process that have handlers, but for the root."""
    loggers = list(logging.root.manager.loggerDict.values())
    return tuple(logger for logger in loggers if isinstance(logger, logging.Logger) and logger.handlers)


def listen_to_loggers(
    tell: Callable[[Mapping[str, object]], None],
    levels: Iterable[tuple[str, int]],
    disabled: int,
    loggers: Iterable[logging.Logger],
) -> None:
    """Tell what the loggers of this process log.

    Args:
        tell: Passes on the attributes of one record.
        levels: The loggers that have a level of their own.
        disabled: As for `logging.disable`.
        loggers: The loggers that have handlers.
    """
    _voice.tell = tell
    for logger in loggers:
        # a logger that keeps its records to itself and its handlers is heard for those
        logger.handlers = [] if logger.propagate else [_voice]
    logging.root.handlers = [_voice]
    for name, level in levels:
        logging.getLogger(name).setLevel(level)
    if logging.root.manager.disable != disabled:
        logging.disable(disabled)


class _Voice(logging.Handler):
    """The child's handler. A record whose text cannot be made raises where it was logged, as under pytest."""

    tell: Callable[[Mapping[str, object]], None]

    def emit(self, record: logging.LogRecord) -> None:
        if _is_forwarded():
            return
        facts = dict(vars(record), msg=record.getMessage(), args=None, exc_info=None, levelno=int(record.levelno))
        if record.exc_info and not record.exc_text:
            facts["exc_text"] = logging.Formatter().formatException(record.exc_info)
        self.tell(facts)


_voice = _Voice()
"""The one of this process; a forked child has one made already."""


def _is_forwarded() -> bool:
    """Return whether the child's own code sends its records somewhere, as by the logging cookbook's recipe."""
    handlers: Any = sys.modules.get("logging.handlers")
    return handlers is not None and any(
        isinstance(handler, (handlers.QueueHandler, handlers.SocketHandler)) for handler in logging.root.handlers
    )


class _ChildRecord(logging.LogRecord):
    """A record of a child: formatted, its message begins with who logged it; `getMessage` gives it bare."""

    @property
    def message(self) -> str:
        return self.getMessage()

    @message.setter
    def message(self, text: str) -> None:  # what a formatter makes its line of
        vars(self)["message"] = f"[child {self.processName!r} pid {self.process}] {text}"


def handle_record(facts: Mapping[str, object]) -> None:
    """Let this process handle a record of a child as if it had been logged here.

    Args:
        facts: The attributes of the record.
    """
    record = logging.makeLogRecord(facts)
    record.__class__ = _ChildRecord
    logging.getLogger(record.name).handle(record)
