"""The log: what a process records, and into what.

Guarantees: nothing here waits for anybody; nothing raises what the code under test would not raise without it. While
nobody listens a checkpoint costs a look at a word in memory. Each process has a file of its own, and so has each
interpreter in it; a process that records nothing has none. What a checkpoint has returned from is in that file, however
the process ends.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Callable, Iterator, Mapping, Sequence
from marshal import dumps as _dumps
from time import monotonic_ns as _now  # unless the clock of events is another one; see `_hear`

from ._layout import (
    END,
    EPOCH_MASK,
    KEY,
    LABELLED,
    LINK,
    MARK,
    MARSHAL,
    MARSHAL_SHORT,
    NO_DATA,
    PLAIN,
    POINT,
    ROOM,
    VARIABLE,
)

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

    from ._ring import Ring

__all__ = ["checkpoint", "epoch", "follow", "given", "here", "is_own", "listen", "listens", "record_again", "set_epoch"]

LIMIT = 64 * 1024 * 1024
"""How large the file of a source may become, in bytes, where nobody says."""

_UNHEARD = -1  # look at the control word anew, with the next event

_pack_into = LABELLED.pack_into

_MARK_OF_BYTES = ord("s")
"""What `marshal` puts before bytes, and, alas, before whatever shows its memory: an array, a number of numpy's."""

_control: Sequence[int] = (0,)
_heard = _UNHEARD  # the control word that was heard last
_state: tuple[Any, Any, Iterator[int], int, dict[str, bytes]] | None = None
"""What a checkpoint needs while somebody listens: ring, memory, tickets, room, and what events are by their names."""
_labels: dict[str, bytes] = {}
_record: Callable[[int, str, Mapping[Any, object], int], int]
_epoch = 0
_bound: int | None = None
_knowing: Callable[[Callable[..., int]], Callable[..., int]] | None = None
_folder: str | None = None
_origin: tuple[str, int] | None = None
_method = ""
_limit = LIMIT
_ring: Ring | None = None
_rings: dict[str, Ring] = {}
_new_ring: Callable[[str, str, str, int], Ring]
_has_rules = False


def checkpoint(name: str, /, **data: object) -> None:
    """Record that this point was reached.

    Args:
        name: What the event is called.
        data: What is to be known of it.
    """
    if _control[0] != _heard:
        _hear()
    if _state is None:
        return
    ring, memory, tickets, room, labels = _state
    try:
        label = labels[name]
        written = _dumps(data, MARSHAL) if data else NO_DATA
        if len(written) > ROOM or _MARK_OF_BYTES in written:  # or so it seems
            written = _shortest(data, written)
        place = ticket = next(tickets)
        if ticket >= room:
            place = _place_of(ring, ticket)
        _pack_into(memory, place, ticket, _now(), get_ident(), label, written, ticket)
    except (KeyError, TypeError, ValueError):
        # The name is new, or the data are not plain and short; or the memory is that of another process: a signal
        # handler has forked this one.
        _record_first(name, data)


def listen(
    folder: str | None, origin: tuple[str, int] | None = None, *, start_method: str = "", limit: int | None = None
) -> None:
    """Record into a log from now on, bound to no test of it (`set_epoch`).

    Args:
        folder: Its folder; ``None``: none.
        origin: The place in another source, as of `here`, that all which is recorded here comes after.
        start_method: How this process was started.
        limit: How large the file of a source may become, in bytes.
    """
    global _folder, _origin, _method, _control, _ring, _heard, _epoch, _bound, _knowing, _limit, _new_ring  # noqa: PLW0603
    from ._control import open_word
    from ._forks import watch_forks
    from ._ring import Ring  # now: a child that is forked while a thread imports it would wait for it for ever

    _new_ring = Ring
    _heard = _UNHEARD
    _folder, _origin, _method, _limit = folder, origin, start_method, limit or _limit
    _ring = _rings.get(folder) if folder else None
    _epoch, _bound, _knowing = 0, None, None
    _control = (0,)
    if folder:
        watch_forks()
        try:
            _control = open_word(folder)
        except (OSError, ValueError):  # the run that it belonged to is over
            _folder = None
    if folder and _control[0] > EPOCH_MASK:
        from ._rules import load

        load(folder, _control[0] >> 32)  # which begins the watches: what is imported from now on may be watched


def set_epoch(number: int | None, knowing: Callable[[Callable[..., int]], Callable[..., int]] | None = None) -> None:
    """Count what this process records to a test, whichever listens.

    Args:
        number: The epoch of the test; ``None``: the one that listens.
        knowing: Makes of what records a function that knows of threads which belong to other tests.
    """
    global _bound, _knowing, _heard
    _bound, _knowing, _heard = number, knowing, _UNHEARD


def listens() -> bool:
    """Return whether what is recorded now is for a test."""
    if _control[0] != _heard:
        _hear()
    return _state is not None


def here() -> tuple[str, int] | None:
    """Return the place where this process stands, for `follow`: its key and the last sequence number.

    Before it has recorded anything, it is the place that it came after. ``None`` if nobody listens, or nothing came
    before.
    """
    if not _control[0] & EPOCH_MASK:
        return None
    return _origin if _ring is None else (_ring.key, _ring.taken() - 1)


