"""Kinds of things that one might want to hand to a worker.

What a start method refuses is what makes it complex. Each kind is made anew for each attempt, and the worker
does not only take it but uses it: reads the file, takes the lock. To add a kind, write a maker and put it
into ``CATALOGUE``; nothing else knows the list.
"""

import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias

from pytest_mpcheck._comparison import _targets

__all__ = ["CATALOGUE"]

Call: TypeAlias = tuple[Callable[..., object], tuple[object, ...]]
"""A target and its arguments."""

Maker: TypeAlias = Callable[[ExitStack, Any], Call]
"""Makes a call, given a stack that closes what must be closed, and the context of the worker to come."""


def _plain_data(stack: ExitStack, context: Any) -> Call:
    return _targets.use_data, ({"numbers": [1, 2, 3]},)


def _module_function(stack: ExitStack, context: Any) -> Call:
    return _targets.idle, ()


def _bound_method(stack: ExitStack, context: Any) -> Call:
    return _targets.Holder(42).check, ()


def _lambda(stack: ExitStack, context: Any) -> Call:
    return lambda: None, ()


def _local_function(stack: ExitStack, context: Any) -> Call:
    enclosed = [42]

    def local() -> None:
        _targets.use_data({"numbers": [1, 2, 3]} if enclosed == [42] else {})

    return local, ()


def _instance_of_local_class(stack: ExitStack, context: Any) -> Call:
    class Local:
        value = 42

    return _targets.use_instance, (Local(),)


def _open_file(stack: ExitStack, context: Any) -> Call:
    file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  the stack closes it
    stack.enter_context(file)
    file.write("first line\nsecond line\n")
    file.seek(0)
    file.readline()
    return _targets.use_file, (file,)


def _generator(stack: ExitStack, context: Any) -> Call:
    generator = (number for number in (1, 2, 3))
    next(generator)
    return _targets.use_generator, (generator,)


def _threading_lock(stack: ExitStack, context: Any) -> Call:
    return _targets.use_lock, (threading.Lock(),)


def _multiprocessing_lock(stack: ExitStack, context: Any) -> Call:
    return _targets.use_lock, (context.Lock(),)


def _connected_socket(stack: ExitStack, context: Any) -> Call:
    near, far = socket.socketpair()
    stack.enter_context(near)
    stack.enter_context(far)
    near.sendall(b"hello")
    return _targets.use_socket, (far,)


CATALOGUE: dict[str, Maker] = {
    "plain data": _plain_data,
    "module function": _module_function,
    "bound method": _bound_method,
    "lambda": _lambda,
    "local function": _local_function,
    "instance of a local class": _instance_of_local_class,
    "open file": _open_file,
    "generator": _generator,
    "threading.Lock": _threading_lock,
    "multiprocessing.Lock": _multiprocessing_lock,
    "connected socket": _connected_socket,
}
