"""What shared objects are to be like, for `History.assert_linearizable`.

Guarantees: each is a class with ``initial`` and ``step``, as one of your own would be; docs/history.md tells how.
"""

from ._linearizability._collections import Dictionary, Set
from ._linearizability._models import BoundedQueue, Counter, Lock, Queue, Register, Semaphore
from ._linearizability._operation import UNKNOWN, Operation

__all__ = [
    "UNKNOWN",
    "BoundedQueue",
    "Counter",
    "Dictionary",
    "Lock",
    "Operation",
    "Queue",
    "Register",
    "Semaphore",
    "Set",
]
