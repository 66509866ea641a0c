"""How a file of the log is laid out: a head, the names, and a ring of slots; and what the control file holds.

A file has a page for its head, then `NAMES` slots for names, then slots for records up to its end. Every slot has 64
bytes, the last four of them the checksum of the others. A record that is longer than a slot goes on in further slots,
its parts, each of which says which record it belongs to, and which part of it this is. The slot of ticket N is the
N-th, from the beginning again when the ring is full.

Guarantees: nothing but the standard library's smallest parts is imported here; children load this module.
"""

from __future__ import annotations

from struct import Struct

__all__ = [
    "BEGIN",
    "BODY",
    "CONTROL",
    "END",
    "EPOCHS",
    "EPOCHS_KEPT",
    "EPOCH_BODY",
    "EPOCH_MASK",
    "FIRST_SLOT",
    "HEAD",
    "INLINE",
    "KEY",
    "LENGTH_MAX",
    "LINK",
    "LONG",
    "LONG_HEAD",
    "LONG_ROOM",
    "MAGIC",
    "MARK",
    "MARSHAL",
    "NAMES",
    "NAMES_START",
    "NAME_BODY",
    "NAME_ROOM",
    "PACKED",
    "PART",
    "PART_BODY",
    "PART_ROOM",
    "POINT",
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

MAGIC = b"mpcheck log 1\n\0\0"

HEAD = Struct("<16sII")
"""The beginning of the head: magic, length of the facts, their checksum. The facts follow, marshalled."""

TALLY = 2048
"""Where a slot is that tells how the ring is used by now."""

TALLY_BODY = Struct("<QQQ36x")
"""What it tells: how many slots the ring has, how many of them have room on the disk, how many parts were written."""

EPOCHS = 2112
"""Where slots are that tell where an epoch begins."""

EPOCHS_KEPT = 31
"""How many of them there are; they are used by turns."""

EPOCH_BODY = Struct("<QQQ36x")
"""What they tell: the epoch, its first ticket, and how many parts were written before."""

NAMES_START = 4096

NAMES = 256

FIRST_SLOT = NAMES_START + NAMES * 64

SLOT = 64

SEALED = Struct("<60sI")
"""A slot: its body, and the checksum of that."""

BODY = Struct("<QBBHIQQ28s")
"""A record: ticket, kind, length of its data, number of its name, epoch, time, thread, data."""

ROOM = 28
"""How many bytes of data go into a record of one slot."""

LONG_HEAD = Struct("<II20s")
"""What the data of a longer one begin with: their length, their checksum, and the first of them."""

LONG_ROOM = 20

PART_BODY = Struct("<QBBHIQ36s")
"""A part of a record: ticket, kind, length, nothing, which part, the ticket of the record, data."""

PART_ROOM = 36

NAME_BODY = Struct("<H58s")
"""A name: its length, and the name."""

NAME_ROOM = 58

INLINE = 0xFFFF
"""The number of a name that stands with the data."""

POINT, BEGIN, END, LINK, MARK, PART = range(1, 7)
"""What a record is; `MARK` says nothing, but that somebody was there."""

LONG = 16
"""Added to the kind: it goes on in parts."""

PACKED = 32
"""Added to the kind: some of the data are pickled."""

LENGTH_MAX = 65536
"""How many bytes of data a record may have; they are cut to that."""

MARSHAL = 4
"""The version of `marshal`; every Python that this package runs on has it."""
