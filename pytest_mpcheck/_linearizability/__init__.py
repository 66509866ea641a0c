"""Whether what happened at the same time could have happened one after the other.

::

    check()          -- make ready, divide by key, decide
      Rules          -- a model, asked in one way
      Search         -- the general search
    models           -- what objects are to be like

Guarantees: pure; it knows nothing of processes, logs and tests.
"""

from ._check import LIMIT, check
from ._operation import UNKNOWN, Operation
from ._verdict import Verdict

__all__ = ["LIMIT", "UNKNOWN", "Operation", "Verdict", "check"]
