"""`record`: what `dataclasses.dataclass(frozen=True, slots=True)` is, at a hundredth of what that costs at import.

A data class compiles its methods anew for each class: a third of a millisecond, which every child and every start of
pytest would pay for each record, besides the import of `dataclasses` and of `inspect` with it.

Guarantees: to a type checker it is that very decorator, and whoever asks later (`dataclasses.replace`, `fields`,
`asdict`, `copy.replace`, `match`, `pprint`) finds a data class. A field may have a plain default, and nothing else of
what `dataclasses.field` offers.
"""

from __future__ import annotations

from operator import attrgetter

__all__ = ["record"]

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as record
    from typing import Any
else:

    def record(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Make a record of a class, as `dataclasses.dataclass` would with these arguments.

        Args:
            frozen: Always true.
            slots: Always true.
        """
        return _record_of


def _record_of(cls: type) -> type:
    names = tuple(cls.__annotations__)
    defaults = {name: value for name, value in vars(cls).items() if name in names}
    others = {name: value for name, value in vars(cls).items() if name not in (*names, "__dict__", "__weakref__")}
    get: Callable[[object], Any] = attrgetter(*names)
    setters: list[Callable[[object, object], None]] = []

    def values(this: object) -> tuple[Any, ...]:
        return get(this) if len(names) > 1 else (get(this),)

    def __init__(self: object, /, *args: object, **kwargs: object) -> None:  # noqa: N807
        if kwargs or len(args) != len(names):
            args = _complete(cls.__qualname__, names, defaults, args, kwargs)
        for put, value in zip(setters, args, strict=True):
            put(self, value)

    def __repr__(self: object) -> str:  # noqa: N807
        told = (f"{name}={value!r}" for name, value in zip(names, values(self), strict=True))
        return f"{cls.__qualname__}({', '.join(told)})"

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        return get(self) == get(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(get(self))

    def __reduce__(self: object) -> tuple[type, tuple[Any, ...]]:  # noqa: N807
        return type(self), values(self)

    def __replace__(self: object, /, **changes: object) -> object:  # noqa: N807
        return type(self)(**{**dict(zip(names, values(self), strict=True)), **changes})

    methods = (__init__, __repr__, __eq__, __hash__, __reduce__, __replace__, __setattr__, __delattr__)
    made: type = type(cls)(
        cls.__name__,
        cls.__bases__,
        {
            **{method.__name__: method for method in methods},
            "__dataclass_fields__": _Later("__dataclass_fields__", defaults),
            "__dataclass_params__": _Later("__dataclass_params__", defaults),
            "__match_args__": names,
            **others,
            "__slots__": names,
        },
    )
    setters.extend(vars(made)[name].__set__ for name in names)
    return made


def _complete(
    what: str,
    names: tuple[str, ...],
    defaults: dict[str, object],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> tuple[object, ...]:
    """Return the value of each field."""
    given = dict(zip(names, args, strict=False))
    values = {**defaults, **given, **kwargs}
    if len(args) > len(names) or given.keys() & kwargs.keys() or values.keys() != set(names):
        told = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
        raise TypeError(f"{what} takes each of {', '.join(names)} once, and was given ({told})")
    return tuple(values[name] for name in names)


def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: object, name: str) -> None:  # noqa: N807
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


class _Later:
    """An attribute of data classes, made when somebody asks for it."""

    def __init__(self, name: str, defaults: dict[str, object]) -> None:
        self._name = name
        self._defaults = defaults

    def __get__(self, instance: object, owner: type) -> object:
        from dataclasses import dataclass

        plain = type(owner.__name__, (), {"__annotations__": owner.__annotations__, **self._defaults})
        value = getattr(dataclass(frozen=True)(plain), self._name)
        setattr(owner, self._name, value)
        return value
