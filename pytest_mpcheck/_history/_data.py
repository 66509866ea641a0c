"""What is recorded with an event, as bytes, and back.

Guarantees: to write down any data succeeds. What JSON and bytes can hold stays what it is; the rest is pickled, each
value for itself; what cannot be pickled becomes a text that says so. Data that are too long are cut and say so. Reading
raises nothing but `Unreadable`, and only for what `write` has not written.
"""

from __future__ import annotations

import contextlib
import marshal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._excerpts import RAISED, reason_of, repr_of, shortened
from ._layout import LENGTH_MAX, MARSHAL, MARSHAL_SHORT, PLAIN, ROOM

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Unreadable", "read", "write"]

_FEW = 200
"""How many characters are left of a value that is cut, and of a text that stands for one."""


class Unreadable(Exception):
    """These are no data."""


def write(data: dict[Any, Any], limit: int = LENGTH_MAX) -> tuple[bytes, bool]:
    """Write down data.

    Args:
        data: What was recorded.
        limit: How many bytes there may be.

    Returns:
        The bytes, and whether some of the values are pickled.
    """
    if all(value.__class__ in PLAIN for value in data.values()):
        with contextlib.suppress(ValueError):  # a key may be more than a text
            for version in (MARSHAL, MARSHAL_SHORT):
                written = marshal.dumps(data, version)
                if len(written) <= ROOM:
                    return written, False
    plain, packed = _split(data)
    written = _join(plain, packed)
    if len(written) > limit:
        plain, packed = _cut(plain, packed, limit)
        written = _join(plain, packed)
    return written, bool(packed)


def _split(data: Mapping[Any, Any]) -> tuple[dict[Any, Any], dict[Any, bytes]]:
    plain: dict[Any, Any] = {}
    packed: dict[Any, bytes] = {}
    for given, value in data.items():
        key = given if type(given) is int else str.__str__(given)
        if _is_plain(value, 20):
            plain[key] = value
            continue
        try:
            packed[key] = _pickled(value)
        except RAISED as error:
            plain[key] = f"<not picklable ({type(error).__name__}): {repr_of(value, _FEW)}>"
    return plain, packed


def _pickled(value: object) -> bytes:
    """Pickle a value, unless a copy of it would do harm where the log is read.

    The copy of a connection closes a descriptor that is another's there, that of a proxy calls its manager.
    """
    import pickle

    pickled = pickle.dumps(value, 5)
    if b"multiprocessing." in pickled:  # as every class of it is named
        raise TypeError("it is bound to its process")
    return pickled


def _is_plain(value: object, depth: int) -> bool:
    """Return whether a value is one that `marshal` gives back as it is; it takes arrays of all kinds for bytes."""
    kind = type(value)
    if kind in PLAIN:
        return True
    if not depth:
        return False
    if kind is list or kind is tuple:
        items: Any = value
        return all(_is_plain(item, depth - 1) for item in items)
    if kind is dict:
        pairs: Any = value
        return all(_is_plain(key, depth - 1) and _is_plain(item, depth - 1) for key, item in pairs.items())
    return False


def _join(plain: dict[Any, Any], packed: dict[Any, bytes]) -> bytes:
    return marshal.dumps((plain, packed) if packed else plain, MARSHAL_SHORT)


def _cut(plain: dict[Any, Any], packed: dict[Any, bytes], limit: int) -> tuple[dict[Any, Any], dict[Any, bytes]]:
    """Replace the longest values by their beginnings, until the rest is short enough."""
    sizes = {key: len(marshal.dumps(value, MARSHAL_SHORT)) for key, value in (*plain.items(), *packed.items())}
    total = sum(sizes.values()) + sum(len(str(key)) + 16 for key in sizes)
    few = max(8, min(_FEW, limit // (8 * (len(sizes) or 1))))
    for key in sorted(sizes, key=lambda key: -sizes[key]):
        if total <= limit:
            break
        if sizes[key] > 4 * few + 64:
            packed_value = packed.pop(key, None)
            plain[key] = (
                _beginning(plain[key], sizes[key], few)
                if packed_value is None
                else f"<cut: a pickle of {len(packed_value):,} bytes>"
            )
            total -= sizes[key] - 4 * few - 64
    if total > limit:
        told = {key: value for key, value in plain.items() if type(key) is int}  # what the log itself has added
        return {**told, "cut": f"<cut: {len(sizes) - len(told):,} values>"}, {}
    return plain, packed


def _beginning(value: object, size: int, few: int) -> object:
    if isinstance(value, bytes):
        return value[:few] + f"<cut: {len(value):,} bytes>".encode()
    if isinstance(value, str):
        return f"{value[:few]}<cut: {len(value):,} characters>"
    return f"<cut: a {type(value).__name__} of {size:,} bytes>"


def read(written: bytes, is_packed: bool) -> dict[Any, Any]:
    """Return the data that were written down.

    Args:
        written: The bytes.
        is_packed: Whether some of the values are pickled.

    Raises:
        Unreadable: These bytes are not what `write` has made.
    """
    packed: Any = {}
    try:
        plain = marshal.loads(written)
        if is_packed:
            plain, packed = plain
        if type(plain) is not dict or type(packed) is not dict:
            raise Unreadable(f"a {type(plain).__name__} is no data")
    except (EOFError, ValueError, TypeError) as error:
        raise Unreadable(str(error)) from None
    for key, value in packed.items():
        plain[key] = _unpickle(value)
    return plain


def _unpickle(value: bytes) -> object:
    import pickle

    try:
        return pickle.loads(value)
    except RAISED as error:  # its class is not to be found here, or cannot be made again
        return f"<cannot be unpickled here ({shortened(reason_of(error), _FEW)}): {len(value):,} bytes>"
