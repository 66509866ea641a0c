"""The file of one source, as whoever reads it finds it.

Guarantees: every record that is given was written, and is given once. What is damaged is counted and left out. A slot
that changes while it is read is read again.
"""

from __future__ import annotations

import marshal
import os
from binascii import crc32
from dataclasses import dataclass, field
from typing import IO, Any

from .._regular_file import open_regular_file
from ._data import Unreadable, read
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
    MAGIC,
    NAME_BODY,
    NAME_ROOM,
    NAMES,
    NAMES_START,
    PACKED,
    PART,
    PART_BODY,
    SEALED,
    SLOT,
    TALLY,
    TALLY_BODY,
)

__all__ = ["Record", "SourceFile", "read_file"]

_BLOCK = 1024 * 1024

_LOOKS = 3
"""How often a slot is read that is no whole one; who writes it may be at it."""

_EMPTY = bytes(SLOT)

_KINDS = 15
"""The part of a kind that says what a record is."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        ticket: Its place in the source.
        kind: What it is.
        name: Its name.
        data: Its data, with what the log has added under numbers.
        at: When it was made.
        thread: By which thread.
    """

    ticket: int
    kind: int
    name: str
    data: dict[Any, object]
    at: int
    thread: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What a file holds of an epoch.

    Attributes:
        key: Its name.
        facts: What its head tells of the source.
        records: The records of the epoch, in the order of their tickets.
        dropped: How many of that time had to make room.
        torn: How many of that time are damaged.
    """

    key: str
    facts: dict[str, Any]
    records: tuple[Record, ...]
    dropped: int
    torn: int


@dataclass(slots=True)
class _Slots:
    """The slots of a ring, sorted."""

    heads: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    parts: dict[int, dict[int, bytes]] = field(default_factory=dict)
    bad: list[int] = field(default_factory=list)
    last: int = -1


def read_file(folder: str, key: str, epoch: int) -> SourceFile | None:
    """Return what a file holds of an epoch; ``None`` when it is no file of the log, or holds nothing of it.

    Args:
        folder: The folder of the log.
        key: The name of the file.
        epoch: The number of the test.
    """
    try:
        with open_regular_file(os.path.join(folder, key)) as file:
            head = file.read(FIRST_SLOT).ljust(FIRST_SLOT, b"\0")
            facts = _facts(head)
            if facts is None:
                return None
            size = (os.fstat(file.fileno()).st_size - FIRST_SLOT) // SLOT
            ring, reserved, parts = _sealed(head, TALLY, TALLY_BODY) or (facts["slots"], size, None)
            slots = _sort(file, min(reserved, size))
            if parts is None or slots.last >= reserved:  # it has grown since
                head = _at(file, 0, FIRST_SLOT)
                ring, reserved, parts = _sealed(head, TALLY, TALLY_BODY) or (facts["slots"], size, None)
                slots = _sort(file, min(reserved, size))
            head = _at(file, 0, FIRST_SLOT)  # names that are newer than the first look
    except OSError:
        return None
    return _of_epoch(key, facts, head, slots, ring, parts, epoch)


def _of_epoch(
    key: str, facts: dict[str, Any], head: bytes, slots: _Slots, ring: int, parts: int | None, epoch: int
) -> SourceFile | None:
    records = []
    broken = 0
    for ticket in sorted(slots.heads):
        if slots.heads[ticket][4] == epoch:
            record = _record(head, slots.heads[ticket], slots.parts.get(ticket, {}))
            if record is None:
                broken += 1
            else:
                records.append(record)
    if not records and not broken:
        return None
    begins = [one for number in range(EPOCHS_KEPT) if (one := _sealed(head, EPOCHS + number * SLOT, EPOCH_BODY))]
    begin, parts_before = min(((ticket, count) for number, ticket, count in begins if number == epoch), default=(0, 0))
    oldest = max(0, slots.last + 1 - ring)
    lap = (slots.last + 1) // ring * ring if ring else 0
    bad = {index + lap if index + lap <= slots.last + 1 else index + lap - ring for index in slots.bad}
    torn = {ticket for ticket in bad if ticket >= begin}
    orphans = {ticket for ticket in slots.parts if ticket not in slots.heads and ticket >= max(oldest, begin)}
    torn_count = broken + len(torn | orphans)
    dropped = 0
    if oldest > begin:
        everything = slots.last + 1 - begin - (0 if parts is None else parts - parts_before)
        kept = sum(ticket >= begin for ticket in slots.heads)
        dropped = max(1, everything - kept - len(torn | orphans))
    return SourceFile(key, facts, tuple(records), dropped, torn_count)


def _facts(head: bytes) -> dict[str, Any] | None:
    magic, length, checksum = HEAD.unpack_from(head)
    told = head[HEAD.size : HEAD.size + length]
    if magic != MAGIC.ljust(16, b"\0") or length > TALLY - HEAD.size or crc32(told) != checksum:
        return None
    facts = marshal.loads(told)
    return facts if type(facts) is dict else None


def _sealed(data: bytes, position: int, body: Any) -> Any:
    """Return what a slot tells; ``None`` when it is damaged, or there is none."""
    packed, checksum = SEALED.unpack_from(data, position)
    if crc32(packed) != checksum:
        return None
    return body.unpack(packed)


def _at(file: IO[bytes], position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length).ljust(length, b"\0")


def _sort(file: IO[bytes], count: int) -> _Slots:
    found = _Slots()
    for first in range(0, count, _BLOCK // SLOT):
        block = _at(file, FIRST_SLOT + first * SLOT, min(_BLOCK, (count - first) * SLOT))
        for index, (body, checksum) in enumerate(SEALED.iter_unpack(block), first):
            if crc32(body) == checksum:
                _put(found, body)
            elif checksum or any(body):
                again = _look_again(file, FIRST_SLOT + index * SLOT)
                if again is None:
                    found.bad.append(index)
                else:
                    _put(found, again)
    return found


def _look_again(file: IO[bytes], position: int) -> bytes | None:
    for _ in range(_LOOKS):
        body, checksum = SEALED.unpack(_at(file, position, SLOT))
        if crc32(body) == checksum:
            found: bytes = body
            return found
    return None


def _put(found: _Slots, body: bytes) -> None:
    fields = BODY.unpack(body)
    ticket, kind = fields[0], fields[1]
    found.last = max(found.last, ticket)
    if kind == PART:
        _, _, length, _, index, head, data = PART_BODY.unpack(body)
        found.parts.setdefault(head, {})[index] = data[:length]
    else:
        found.heads[ticket] = fields


def _record(head: bytes, fields: tuple[Any, ...], parts: dict[int, bytes]) -> Record | None:
    ticket, kind, length, number, _, at, thread, written = fields
    if kind & LONG:
        length, checksum, written = LONG_HEAD.unpack(written)
        if length > LENGTH_MAX:
            return None
        written = b"".join((written, *(parts[index] for index in sorted(parts))))
        if len(written) != length or crc32(written) != checksum:
            return None
    else:
        written = written[:length]
    try:
        data = read(written, bool(kind & PACKED)) if written else {}
    except Unreadable:
        return None
    name = data.pop(-1, None) if number == INLINE else _name(head, number)
    if type(name) is not str:
        return None
    return Record(ticket, kind & _KINDS, name, data, at, thread)


def _name(head: bytes, number: int) -> str | None:
    if number >= NAMES:
        return None
    told = _sealed(head, NAMES_START + number * SLOT, NAME_BODY)
    if told is None or told[0] > NAME_ROOM:
        return None
    text: bytes = told[1][: told[0]]
    return text.decode("utf-8", "surrogatepass")
