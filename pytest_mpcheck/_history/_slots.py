"""The file of one source, as whoever reads it finds it.

Guarantees: every record that is given was written, and is given once. What is damaged is counted and left out. A slot
that changes while it is read is read again.
"""

from __future__ import annotations

import marshal
import os
import re
from binascii import crc32
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import IO, Any

from .._regular_file import open_regular_file
from ._data import Unreadable, read
from ._layout import (
    EPOCH_BODY,
    EPOCH_SHIFT,
    EPOCHS,
    EPOCHS_KEPT,
    FIRST_SLOT,
    HEAD,
    INLINE,
    KINDS,
    LONG,
    LONG_DATA,
    MAGIC,
    NAME_BODY,
    NAME_SHIFT,
    NAMES,
    NAMES_START,
    NO_DATA,
    PACKED,
    PART,
    RECORD,
    SEALED,
    SLOT,
    TALLY,
    TALLY_BODY,
)

__all__ = ["Record", "SourceFile", "read_file", "read_source"]

_BLOCK = 1024 * SLOT

_LOOKS = 3
"""How often a slot is read that is no whole one; who writes it may be at it."""

_AHEAD = 64 * SLOT
"""How far beyond the last whole record one may be that is torn, and not an older one."""

_KEY = re.compile(r"(\d+)-([^-]*)(-\d+)?")


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        sequence: Its place in the source.
        kind: What it is.
        name: Its name.
        data: Its data, with what the log has added under numbers.
        at: When it was made.
        thread: By which thread.
    """

    sequence: int
    kind: int
    name: str
    data: dict[Any, Any]
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
    """The slots of a ring, sorted: records and parts by their tickets, and the places of what is damaged."""

    records: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    parts: dict[int, dict[int, bytes]] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    last: int = 0

    def put(self, fields: tuple[Any, ...]) -> None:
        """Sort in what is whole."""
        ticket, at, thread, label, data, _ = fields
        self.last = max(self.last, ticket)
        if label == PART:
            self.parts.setdefault(at, {})[thread] = data
        else:
            self.records[ticket] = fields


def read_file(folder: str, key: str, epoch: int) -> SourceFile | None:
    """Return what a file holds of an epoch; ``None`` when it is no file of the log, or holds nothing of it.

    Args:
        folder: The folder of the log.
        key: The name of the file.
        epoch: The number of the test.
    """
    try:
        with open_regular_file(os.path.join(folder, key)) as file:
            return read_source(key, file, epoch)
    except OSError:
        return None


def read_source(key: str, file: IO[bytes], epoch: int) -> SourceFile | None:
    """As `read_file`, of a file that is open."""
    name = _KEY.fullmatch(key)
    if name is None:
        return None
    head = _at(file, 0, FIRST_SLOT)
    facts = _facts(head)
    damage = int(facts is None)
    if facts is None:
        facts = {"pid": int(name[1]), "start_token": name[2], "name": "", "start_method": ""}
    end = file.seek(0, os.SEEK_END) // SLOT * SLOT
    size = facts.get("size", max(end - FIRST_SLOT, SLOT))
    size, reserved, parts = _sealed(head, TALLY, TALLY_BODY) or (size, end, 0)
    damage += end < reserved  # it was cut
    begin, parts_before = _begin(head, epoch)
    place = FIRST_SLOT + (begin - FIRST_SLOT) % size
    slots = _Slots()
    if begin and _is_record(_at(file, place, SLOT), begin):  # then nothing older need be read
        if any(_at(file, FIRST_SLOT + size - SLOT, SLOT)):  # it goes on at the beginning, or will soon
            _sort(file, FIRST_SLOT, place, size, slots)
        _sort(file, place, min(reserved, end), size, slots)
    else:
        _sort(file, FIRST_SLOT, min(reserved, end), size, slots)
    names = _names(_at(file, 0, FIRST_SLOT))  # now: some may be newer than the first look
    records = []
    for ticket, fields in sorted(slots.records.items()):
        if fields[3] >> EPOCH_SHIFT == epoch:
            record = _record(names, fields, slots.parts.get(ticket, {}))
            if record is None:
                damage += 1
            else:
                records.append(record)
    if not records:
        return None
    oldest = slots.last + SLOT - size
    torn = {ticket for ticket in _tickets(slots, size) if ticket >= begin}
    torn |= {ticket for ticket in slots.parts if ticket >= max(begin, oldest) and ticket not in slots.records}
    dropped = 0
    if oldest > max(begin, FIRST_SLOT):
        taken = (slots.last + SLOT - max(begin, FIRST_SLOT)) // SLOT - (parts - parts_before)
        dropped = max(1, taken - len(torn) - sum(ticket >= begin for ticket in slots.records))
    return SourceFile(key, facts, tuple(records), dropped, damage + len(torn))


def _facts(head: bytes) -> dict[str, Any] | None:
    magic, length, checksum = HEAD.unpack_from(head)
    told = head[HEAD.size : min(HEAD.size + length, TALLY)]
    if magic != MAGIC or crc32(told) != checksum:
        return None
    try:
        facts: dict[str, Any] = marshal.loads(told)
    except (EOFError, ValueError, TypeError):  # its process was killed before it had written it
        return None
    return facts


def _begin(head: bytes, epoch: int) -> tuple[int, int]:
    """Return with which ticket an epoch begins, and how many parts there were before; zeros when that is not known."""
    for number in range(EPOCHS_KEPT):
        told = _sealed(head, EPOCHS + number * SLOT, EPOCH_BODY)
        if told and told[0] == epoch:
            return told[1], told[2]
    return 0, 0


def _sealed(data: bytes, place: int, body: Struct) -> Any:
    """Return what a slot tells; ``None`` when it is damaged, or there is none."""
    packed, checksum = SEALED.unpack_from(data, place)
    return body.unpack(packed) if crc32(packed, place) == checksum else None


def _at(file: IO[bytes], place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length).ljust(length, b"\0")


def _sort(file: IO[bytes], start: int, end: int, size: int, slots: _Slots) -> None:
    """Sort in what stands in a part of a file.

    The last of it is read first: so whatever is being written meanwhile, there is nothing without what came before it.
    """
    for place in reversed(range(start, end, _BLOCK)):
        block = _at(file, place, min(_BLOCK, end - place))
        block = block[: -(-len(block.rstrip(b"\0")) // SLOT) * SLOT]
        for index, fields in enumerate(RECORD.iter_unpack(block)):
            if _is_whole(fields, place + index * SLOT, size):
                slots.put(fields)
            else:
                _look_again(file, place + index * SLOT, size, slots)


def _look_again(file: IO[bytes], place: int, size: int, slots: _Slots) -> None:
    for _ in range(_LOOKS):
        fields = RECORD.unpack(_at(file, place, SLOT))
        if _is_whole(fields, place, size):
            slots.put(fields)
            return
    if any(fields[:4]) or fields[5] or any(fields[4]):
        slots.damaged.append(place)


def _is_whole(fields: tuple[Any, ...], place: int, size: int) -> bool:
    """Return whether a slot holds a record as it was written, and one that belongs there."""
    ticket, _, _, label, data, seal = fields
    if ticket != seal or ticket < FIRST_SLOT or (ticket - place) % size:
        return False
    kind = label & 0xFF
    return kind == PART or bool(kind & LONG) or data[0] != 0


def _is_record(slot: bytes, ticket: int) -> bool:
    fields = RECORD.unpack(slot)
    return fields[0] == ticket and _is_whole(fields, ticket, SLOT)


def _tickets(slots: _Slots, size: int) -> Iterable[int]:
    """Give the tickets of damaged slots: of this lap of the ring, or of the one before."""
    here = FIRST_SLOT + (slots.last - FIRST_SLOT) % size
    lap = slots.last - here
    for place in slots.damaged:
        yield place + lap - (size if lap and place > here + _AHEAD else 0)


def _record(names: dict[int, str], fields: tuple[Any, ...], parts: dict[int, bytes]) -> Record | None:
    ticket, at, thread, label, written, _ = fields
    if label & LONG:
        length, checksum, begin = LONG_DATA.unpack(written)
        written = b"".join((begin, *(parts[index] for index in sorted(parts))))[:length]
        if crc32(written) != checksum:
            return None
    try:
        data = {} if written.startswith(NO_DATA) else read(written, bool(label & PACKED))
    except Unreadable:
        return None
    number = label >> NAME_SHIFT & 0xFFFF
    name = data.pop(-1, None) if number == INLINE else names.get(number)
    if type(name) is not str:
        return None
    return Record((ticket - FIRST_SLOT) // SLOT, label & KINDS, name, data, at, thread)


def _names(head: bytes) -> dict[int, str]:
    """Return the names that have numbers."""
    found = {}
    for number in range(NAMES):
        told = _sealed(head, NAMES_START + number * SLOT, NAME_BODY)
        if told:
            text: bytes = told[1][: told[0]]
            found[number] = text.decode("utf-8", "surrogatepass")
    return found
