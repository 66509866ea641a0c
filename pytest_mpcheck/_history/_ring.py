"""The file of one source, as its process writes it.

Guarantees: nobody who records waits for another thread or process, and a signal handler may record while a record is
being written. A record is in the file, for whoever reads it, whatever becomes of the process, once `record` has
returned. Room is reserved before it is used: where there is none the ring stays as small as it is, and nobody is killed
by a page that cannot be had.
"""

from __future__ import annotations

import contextlib
import marshal
import os
from _thread import get_ident
from binascii import crc32
from collections.abc import Mapping
from itertools import count

from .. import _platforms
from .._excerpts import shortened, text_of
from ._data import write
from ._layout import (
    EPOCH_BODY,
    EPOCH_SHIFT,
    EPOCHS,
    EPOCHS_KEPT,
    FIRST_SLOT,
    HEAD,
    INLINE,
    LENGTH_MAX,
    LONG,
    LONG_DATA,
    LONG_ROOM,
    MAGIC,
    MARSHAL_SHORT,
    NAME_BODY,
    NAME_ROOM,
    NAME_SHIFT,
    NAMES_START,
    NO_DATA,
    PACKED,
    PART,
    RECORD,
    ROOM,
    SEALED,
    SLOT,
    TALLY,
    TALLY_BODY,
)
from ._mapping import map_file, populate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Ring", "plain_name"]

_FIRST_STEP = 512 * SLOT
"""How much is reserved at first, in bytes; then as much again as there is."""

_STEP_MAX = 65536 * SLOT
"""How much is reserved at once at most."""

_NAME_MAX = 400
"""How much of the name of a process the head has room for, in characters."""


