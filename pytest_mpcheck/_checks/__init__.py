"""Facts become findings: the assertions."""

from ._isolation import assert_isolated
from ._joining import assert_exited, assert_joined
from ._lines import assert_lines

__all__ = ["assert_exited", "assert_isolated", "assert_joined", "assert_lines"]
