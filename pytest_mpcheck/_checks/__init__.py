"""Facts become findings: the assertions."""

from ._inheritance import assert_inherited, assert_not_inherited
from ._isolation import assert_isolated
from ._joining import assert_exited, assert_joined
from ._lines import assert_lines
from ._picklability import assert_picklable

__all__ = [
    "assert_exited",
    "assert_inherited",
    "assert_isolated",
    "assert_joined",
    "assert_lines",
    "assert_not_inherited",
    "assert_picklable",
]
