"""The code that a watched function runs: the function as it was, inside of a span.

Guarantees: the code is of the same kind as that of the function. What it needs stands in its constants, so nothing is
added to the globals of the module, and it works with any closure.

The span of a generator, a coroutine or an asynchronous generator begins with its first step and ends with its last,
with all the pauses in between; one that is never begun is no span.
"""

from __future__ import annotations

from types import CodeType

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["template_for"]

_MARK = "the watched function"
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # as in `inspect`, which a child need not import


def _function(*args: Any, **kwargs: Any) -> Any:
    watched: Any = "the watched function"
    with watched.span():
        return watched.function(*args, **kwargs)


def _generator(*args: Any, **kwargs: Any) -> Any:
    watched: Any = "the watched function"
    with watched.span():
        return (yield from watched.function(*args, **kwargs))


async def _coroutine(*args: Any, **kwargs: Any) -> Any:
    watched: Any = "the watched function"
    with watched.span():
        return await watched.function(*args, **kwargs)


async def _async_generator(*args: Any, **kwargs: Any) -> Any:
    watched: Any = "the watched function"
    with watched.span():
        steps = watched.function(*args, **kwargs)
        try:
            value = await steps.__anext__()
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    await steps.aclose()
                    raise
                except BaseException as error:
                    value = await steps.athrow(error)
                else:
                    value = await steps.asend(sent)
        except StopAsyncIteration:
            pass


def template_for(code: CodeType, watched: object) -> CodeType:
    """Return code to put in the place of that of a function.

    Args:
        code: The code of the function.
        watched: What has its `span` and the `function` itself.
    """
    flags = code.co_flags
    if flags & _ASYNC_GENERATOR:
        template = _async_generator
    elif flags & _COROUTINE:
        template = _coroutine
    elif flags & _GENERATOR:
        template = _generator
    else:
        template = _function
    own = template.__code__
    return own.replace(
        co_consts=tuple(watched if const == _MARK else const for const in own.co_consts),
        co_freevars=code.co_freevars,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )
