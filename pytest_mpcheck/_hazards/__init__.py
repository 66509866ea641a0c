"""Hazards of forking, and of not forking: told while nothing has happened yet.

Guarantees: what is told was seen, never guessed from how a program looks: `_fork` says what is seen when. With the
guard off nothing of this is loaded. A fork that has nothing to tell costs a walk over what the child can reach; a child
that can reach nothing dangerous runs none of this.

=============  =======================================================================================
`_fork`        what is seen of a fork in the parent
`_forked`      what a child sees of itself
`_reach`       what a child can reach by its target, its arguments, and the line that starts it
`_sorts`       which of that could do harm
`_threads`     those that run beside the one that forks
`_locks`       those that nobody will release in the child
`_lookout`     who uses what
`_shared`      what came through a fork and was used on both sides
`_streams`     random numbers that two children draw alike
`_preflight`   what would fail under spawn, and how it is called
`_notes`       what a child has to tell
`_judgement`   facts to findings
`_hazards`     all of it as a watcher of the guard
=============  =======================================================================================
"""
