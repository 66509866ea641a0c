"""What differs between platforms: one file each, behind the functions below.

=====================  =================================================================================
`available_kinds()`    what of start methods, threads and interpreters this interpreter really has
`exit_handle(pid)`     something `multiprocessing.connection.wait` takes that gets ready when a process
                       has ended, whoever else holds its pipes; ``None`` where there is no such thing
`follow_parent(fd)`    make this process end when the other end of ``fd`` closes, however that comes about
`group_members(pid)`   the living processes of the group that ``pid`` leads, as command lines
`end_group(pid)`       end every process of that group
`end_self()`           end this process at once, as if somebody had killed it
`memory_kills()`       how many processes the kernel has killed for want of memory; ``None`` where
                       nobody counts
`stacks_file(pid, n)`  the file into which a process would write its stacks if it got signal ``n``;
                       ``None`` where that is not known, or the signal would do something else
`start_token(pid)`     when a process started, as text that compares
`start_clock()`        the start token of a process that would start now, as a number; ``None`` where
                       processes alone tell it
`tree_of(pid)`         a process and all that descends from it, as `ProcessFacts` without stacks
`waits_of(pid)`        what each thread of a process waits for; nothing where that is not known
`kin()`                what knows who of all processes could give what others wait for, ``None`` elsewhere
`STACK_SIGNAL`         the signal that asks a child for its stacks, ``None`` where no signal can
`is_alive(process)`    whether a process, that one and no later one with its pid, has not ended
`end(process)`         ask a process to end, or kill it; never a later one with its pid
`find(scope, ...)`     the living processes that carry the mark of a scope, or descend from one that does
`family(scope, ...)`   the same, and descendants of this process, quickly; and its children that are zombies
`new_brand()`          a number by which descendants can be known; ``None`` where nothing would pass it on
`set_brand(brand)`     brand this process and what it starts from now on; gives the brand that it had
`first_end(...)`       wait until one of some processes has ended, or a word comes through a pipe
`start_apart(...)`     start a process that is neither child of this one nor in its session
`doors()`              the functions by which the standard library starts processes
`reserve(file, ...)`   have room on the disk for a part of a file, before memory that is mapped to it is used
`event_clock()`        the clock by which events are ordered, in nanoseconds
`clock_is_shared()`    whether that clock is promised to be one for all processes
`descriptors()`        what is open in this process, by descriptor, as text that compares
`open_descriptors()`   the same, without what each is open for, quickly
`named_memory_exists`  whether a semaphore or a segment of shared memory still has its name
`ignored_signals()`    which signals this process ignores, where the system tells it besides Python
`uncollected(pid)`     the exit code of a child that nobody has collected; ``None`` where it is not known
`thread_count()`       how many threads this process has, as far as anybody tells
`umask()`              the file mode creation mask of this process
=====================  =================================================================================
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from ._kinship import Kin

if sys.platform == "win32":  # pragma: needs windows
    from ._windows import *
elif sys.platform == "darwin":  # pragma: needs macos
    from ._macos import *
else:
    from ._linux import *

__all__ = [
    "MARK",
    "STACK_SIGNAL",
    "Kin",
    "available_kinds",
    "clock_is_shared",
    "descriptors",
    "doors",
    "end",
    "end_group",
    "end_self",
    "event_clock",
    "exit_handle",
    "family",
    "find",
    "first_end",
    "follow_parent",
    "group_members",
    "ignored_signals",
    "is_alive",
    "kin",
    "memory_kills",
    "named_memory_exists",
    "new_brand",
    "open_descriptors",
    "reserve",
    "set_brand",
    "stacks_file",
    "start_apart",
    "start_clock",
    "start_token",
    "thread_count",
    "tree_of",
    "umask",
    "uncollected",
    "waits_of",
]


def available_kinds() -> tuple[str, ...]:
    """Return the kinds of worker that this interpreter really has, start methods first."""
    from multiprocessing import get_all_start_methods

    interpreters = ("interpreter",) if find_spec("concurrent.interpreters") else ()
    return (*get_all_start_methods(), "thread", *interpreters)


MARK = "MPCHECK_SCOPE"
"""The variable of the environment that names a scope to every program that is started in it; see `find`."""