def is_own(key: str) -> bool:
    """Return whether a key is that of this process."""
    return _ring is not None and _ring.key == key


def epoch() -> int:
    """Return the number of the test that listens; 0 when none does."""
    return _control[0] & EPOCH_MASK


def given() -> tuple[str | None, int, int | None, tuple[str, int] | None]:
    """Return what a process has to know that is started now: folder, limit, binding and place."""
    return _folder, _limit, _bound, here()


def follow(kind: str, key: str, sequence: int = -1) -> None:
    """Record that what another source has recorded came before all that this one records from now on.

    Args:
        kind: Why; see `LinkKind`.
        key: The other source.
        sequence: Up to which of its places; -1: all.
    """
    if listens():
        _record(LINK, kind, {0: key, 1: sequence}, _epoch)


def _record_first(name: str, data: Mapping[str, object]) -> None:
    """Record an event of a name that is new in this test, and let the next ones take the short way."""
    if not isinstance(name, str):
        raise _no_name("checkpoint", name)
    _record_any(name, data)
    labels = _labels  # first: another thread that hears of another test makes new ones last
    if _ring is not None and not _has_rules and name not in labels:
        label = _ring.label(POINT, name, _epoch)
        if label is not None:
            labels[name] = label.to_bytes(8, sys.byteorder)


def _no_name(call: str, name: object) -> Exception:
    """Return the error that something is no name of an event."""
    from .._errors import MpcheckError

    return MpcheckError(
        f"{call}({name!r}): the name of an event is a text, not of type {type(name).__name__}\n"
        f"what to do: give it a name, and the rest as data: {call}('sent', item=item)"
    )


def _shortest(data: dict[str, Any], written: bytes) -> bytes:
    """Return data as they were written or, if that is too long, in the shorter way.

    Raises:
        ValueError: They are too long in that way, too, or not plain.
    """
    for value in data.values():
        if value.__class__ not in PLAIN:
            raise ValueError(value.__class__)
    if len(written) > ROOM:
        written = _dumps(data, MARSHAL_SHORT)
        if len(written) > ROOM:
            raise ValueError(len(written))
    return written


def _record_any(name: str, data: Mapping[str, object]) -> None:
    if listens():  # by now this may be another process
        _record(POINT, name, data, _epoch)


def record_again(kind: int, name: str, data: Mapping[Any, object]) -> int:
    """Record what could not be, because this process was forked while it was recorded: a signal handler did that."""
    return _record(kind, name, data, _epoch) if kind != END and listens() else -1


def _place_of(ring: Ring, ticket: int) -> int:
    """Return the place of a record that is beyond the room which is known, and know of the room that there is now."""
    global _state  # noqa: PLW0603
    place = ring.place_of(ticket)
    if _state is not None and _state[0] is ring:
        _state = (*_state[:3], ring.room, _state[4])
    return place


def _hear() -> None:
    """Take notice of what the control word says."""
    global _heard, _epoch, _record, _ring, _state, _labels, _has_rules, _now  # noqa: PLW0603
    if _folder is None and _is_expected():
        from ._attach import find

        find()
    word = _control[0]
    if not word & EPOCH_MASK or _folder is None:
        _state, _heard = None, word
        return
    epoch = word & EPOCH_MASK if _bound is None else _bound
    ring = _ring
    if ring is None:
        try:
            ring = _open(_folder)
        except OSError:  # the run is over and its folder gone, or the disk is full
            _state, _heard = None, word
            return
    _ring, _record, _has_rules, _now = ring, ring.record, False, ring.now
    if word > EPOCH_MASK:
        from ._rules import load

        _record = load(_folder, word >> 32).recorder(ring)
    if _knowing is not None:
        _record = _knowing(_record)
    _has_rules = _record != ring.record
    if epoch != _epoch:
        ring.begin_epoch(epoch)
        _epoch = epoch
        ring.record(MARK, "", {}, epoch)
    _labels = {}
    _state = ring, ring.mapped, ring.tickets, ring.room, _labels
    _heard = word


def _is_expected() -> bool:
    """Return whether this process was told of a log, in either of the two ways."""
    processes = sys.modules.get("multiprocessing.process")
    return VARIABLE in os.environ or (processes is not None and KEY in processes.current_process()._config)


def _open(folder: str) -> Ring:
    """Make the file of this source."""
    processes = sys.modules.get("multiprocessing.process")
    name = processes.current_process().name if processes else "MainProcess"
    ring = _new_ring(folder, name, _method, _limit)
    first = _rings.setdefault(folder, ring)
    if first is not ring:  # another thread was faster, or a signal handler
        ring.discard()
        return first
    if _origin is not None:
        epoch = _control[0] & EPOCH_MASK if _bound is None else _bound
        ring.begin_epoch(epoch)
        ring.record(LINK, "start", {0: _origin[0], 1: _origin[1]}, epoch)
    return ring
