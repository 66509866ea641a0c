"""The words of `Snapshot`: what is measured of every process.

Guarantees: each measurement tells by place what there is, and nothing of what any fresh process has by itself; so what
is told is what could be inherited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from . import _of_the_interpreter, _of_the_process, _of_the_thread, _random_states, _threads
from ._place import Unmeasurable

__all__ = ["WORDS", "Unmeasurable", "Word"]


class Word(NamedTuple):
    """What can be measured of a process.

    Attributes:
        measure: Tells, given the word, by place what there is.
        is_ordered: Whether the order of the places means something.
        grows: Whether the process that starts children may get more of it by doing just that.
    """

    measure: Callable[[str], Mapping[str, str]]
    is_ordered: bool = False
    grows: bool = False


WORDS: dict[str, Word] = {
    "cwd": Word(_of_the_process.cwd),
    "environ": Word(_of_the_process.environ),
    "sys_path": Word(_of_the_interpreter.sys_path, is_ordered=True),
    "sys_modules": Word(_of_the_interpreter.sys_modules, grows=True),
    "meta_path": Word(_of_the_interpreter.meta_path, is_ordered=True),
    "random_state": Word(_random_states.random_state),
    "numpy_random_state": Word(_random_states.numpy_random_state),
    "torch_random_state": Word(_random_states.torch_random_state),
    "signal_handlers": Word(_of_the_process.signal_handlers),
    "signal_mask": Word(_of_the_thread.signal_mask),
    "umask": Word(_of_the_process.umask),
    "descriptors": Word(_of_the_process.descriptors, grows=True),
    "threads": Word(_threads.threads, grows=True),
    "held_locks": Word(_threads.held_locks),
    "warning_filters": Word(_of_the_interpreter.warning_filters, is_ordered=True),
    "log_handlers": Word(_of_the_interpreter.log_handlers),
    "locale_settings": Word(_of_the_process.locale_settings),
    "event_loop": Word(_of_the_thread.event_loop),
    "context_variables": Word(_of_the_thread.context_variables),
    "decimal_context": Word(_of_the_thread.decimal_context),
}
"""By name, in the order in which they are told."""
