"""What happened, in which order: facts become findings.

::

    History            -- what a test has; its Assertions are the rules
      Selection        -- which events: names and filters
      HappensBefore    -- which of two came first
      Extents          -- how far spans extend
      broken_*         -- a rule each: what breaks it
      timeline         -- events as text

Guarantees: every rule is a pure function of a `Chronicle`.
"""

from ._history import History

__all__ = ["History"]
