"""What of a program runs again in each child that imports it: the calls outside of its ``__main__`` guard. Pure."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from ._markdown import is_guard
from ._program import Program

__all__ = ["calls_at_top_level"]

_MOST = 3


def calls_at_top_level(program: Program) -> str:
    """Tell where a program calls something as soon as it is imported: what prints, or else all of it.

    Args:
        program: The program.

    Returns:
        A few places, separated by semicolons; nothing when there is none, or it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = ast.parse(program.source())
        except (OSError, SyntaxError, ValueError):
            return ""
    calls = list(_calls(module.body))
    prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    places = [program.place(call.lineno) for call in prints or calls]
    return "; ".join(places[:_MOST]) + (f"; and {len(places) - _MOST} more" if len(places) > _MOST else "")


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that are statements, in whatever block, but for functions, classes and the guard."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node.value
        elif isinstance(node, ast.If) and is_guard(node.test):
            yield from _calls(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from _calls(getattr(node, name, []))
            for handler in getattr(node, "handlers", []):
                yield from _calls(handler.body)
