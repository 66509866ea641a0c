"""Is this the text that the children should have printed?"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import Literal

__all__ = ["assert_lines"]


def assert_lines(text: str, expected: Iterable[str], order: Literal["any", "given"] = "any") -> None:
    """Assert that a text consists of the expected lines, each as often as it is expected.

    A final newline does not matter. Lines that processes without buffers tore apart are different lines: count the
    messages in the text instead where that may happen.

    Args:
        text: The text, such as `Child.stdout`.
        expected: The lines, without line ends.
        order: ``"given"`` when they must come in that order, ``"any"`` when processes may be faster or slower.

    Raises:
        AssertionError: Lines are missing, too many, or in another order; says which.
        ValueError: `order` is neither of the two words.
    """
    __tracebackhide__ = True
    if order not in ("any", "given"):
        raise ValueError(f"order={order!r}: give 'any' or 'given'")
    actual, wanted = text.splitlines(), list(expected)
    if order == "given" and actual != wanted:
        raise AssertionError("the lines differ:\n" + "\n".join(difflib.ndiff(wanted, actual)))
    if order == "any" and Counter(actual) != Counter(wanted):
        raise AssertionError("\n".join(_differences(Counter(actual), Counter(wanted), text)))


def _differences(actual: Counter[str], wanted: Counter[str], text: str) -> list[str]:
    lines = ["the lines differ, in whatever order:"]
    for line in sorted(set(actual) | set(wanted)):
        if actual[line] != wanted[line]:
            lines.append(f"  {line!r}: expected {wanted[line]} times, found {actual[line]} times")
    return [*lines, f"the text was: {text!r}"]
