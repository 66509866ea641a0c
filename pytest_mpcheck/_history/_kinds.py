"""What the methods of shared objects are called in the history, and under which names their arguments stand there.

Guarantees: operations have the names and the data that the models for `assert_linearizable` take. Of what kind an
object is is told by the names of its classes, so nothing is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["Call", "Kind", "kind_of"]

_SAME = {"obj": "item", "blocking": "block"}
"""One name for what the standard library calls differently from class to class."""


class Call:
    """How a call of a method is recorded.

    Args:
        operation: The last part of the name of its span.
        parameters: The names of its arguments.
        fixed: What is recorded in place of its arguments.
    """

    __slots__ = ("_fixed", "_parameters", "operation")

    def __init__(
        self,
        operation: str,
        *parameters: str,
        fixed: Mapping[str, object] | None = None,
    ) -> None:
        self.operation = operation
        self._parameters = parameters
        self._fixed = fixed

    def told(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        """Return the operation and its arguments by name; those that have no name stand together as ``arguments``."""
        if self._fixed is not None:
            return self.operation, {**dict(zip(self._parameters, args, strict=False)), **self._fixed}
        data = {_SAME.get(name, name): value for name, value in kwargs.items()}
        data.update(zip(self._parameters, args, strict=False))
        if len(args) > len(self._parameters):
            data["arguments"] = args[len(self._parameters) :]
        return self.operation, data


class _Item(Call):
    """An access by index: with a slice it is another operation, as it is about many items."""

    __slots__ = ("_all", "_some")

    def __init__(self, operation: str, every: str, *parameters: str) -> None:
        super().__init__(operation, "key", *parameters)
        self._all = Call(every, "slice", *parameters)
        self._some = Call(f"{operation}_slice", "slice", *parameters)

    def told(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        which = args[0]
        if not isinstance(which, slice):
            return super().told(args, kwargs)
        bounds = {"start": which.start, "stop": which.stop, "step": which.step}
        operation, data = (self._some if any(bound is not None for bound in bounds.values()) else self._all).told(
            args, kwargs
        )
        del data["slice"]
        return operation, {**data, **bounds} if operation == self._some.operation else data


class Kind:
    """A kind of shared objects.

    Args:
        name: What it is called; so is what is recorded of it, unless the test gives a name.
        calls: How methods are recorded; one that stands nowhere is by its own name.
        attributes: By which operations attributes are read and written.
        fields: Whether any other attribute is a field, recorded as the item of a dictionary is.
        silent: Methods that are not recorded, since they do nothing to what the object holds.
        guards: Methods that are those of the lock that the object has inside.
    """

    __slots__ = ("attributes", "calls", "fields", "guards", "name", "silent")

    def __init__(
        self,
        name: str,
        calls: Mapping[str, Call],
        *,
        attributes: Mapping[str, tuple[str, str]] | None = None,
        fields: bool = False,
        silent: Iterable[str] = (),
        guards: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.calls = calls
        self.attributes = attributes or {}
        self.fields = fields
        self.silent = frozenset(silent)
        self.guards = frozenset(guards)


_READ = {"value": ("read", "write"), "raw": ("read_raw", "write_raw")}

_LOCKING = {
    "acquire": Call("acquire", "block", "timeout"),
    "release": Call("release"),
    "__enter__": Call("acquire"),
    "__exit__": Call("release", fixed={}),
}

_ITEMS = {
    "__getitem__": Call("get", "key"),
    "__setitem__": Call("set", "key", "value"),
    "__delitem__": Call("delete", "key"),
    "__contains__": Call("contains", "key"),
}

_ROW = {
    "__getitem__": _Item("get", "read"),
    "__setitem__": _Item("set", "write", "value"),
    "__delitem__": _Item("delete", "clear"),
    "__contains__": Call("contains", "item"),
}

_QUEUE = Kind(
    "queue",
    {
        "put": Call("put", "item", "block", "timeout"),
        "put_nowait": Call("put", "item", fixed={"block": False}),
        "get": Call("get", "block", "timeout"),
        "get_nowait": Call("get", fixed={"block": False}),
    },
    silent=("close", "join_thread", "cancel_join_thread"),
)

_CONNECTION = Kind(
    "connection",
    {
        "send": Call("send", "item"),
        "recv": Call("recv"),
        "send_bytes": Call("send_bytes", "item", "offset", "size"),
        "recv_bytes": Call("recv_bytes", "maxlength"),
        "recv_bytes_into": Call("recv_bytes_into", fixed={}),
        "poll": Call("poll", "timeout"),
    },
    silent=("close", "fileno"),
)

_GUARDS = ("acquire", "release", "__enter__", "__exit__")
_SYNCHRONIZED = ("get_lock", "get_obj")

_VALUE = Kind(
    "value",
    {**_LOCKING, "get": Call("read"), "set": Call("write", "value")},
    attributes=_READ,
    silent=_SYNCHRONIZED,
    guards=_GUARDS,
)
_FIELDS = Kind("value", _LOCKING, fields=True, silent=_SYNCHRONIZED, guards=_GUARDS)
_ARRAY = Kind("array", {**_LOCKING, **_ROW}, attributes=_READ, silent=_SYNCHRONIZED, guards=_GUARDS)

_CONDITION = Kind(
    "condition",
    {
        **_LOCKING,
        "wait": Call("wait", "timeout"),
        "wait_for": Call("wait_for", "predicate", "timeout"),
        "notify": Call("notify", "n"),
    },
)
_EVENT = Kind("event", {"wait": Call("wait", "timeout")})
_BARRIER = Kind("barrier", {"wait": Call("wait", "timeout")})

_DICT = Kind(
    "dict",
    {
        **_ITEMS,
        "get": Call("get", "key", "default"),
        "pop": Call("pop", "key", "default"),
        "setdefault": Call("setdefault", "key", "default"),
        "update": Call("update", "other"),
        "__ior__": Call("update", "other"),
    },
)
_LIST = Kind(
    "list",
    {
        **_ROW,
        "append": Call("append", "item"),
        "extend": Call("extend", "items"),
        "__iadd__": Call("extend", "items"),
        "__imul__": Call("repeat", "n"),
        "insert": Call("insert", "key", "item"),
        "pop": Call("pop", "key"),
        "remove": Call("remove", "item"),
        "index": Call("index", "item"),
        "count": Call("count", "item"),
    },
)
_SET = Kind(
    "set",
    {
        **{name: Call(name, "item") for name in ("add", "discard", "remove")},
        "__contains__": Call("contains", "item"),
        "__ior__": Call("update", "other"),
        "__iand__": Call("intersection_update", "other"),
        "__isub__": Call("difference_update", "other"),
        "__ixor__": Call("symmetric_difference_update", "other"),
    },
)

_KINDS = {
    **dict.fromkeys(
        (
            "multiprocessing.queues.Queue",
            "multiprocessing.queues.SimpleQueue",
            "multiprocessing.managers.AutoProxy[Queue]",
            "multiprocessing.managers.AutoProxy[JoinableQueue]",
            "queue.Queue",
            "queue.SimpleQueue",
            "_queue.SimpleQueue",
        ),
        _QUEUE,
    ),
    "multiprocessing.connection._ConnectionBase": _CONNECTION,
    "multiprocessing.sharedctypes.Synchronized": _VALUE,
    "multiprocessing.sharedctypes.SynchronizedArray": _ARRAY,
    "multiprocessing.sharedctypes.SynchronizedBase": _FIELDS,
    "multiprocessing.managers.ValueProxy": _VALUE,
    "multiprocessing.managers.ArrayProxy": _ARRAY,
    "multiprocessing.shared_memory.ShareableList": _ARRAY,
    "multiprocessing.managers.NamespaceProxy": Kind("namespace", {}, fields=True),
    **dict.fromkeys(
        (
            "multiprocessing.synchronize.Lock",
            "multiprocessing.synchronize.RLock",
            "multiprocessing.managers.AcquirerProxy",
            "_thread.lock",
            "_thread.RLock",
            "threading._RLock",
        ),
        Kind("lock", _LOCKING),
    ),
    **dict.fromkeys(
        ("multiprocessing.synchronize.Semaphore", "threading.Semaphore"),
        Kind("semaphore", {**_LOCKING, "release": Call("release", "n")}),
    ),
    **dict.fromkeys(
        ("multiprocessing.synchronize.Condition", "multiprocessing.managers.ConditionProxy", "threading.Condition"),
        _CONDITION,
    ),
    **dict.fromkeys(
        ("multiprocessing.synchronize.Event", "multiprocessing.managers.EventProxy", "threading.Event"), _EVENT
    ),
    **dict.fromkeys(("multiprocessing.managers.BarrierProxy", "threading.Barrier"), _BARRIER),
    **dict.fromkeys(("multiprocessing.managers.DictProxy", "builtins.dict"), _DICT),
    **dict.fromkeys(("multiprocessing.managers.ListProxy", "builtins.list"), _LIST),
    **dict.fromkeys(("multiprocessing.managers.SetProxy", "builtins.set"), _SET),
}


def kind_of(cls: type) -> Kind:
    """Return the kind of the objects of a class; one of its own for a class that is not known."""
    for base in cls.__mro__:
        if kind := _KINDS.get(f"{base.__module__}.{base.__qualname__}"):
            return kind
    if kind := _raw_kind(cls):
        return kind
    name = cls.__name__.removeprefix("AutoProxy[").removesuffix("]").removesuffix("Proxy").lower()
    return Kind(name or cls.__name__.lower(), {**_ITEMS, "__call__": Call("call")})


def _raw_kind(cls: type) -> Kind | None:
    """Return the kind of what lies in shared memory without a lock."""
    import sys

    ctypes = sys.modules.get("ctypes")
    if ctypes is None:
        return None
    if issubclass(cls, ctypes.Array):
        return _ARRAY
    if issubclass(cls, (ctypes.Structure, ctypes.Union)):
        return _FIELDS
    return _VALUE if issubclass(cls, ctypes._SimpleCData) else None
