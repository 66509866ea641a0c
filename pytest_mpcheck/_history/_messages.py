"""Messages: what a process has recorded before it sends one comes before what the receiver records after it.

Every object that goes through a queue, a connection, a pool, an executor or a manager of `multiprocessing` is pickled
by its `ForkingPickler`. While a test is recorded a stamp stands behind the pickle, where no reader of pickles looks: so
nobody but us sees it, and whoever does not know us reads the message as ever. It holds the place of the sender, and
with a task the test that has submitted it.

Guarantees: a message arrives whatever its stamp is. Without anything recorded there is no stamp.
"""

from __future__ import annotations

import contextlib
import io
import marshal
import sys
from _thread import get_ident
from operator import itemgetter
from pickle import loads as unpickle

from . import _log

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MAGIC", "Errand", "dumps", "loads", "receive"]

MAGIC = b"\0mpcheck"
"""How a message ends that has a stamp; a pickle ends with a full stop."""

_first = itemgetter(0)

_errands: dict[int, int | None] = {}
"""By thread, the test that has submitted the task which this thread is pickling."""

_followed: dict[str, int] = {}
"""By source, up to which of its places this process has followed it."""


class Errand:
    """Stands for the function of a task until that is pickled; arrives as the function itself.

    Args:
        function: The function.
    """

    __slots__ = ("_binding", "_function")

    def __init__(self, function: Any) -> None:
        self._function = function
        self._binding = _log.given()[2]

    def __reduce__(self) -> tuple[Any, ...]:
        _errands[get_ident()] = self._binding
        return _first, ((self._function,),)

    def __getattr__(self, name: str) -> Any:
        """Tell of the function what somebody asks who stands between us and the pool, such as its name."""
        return getattr(self._function, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, where it was not sent to another process."""
        return self._function(*args, **kwargs)


def dumps(cls: Any, obj: object, protocol: int | None = None) -> Any:
    """As `ForkingPickler.dumps`, with a stamp where there is something to tell."""
    thread = get_ident()
    _errands.pop(thread, None)
    buffer = io.BytesIO()
    cls(buffer, protocol).dump(obj)
    is_task = thread in _errands
    place = _log.here()
    if is_task or place is not None:
        stamp = marshal.dumps((is_task, _errands.pop(thread, None), place))
        buffer.write(stamp + len(stamp).to_bytes(2, "little") + MAGIC)
    return memoryview(buffer.getvalue())  # of bytes: a buffer that is collected with its view raises


def loads(data: Any, /, **options: Any) -> Any:
    """As `ForkingPickler.loads`; takes notice of the stamp."""
    if data[-len(MAGIC) :] == MAGIC:
        receive(data)
    return unpickle(data, **options)


def receive(data: Any) -> None:
    """Take notice of the stamp of a message.

    Args:
        data: The message, with a stamp.
    """
    with contextlib.suppress(Exception):  # it would end the thread of a pool, and the pool would hang
        end = len(data) - len(MAGIC) - 2
        length = int.from_bytes(data[end : end + 2], "little")
        is_task, binding, place = marshal.loads(data[end - length : end])
        if is_task and binding != _log.given()[2] and _is_child():
            _log.set_epoch(binding)
        if place is not None:
            _follow(*place)


def _is_child() -> bool:
    """Return whether tasks may be for this process: whoever terminates a pool reads those that nobody has taken."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.parent_process() is not None


def _follow(key: str, sequence: int) -> None:
    """Record a link, unless it would tell nothing new."""
    if not _log.is_own(key) and _followed.get(key, -1) < sequence:
        _log.follow("message", key, sequence)
        _followed[key] = sequence  # now: another thread does not go on before the link is there
