"""The names of the methods that `methods:` in character.yaml may hold, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Method = Literal["instructions", "traps", "plots", "rules", "ditto", "augmentation", "rating", "pairs"]
_OTHERS = ("rating", "pairs")  # make other records than dialogues


def dialogue_methods(methods: Iterable[Method]) -> tuple[Method, ...]:
    """Those whose records are dialogues, which the dataset takes in."""
    return tuple(method for method in methods if method not in _OTHERS)
