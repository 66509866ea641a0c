"""The states of generators of random numbers, of libraries that are imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ._frozen import digest

__all__ = ["numpy_random_state", "random_state", "torch_random_state"]


def random_state(word: str) -> Mapping[str, str]:
    """Measure the state of the functions of `random`."""
    random: Any = sys.modules.get("random")
    return {} if random is None else {word: digest(repr(random.getstate()).encode())}


def numpy_random_state(word: str) -> Mapping[str, str]:
    """Measure the state of the functions of `numpy.random`."""
    random: Any = sys.modules.get("numpy.random")
    if random is None:
        return {}
    name, key, *rest = random.get_state()
    return {word: f"{name}, {digest(key.tobytes() + repr(rest).encode())}"}


def torch_random_state(word: str) -> Mapping[str, str]:
    """Measure the state of torch's generator of the CPU."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_rng_state"):  # it is just being imported
        return {}
    return {word: digest(bytes(torch.get_rng_state().tolist()))}
