"""The file of one source, as its process writes it.

Guarantees: nobody who records waits for another thread or process, and a signal handler may record while a record is
being written. A record is in the file, for whoever reads it, whatever becomes of the process, once `record` has
returned. Room is reserved before it is used: where there is none the ring stays as small as it is, and nothing is
killed by a page that cannot be had.
"""

from __future__ import annotations

import marshal
import mmap
import os
import sys
from _thread import get_ident
from binascii import crc32
from collections.abc import Callable, Mapping
from itertools import count

from .. import _platforms
from ._data import PLAIN, write
from ._layout import (
    BODY,
    EPOCH_BODY,
    EPOCHS,
    EPOCHS_KEPT,
    FIRST_SLOT,
    HEAD,
    INLINE,
    LENGTH_MAX,
    LONG,
    LONG_HEAD,
    LONG_ROOM,
    MAGIC,
    MARSHAL,
    NAME_BODY,
    NAME_ROOM,
    NAMES,
    NAMES_START,
    PACKED,
    PART,
    PART_BODY,
    PART_ROOM,
    ROOM,
    SEALED,
    SLOT,
    TALLY,
    TALLY_BODY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Ring"]

_FIRST_STEP = 512
"""How many slots are reserved at first; then as many again as there are."""

_STEP_MAX = 65536
"""How many are reserved at once at most."""


class Ring:
    """The file of a source that is new.

    Args:
        folder: The folder of the log.
        facts: What its head tells of the source.
        limit: How large the file may become, in bytes.

    Attributes:
        key: The name of the file.
        record: Write a record: kind, name, data, epoch. Returns its ticket.
        begin_epoch: Note that an epoch begins here.
        taken: Return how many tickets were taken.
        leave: Let `record` write nothing more: this is a copy of the process by now, and the file belongs to the other.

    Raises:
        OSError: There is no such folder, or no room.
    """

    def __init__(self, folder: str, facts: Mapping[str, object], limit: int) -> None:
        stem = f"{facts['pid']}-{facts['start_token']}"
        for number in count():
            self.key = f"{stem}-{number}" if number else stem
            path = os.path.join(folder, self.key)
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
            except FileExistsError:  # another interpreter of this process has it
                continue
            break
        self._path, self._file = path, file
        slots = max((limit - FIRST_SLOT) // SLOT, _FIRST_STEP)
        try:
            _platforms.reserve(file, 0, FIRST_SLOT + _FIRST_STEP * SLOT)
            os.ftruncate(file, FIRST_SLOT + slots * SLOT)
            ring = mmap.mmap(file, FIRST_SLOT + slots * SLOT)
        except OSError:
            self.discard()
            raise
        told = marshal.dumps({**facts, "slots": slots}, MARSHAL)
        ring[HEAD.size : HEAD.size + len(told)] = told
        HEAD.pack_into(ring, 0, MAGIC, len(told), crc32(told))
        self.record, self.begin_epoch, self.taken, self.leave = _writer(ring, file, slots)

    def discard(self) -> None:
        """Take it back; nothing was recorded in it."""
        os.close(self._file)
        os.unlink(self._path)


def _writer(ring: mmap.mmap | None, file: int, slots: int) -> tuple[Callable[..., int], Any, Any, Any]:  # noqa: PLR0915
    """Make the functions of a ring. They are closures: what they need is nearer to them than attributes are."""
    tickets = count()
    next_ticket = tickets.__next__
    next_number = count().__next__
    next_epoch = count().__next__
    numbers: dict[str, int] = {}
    room = min(_FIRST_STEP, slots)
    parts = 0
    now = _platforms.event_clock()
    dumps = marshal.dumps
    pack, pack_part, pack_into = BODY.pack, PART_BODY.pack, SEALED.pack_into

    def record(kind: int, name: str, data: Mapping[Any, object], epoch: int) -> int:
        number = numbers.get(name)
        if number is None:
            number = register(name)
        if data:
            for value in data.values():
                if value.__class__ not in PLAIN:
                    return record_any(kind, number, name, data, epoch)
            written = dumps(data, MARSHAL)
        else:
            written = b""
        length = len(written)
        if length > ROOM or number == INLINE:
            return record_any(kind, number, name, data, epoch)
        ticket = next_ticket()
        if ticket >= room:
            grow(ticket)
        body = pack(ticket, kind, length, number, epoch, now(), get_ident(), written)
        position = FIRST_SLOT + ticket % slots * SLOT
        checksum = crc32(body)
        try:
            pack_into(ring, position, body, checksum)
        except TypeError:
            from ._log import record_again

            return record_again(kind, name, data)
        return ticket

    def record_any(kind: int, number: int, name: str, data: Mapping[Any, object], epoch: int) -> int:
        """Write a record whose data are not plain, or not short."""
        nonlocal parts
        limit = min(LENGTH_MAX, slots * SLOT // 8)
        written, is_packed = write({-1: name, **data} if number == INLINE else data, limit)
        if is_packed:
            kind |= PACKED
        ticket = next_ticket()
        pieces = ()
        if len(written) > ROOM:
            kind |= LONG
            pieces = [written[start : start + PART_ROOM] for start in range(LONG_ROOM, len(written), PART_ROOM)]
            parts += len(pieces)
            length, written = ROOM, LONG_HEAD.pack(len(written), crc32(written), written[:LONG_ROOM])
        else:
            length = len(written)
        for index, piece in enumerate(pieces):
            put(pack_part, PART, len(piece), 0, index, ticket, piece)
        if pieces:
            tell()
        if ticket >= room:
            grow(ticket)
        body = pack(ticket, kind, length, number, epoch, now(), get_ident(), written)
        position = FIRST_SLOT + ticket % slots * SLOT
        checksum = crc32(body)
        pack_into(ring, position, body, checksum)
        return ticket

    def put(pack: Callable[..., bytes], *fields: object) -> None:
        ticket = next_ticket()
        if ticket >= room:
            grow(ticket)
        body = pack(ticket, *fields)
        position = FIRST_SLOT + ticket % slots * SLOT
        checksum = crc32(body)
        pack_into(ring, position, body, checksum)

    def register(name: str) -> int:
        """Give a name a number, by which records have it."""
        encoded = name.encode("utf-8", "surrogatepass")
        number = next_number() if len(encoded) <= NAME_ROOM and len(numbers) < NAMES else NAMES
        if number >= NAMES:
            return INLINE
        seal(NAMES_START + number * SLOT, NAME_BODY.pack(len(encoded), encoded))
        numbers[name] = number
        return number

    def grow(ticket: int) -> None:
        """Reserve room for a ticket; where there is none, start again at the beginning of the ring."""
        nonlocal room, slots
        while ticket >= room < slots:
            step = min(max(room, ticket + 1 - room), _STEP_MAX, slots - room)
            try:
                _platforms.reserve(file, FIRST_SLOT + room * SLOT, step * SLOT)
            except OSError:
                slots = room
            else:
                room += step
        tell()
        if room >= slots:
            room = sys.maxsize

    def seal(position: int, body: bytes) -> None:
        pack_into(ring, position, body, crc32(body))

    def tell() -> None:
        seal(TALLY, TALLY_BODY.pack(slots, min(room, slots), parts))

    def begin_epoch(epoch: int) -> None:
        seal(EPOCHS + next_epoch() % EPOCHS_KEPT * SLOT, EPOCH_BODY.pack(epoch, taken(), parts))

    def taken() -> int:
        return int(repr(tickets)[6:-1])

    def leave() -> None:
        nonlocal ring
        ring = None

    tell()
    return record, begin_epoch, taken, leave
