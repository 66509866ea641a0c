"""Texts of anybody's making, made fit for a message: of bounded length, and no exception in their place.

Guarantees: imports nothing beyond the builtins, because a child that tells of its end may be unable to import any more.
"""

from __future__ import annotations

__all__ = ["LIMIT", "RAISED", "reason_of", "repr_of", "shortened", "text_of", "type_name"]

LIMIT = 10_000
"""How much of the text of a value is told, in characters."""

RAISED = (Exception, SystemExit, GeneratorExit)
"""What the code of a value may raise; a `KeyboardInterrupt`, and what a plugin of pytest raises, are another's."""


def shortened(text: str, limit: int = LIMIT) -> str:
    """Return a text, or of one that is longer than the limit its first and its last part.

    Args:
        text: Any text; surrogates in it, which no file and no pytest-xdist takes, become escapes.
        limit: How many characters of it to keep.
    """
    half = limit // 2
    if len(text) > limit:
        text = f"{text[:half]} ... ({len(text) - 2 * half:,} characters left out) ... {text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def text_of(value: object) -> str:
    """Return ``str()`` of a value, shortened; or which exception there was instead."""
    try:
        return shortened(str(value))
    except RAISED as error:
        return f"<str() of it raised {_name_of(type(error))}>"


def repr_of(value: object, limit: int = 200) -> str:
    """Return ``repr()`` of a value, shortened; or which exception there was instead."""
    try:
        return shortened(repr(value), limit)
    except RAISED as error:
        return f"<repr() of it raised {_name_of(type(error))}>"


def reason_of(error: BaseException) -> str:
    """Tell an exception in a line: its type and its text."""
    name, text = _name_of(type(error)), text_of(error)
    return f"{name}: {text}" if text else name


def type_name(value: object) -> str:
    """Return the qualified name of a value's type, without ``builtins``."""
    cls = type(value)
    module, name = vars(type)["__module__"].__get__(cls), shortened(vars(type)["__qualname__"].__get__(cls), 200)
    return name if module == "builtins" or type(module) is not str else f"{shortened(module, 200)}.{name}"


def _name_of(cls: type) -> str:
    """Return the name of a class; its metaclass may give it another one, or raise."""
    return shortened(vars(type)["__name__"].__get__(cls), 200)