class Ring:
    """The file of a source that is new.

    Args:
        folder: The folder of the log.
        name: The name of the process, as it was given.
        start_method: How it was started.
        limit: How large the file may become, in bytes.

    Attributes:
        key: The name of the file.
        mapped: The file, in memory.
        tickets: Gives one after the other; threads and signal handlers do not get in each other's way there.
        now: The clock.
        room: Up to which ticket it is known that the place of the record is the ticket itself, and that it is there.

    Raises:
        OSError: There is no such folder, or no room.
    """

    def __init__(self, folder: str, name: object, start_method: str, limit: int) -> None:
        pid = os.getpid()
        token = _platforms.start_token(pid)
        stem = f"{pid}-{token}"
        for number in count():  # pragma: no branch
            self.key = f"{stem}-{number}" if number else stem
            self._path = os.path.join(folder, self.key)
            try:
                file = os.open(self._path, _FLAGS, 0o600)
            except FileExistsError:  # another interpreter of this process has it
                continue
            break
        self._size = max((limit - FIRST_SLOT) // SLOT * SLOT, _FIRST_STEP)
        try:
            _platforms.reserve(file, 0, FIRST_SLOT + _FIRST_STEP)
            os.ftruncate(file, FIRST_SLOT + self._size)
            self.mapped = map_file(file, FIRST_SLOT + self._size)
        except OSError:
            os.close(file)
            os.unlink(self._path)
            raise
        os.close(file)
        facts = {
            "pid": pid,
            "start_token": token,
            "name": shortened(plain_name(name), _NAME_MAX),
            "start_method": start_method,
            "size": self._size,
        }
        told = marshal.dumps(facts, MARSHAL_SHORT)
        self.mapped[HEAD.size : HEAD.size + len(told)] = told
        HEAD.pack_into(self.mapped, 0, MAGIC, len(told), crc32(told))
        self.tickets = count(FIRST_SLOT, SLOT)
        self.now = _platforms.event_clock()
        self.room = self._reserved = FIRST_SLOT + _FIRST_STEP
        self._parts = 0
        self._numbers: dict[str, int] = {}
        self._epochs: set[int] = set()
        self._next_number = count().__next__
        self._next_epoch = count().__next__
        self._tell()

    def discard(self) -> None:
        """Take it back; nothing was recorded in it."""
        self.leave()
        os.unlink(self._path)

    def leave(self) -> None:
        """Write nothing more into it: this is a copy of the process by now, and the file belongs to the other."""
        with contextlib.suppress(BufferError):  # another thread of the other was writing at the moment
            self.mapped.close()

    def taken(self) -> int:
        """Return how many tickets were taken."""
        return sequence_of(int(repr(self.tickets)[6:].split(",")[0]))

    def begin_epoch(self, epoch: int) -> None:
        """Note that an epoch begins here, unless it has begun before."""
        if epoch in self._epochs:
            return
        self._epochs.add(epoch)
        place = EPOCHS + self._next_epoch() % EPOCHS_KEPT * SLOT
        self._seal(place, EPOCH_BODY.pack(epoch, FIRST_SLOT + self.taken() * SLOT, self._parts))

    def label(self, kind: int, name: str, epoch: int) -> int | None:
        """Return what a record is, as it says it; ``None`` if its name has no number, and there is none for it."""
        number = self._numbers.get(name)
        if number is None:
            number = self._number(name)
            if number == INLINE:
                return None
        return epoch << EPOCH_SHIFT | number << NAME_SHIFT | kind

    def _number(self, name: str) -> int:
        encoded = name.encode("utf-8", "surrogatepass")
        if len(encoded) > NAME_ROOM:
            return INLINE
        number = self._next_number()
        if number >= INLINE:
            return INLINE
        self._seal(NAMES_START + number * SLOT, NAME_BODY.pack(len(encoded), encoded))
        self._numbers[name] = number
        return number

    def record(self, kind: int, name: str, data: Mapping[Any, Any], epoch: int) -> int:
        """Write a record, whatever its data.

        Args:
            kind: What it is.
            name: Its name.
            data: Its data.
            epoch: The test that it counts to.

        Returns:
            Its sequence number.
        """
        label = self.label(kind, name, epoch)
        if label is None:
            label = epoch << EPOCH_SHIFT | INLINE << NAME_SHIFT | kind
            data = {-1: str.__str__(name), **data}
        if data:
            written, is_packed = write(dict(data), min(LENGTH_MAX, self._size // 8))
            if is_packed:
                label |= PACKED
        else:
            written = NO_DATA
        try:
            return self._write(label, written)
        except (TypeError, ValueError):  # the memory is that of another process: a signal handler has forked this one
            from ._log import record_again

            return record_again(kind, name, data)

    def _write(self, label: int, written: bytes) -> int:
        if len(written) <= ROOM:
            return self._put(next(self.tickets), self.now(), get_ident(), label, written)
        ticket = next(self.tickets)
        pieces = [written[start : start + ROOM] for start in range(LONG_ROOM, len(written), ROOM)]
        self._parts += len(pieces)
        for index, piece in enumerate(pieces):
            self._put(next(self.tickets), ticket, index, PART, piece.ljust(ROOM, b"\0"))
        self._tell()
        begin = LONG_DATA.pack(len(written), crc32(written), written[:LONG_ROOM])
        return self._put(ticket, self.now(), get_ident(), label | LONG, begin)

    def _put(self, ticket: int, at: int, thread: int, label: int, written: bytes) -> int:
        place = ticket if ticket < self.room else self.place_of(ticket)
        RECORD.pack_into(self.mapped, place, ticket, at, thread, label, written, ticket)
        return sequence_of(ticket)

    def place_of(self, ticket: int) -> int:
        """Return the place of a record in the file, once there is room for it.

        Where there is no room on the disk the ring ends before that, and begins again at its beginning.
        """
        while ticket >= self._reserved < FIRST_SLOT + self._size:
            start = self._reserved
            step = min(start - FIRST_SLOT, _STEP_MAX, FIRST_SLOT + self._size - start)
            try:
                self._reserve(start, step)
            except OSError:
                self._size = start - FIRST_SLOT
            else:
                self.room = self._reserved = max(self._reserved, start + step)  # another thread may have been faster
            self._tell()
        return FIRST_SLOT + (ticket - FIRST_SLOT) % self._size

    def _reserve(self, start: int, length: int) -> None:
        file = os.open(self._path, os.O_RDWR)  # by its name: a number may be another file's since
        try:
            _platforms.reserve(file, start, length)
        finally:
            os.close(file)
        populate(self.mapped, start, length)

    def _tell(self) -> None:
        self._seal(TALLY, TALLY_BODY.pack(self._size, self._reserved, self._parts))

    def _seal(self, place: int, body: bytes) -> None:
        SEALED.pack_into(self.mapped, place, body, crc32(body, place))


def sequence_of(ticket: int) -> int:
    """Return the sequence number that belongs to a ticket."""
    return (ticket - FIRST_SLOT) // SLOT


def plain_name(name: object) -> str:
    """Return the name of a process as a plain text: `multiprocessing` takes anything for one."""
    return str.__str__(name) if isinstance(name, str) else text_of(name)


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
