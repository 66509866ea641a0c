"""How a file of the log is laid out: a head, the names, and a ring of slots; and what the control file holds.

A file has a page for its head, then `NAMES` slots for names, then slots for records up to its end. Every slot has 64
bytes, the last of them a seal. A record that is longer than a slot goes on in further slots, its parts, each
of which says which record it belongs to, and which part of it this is. Tickets are places: the first record has the
ticket `FIRST_SLOT`; past the end of the ring it begins again at the beginning.

Guarantees: nothing but the standard library's smallest parts is imported here; children load this module.
"""

from __future__ import annotations

from struct import Struct

__all__ = [
    "BEGIN",
    "CONTROL",
    "END",
    "EPOCHS",
    "EPOCHS_KEPT",
    "EPOCH_BODY",
    "EPOCH_MASK",
    "EPOCH_SHIFT",
    "FIRST_SLOT",
    "HEAD",
    "INLINE",
    "KEY",
    "KINDS",
    "LABELLED",
    "LENGTH_MAX",
    "LINK",
    "LONG",
    "LONG_DATA",
    "LONG_ROOM",
    "MAGIC",
    "MARK",
    "MARSHAL",
    "MARSHAL_SHORT",
    "NAMES",
    "NAMES_START",
    "NAME_BODY",
    "NAME_ROOM",
    "NAME_SHIFT",
    "NO_DATA",
    "PACKED",
    "PART",
    "PLAIN",
    "POINT",
    "RECORD",
    "ROOM",
    "SEALED",
    "SLOT",
    "TALLY",
    "TALLY_BODY",
    "VARIABLE",
]

VARIABLE = "MPCHECK_HISTORY"
"""The variable of the environment that names the folder of the log to every program that is started in it."""

KEY = "mpcheck_history"
"""Where a process of `multiprocessing` has that in its configuration, and what came before it."""

CONTROL = "control"
"""The file in that folder that says which test listens."""

EPOCH_MASK = 0xFFFFFFFF
"""The part of the control word that is the epoch; what is above it is the generation of the rules."""

MAGIC = b"mpcheck log 1\n".ljust(16, b"\0")

HEAD = Struct("@16sII")
"""The beginning of the head: magic, length of the facts, their checksum. The facts follow, marshalled."""

TALLY = 2048
"""Where a slot is that tells how the ring is used by now."""

TALLY_BODY = Struct("@QQQ36x")
"""What it tells: how many slots the ring has, how many of them have room on the disk, how many parts were written."""

EPOCHS = 2112
"""Where slots are that tell where an epoch begins."""

EPOCHS_KEPT = 31
"""How many of them there are; they are used by turns."""

EPOCH_BODY = Struct("@QQQ36x")
"""What they tell: the epoch, its first ticket, and how many parts were written before."""

NAMES_START = 4096

NAMES = 256

FIRST_SLOT = NAMES_START + NAMES * 64

SLOT = 64

RECORD = Struct("@QQQQ24sQ")
"""A record: ticket, time, thread, what it is, data, ticket. What it is: its kind, the number of its name, its epoch.

The ticket is the place that the record would have in a file without an end. `pack_into` writes it first and last: a
record that a kill has torn, or that is read while it is written, has another one at its end. That is all that has to be
recognised, since nobody but its process writes into a file; a checksum would cost a fourth of an event. In a part, the
time is the ticket of its record, and the thread is which part of it this is.
"""

LABELLED = Struct("@QQQ8s24sQ")
"""The same, for who knows already the bytes that say what the record is."""

NO_DATA = b"0"
"""What stands for no data: so data that are zeros are a record that was read while it was written."""

ROOM = 24
"""How many bytes of data go into a record of one slot."""

NAME_SHIFT, EPOCH_SHIFT = 8, 32
"""Where in what a record is the number of its name and its epoch begin."""

LONG_DATA = Struct("@II16s")
"""What the data of a longer record begin with: their length, their checksum, and the first of them."""

LONG_ROOM = 16

SEALED = Struct("@60sI")
"""A slot that is no record: its body, and the checksum of that, seeded with its place."""

NAME_BODY = Struct("@H58s")
"""A name: its length, and the name."""

NAME_ROOM = 58

INLINE = NAMES
"""The number of a name that stands with the data."""

POINT, BEGIN, END, LINK, MARK, PART = range(1, 7)
"""What a record is; `MARK` says nothing, but that somebody was there."""

KINDS = 15
"""The part of a kind that says what the record is; the rest is added to it."""

LONG = 16
"""Added to the kind: it goes on in parts."""

PACKED = 32
"""Added to the kind: some of the data are pickled."""

LENGTH_MAX = 32768
"""How many bytes of data a record may have; they are cut to that."""

MARSHAL = 2
"""The version of `marshal` for small data: the fastest, since it looks for nothing that occurs twice."""

MARSHAL_SHORT = 4
"""The one for others: the shortest that every Python has that this package runs on."""

PLAIN = frozenset((bool, bytes, float, int, str, type(None)))
"""The types whose values are written as they are; the same for lists, tuples and dictionaries of such."""
