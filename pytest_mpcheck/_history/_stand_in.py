"""A stand-in for an object that processes share: it does what the object does, and records each call of it.

Guarantees: whoever has it meets the object: `isinstance`, attributes, operators, context managers, iteration, and what
pickles, and when. Each call of a public method is a span: its begin has the arguments, its end the ``result``, or what
was ``raised``. Stand-ins are equal to each other and to the object when their objects are.

While nobody listens a call costs little more than that of the object.

Not recorded are names that begin with an underscore, comparisons, arithmetic, `len()` and the call of `iter()`.
"""

from __future__ import annotations

from collections.abc import Callable

from ._kinds import Call, Kind, kind_of
from ._log import listens
from ._span import span

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["StandIn", "name_of", "stand_in"]

_OWN = frozenset(
    (
        "__class__",
        "__class_getitem__",
        "__del__",
        "__delattr__",
        "__dir__",
        "__eq__",
        "__getattr__",
        "__getattribute__",
        "__getstate__",
        "__hash__",
        "__init__",
        "__init_subclass__",
        "__new__",
        "__reduce__",
        "__reduce_ex__",
        "__release_buffer__",
        "__repr__",
        "__setattr__",
        "__setstate__",
        "__sizeof__",
        "__str__",
        "__subclasshook__",
    )
)
"""Special methods that a stand-in has itself, or that are no business of it."""

_classes: dict[type, type[StandIn]] = {}


class StandIn:
    """Base of all stand-ins; `stand_in` makes them."""

    __slots__ = ("__weakref__", "_mpcheck_name", "_mpcheck_original")
    _mpcheck_kind: Kind
    _mpcheck_name: str
    _mpcheck_original: Any

    @property  # type: ignore[misc]  # that of an object is a plain attribute
    def __class__(self) -> type:
        """The class of the object, for `isinstance`."""
        return type(self._mpcheck_original)

    def __getattr__(self, name: str) -> Any:
        original, kind = self._mpcheck_original, self._mpcheck_kind
        field = _field(kind, name, 0)
        if field and listens():
            with _span_of(self, field) as this:
                value = getattr(original, name)
                this.note(result=_recordable(value))
            return value
        value = getattr(original, name)
        if field:
            return value
        if name == "get_lock" and kind.guards:
            return lambda: stand_in(value(), f"{self._mpcheck_name}_lock")
        if name.startswith("_") or name in kind.silent or not callable(value) or isinstance(value, type):
            return value
        return _recording(name, kind.calls.get(name) or _call_of(name, value, hasattr(value, "__self__"))).__get__(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if field := _field(self._mpcheck_kind, name, 1):
            with _span_of(self, field, value=_recordable(value)):
                setattr(self._mpcheck_original, name, value)
        else:
            setattr(self._mpcheck_original, name, value)

    def __delattr__(self, name: str) -> None:
        if field := _field(self._mpcheck_kind, name, 2):
            with _span_of(self, field):
                delattr(self._mpcheck_original, name)
        else:
            delattr(self._mpcheck_original, name)

    def __dir__(self) -> list[str]:
        return dir(self._mpcheck_original)

    def __eq__(self, other: object) -> Any:  # of an array it may be an array
        return self._mpcheck_original == _bare(other)

    def __hash__(self) -> int:
        return hash(self._mpcheck_original)

    def __repr__(self) -> str:
        return f"<recorded as {self._mpcheck_name!r}: {self._mpcheck_original!r}>"

    def __str__(self) -> str:
        return str(self._mpcheck_original)

    def __reduce__(self) -> tuple[Callable[[object, str], StandIn], tuple[object, str]]:
        return stand_in, (self._mpcheck_original, self._mpcheck_name)


def stand_in(original: Any, name: str) -> StandIn:
    """Make a stand-in.

    Args:
        original: The object.
        name: What comes before the dot in the names of its spans.
    """
    cls = type(original)
    made = _classes.get(cls)
    if made is None:
        made = _classes[cls] = _class_for(cls, kind_of(cls))
    this = object.__new__(made)
    object.__setattr__(this, "_mpcheck_original", original)
    object.__setattr__(this, "_mpcheck_name", name)
    return this


def name_of(value: object) -> str | None:
    """Return the name under which something is recorded, ``None`` when it is no stand-in."""
    return value._mpcheck_name if issubclass(type(value), StandIn) else None  # type: ignore[attr-defined]


def _class_for(cls: type, kind: Kind) -> type[StandIn]:
    """Make the class of the stand-ins for the objects of a class: special methods are looked up there."""
    members: dict[str, Any] = {"__slots__": (), "_mpcheck_kind": kind}
    for name in dir(cls):
        method = getattr(cls, name, None)
        is_special = name.startswith("__") and name.endswith("__")
        if name in _OWN or (name.startswith("_") and not is_special) or not callable(method):
            continue
        if isinstance(method, type) or name in StandIn.__dict__:
            continue
        if name in kind.calls:
            members[name] = _recording(name, kind.calls[name])
        elif is_special:
            members[name] = _passing(name)
        elif name not in kind.silent:
            members[name] = _recording(name, _call_of(name, method, not isinstance(_raw(cls, name), staticmethod)))
    return type(cls.__name__, (StandIn,), members)


def _field(kind: Kind, name: str, access: int) -> tuple[str, dict[str, object]] | None:
    """Return as what an access to an attribute is recorded, its operation and its data; ``None``: not at all.

    Args:
        kind: The kind of the object.
        name: The attribute.
        access: 0 for reading, 1 for writing, 2 for deleting.
    """
    if name in kind.attributes and access < 2:
        return kind.attributes[name][access], {}
    if not kind.fields or name.startswith("_") or name in kind.silent or name in kind.calls:
        return None
    return ("get", "set", "delete")[access], {"key": name}


def _span_of(this: StandIn, field: tuple[str, dict[str, object]], **data: object) -> span:
    operation, key = field
    return span(f"{this._mpcheck_name}.{operation}", **key, **data)


def _recording(name: str, call: Call) -> Callable[..., Any]:
    """Make a method that records its call."""

    def method(self: StandIn, /, *args: Any, **kwargs: Any) -> Any:
        original, kind = self._mpcheck_original, self._mpcheck_kind
        function = getattr(original, name)
        if not listens():
            result = function(*args, **kwargs)
            return self if result is original else result
        operation, data = call.told(args, kwargs)
        prefix = f"{self._mpcheck_name}_lock" if name in kind.guards else self._mpcheck_name
        with span(f"{prefix}.{operation}", **{key: _recordable(value) for key, value in data.items()}) as this:
            result = function(*args, **kwargs)
            this.note(result=None if result is original else _recordable(result))
        return self if result is original else result

    method.__name__ = name
    return method


def _passing(name: str) -> Callable[..., Any]:
    """Make a method that passes its call on."""

    def method(self: StandIn, /, *args: Any, **kwargs: Any) -> Any:
        original = self._mpcheck_original
        result = getattr(original, name)(*map(_bare, args), **kwargs)
        return self if result is original else result

    method.__name__ = name
    return method


def _call_of(name: str, method: Any, has_self: bool) -> Call:
    """Return how a method is recorded that no kind knows: its arguments by the names that its definition gives them."""
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    return Call(name, *(code.co_varnames[has_self : code.co_argcount] if code else ()))


def _raw(cls: type, name: str) -> object:
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _bare(value: Any) -> Any:
    return value._mpcheck_original if issubclass(type(value), StandIn) else value


def _recordable(value: object) -> object:
    return repr(value) if issubclass(type(value), StandIn) else value
