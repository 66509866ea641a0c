"""A hang is a fact where it can be proved: every process of the test waits for what only they could give.

::

    Vigil.look()  -- while somebody waits: when to look, and how often the same must be seen
      look()      -- one look at the family: this process and all that descend from it
        bystanders()  -- which threads of this process could give nothing
      explain()   -- which kind of deadlock it is (pure)

**What a proof takes.** Every living thread of every process of the family waits, without a time limit, for pipes, unix
sockets with a single peer, locks in memory, or ends of processes: nothing else. No process outside holds the other end
of one of those pipes or sockets, or maps one of those locks. No process of the family is stopped or traced, has a timer
or a handler for a signal that somebody might send. Of this process itself the thread that waits, which is ours, and the
threads of pytest's own surroundings do not count; any other must wait like the rest. All that was seen four times
alike, and no thread has been on a processor in between: so there was a moment at which *all* of them slept, and from
there on nobody is left who could wake the first.

**What it relies on.** That `/proc` tells the system calls of all threads (Linux on x86_64 and aarch64, not every
sandbox), and that unix sockets tell their peers. Where one is missing, and on other platforms, nothing is proved and
the deadline decides, as it does whenever one thread of the family is in doubt.

**The holes.** Not seen are: a process of another user, or one that has left the family (double fork) and is to send a
signal; a signal sent by hand; `alarm(2)` without a handler, which ends the process; a descriptor that is on its way
through a socket in this very moment; a named semaphore that somebody opens only later.
"""

from __future__ import annotations

from ._bystanders import waiting_for
from ._vigil import Vigil, names_of_children

__all__ = ["Vigil", "names_of_children", "waiting_for"]
