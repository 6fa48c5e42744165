"""What a stage of the pipeline is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from roletune.workbench import Workbench


class Stage(NamedTuple):
    """A verb. It is run again when what it reads, or its settings, have changed, or what it wrote is gone."""

    name: str
    about: str
    make: Callable[[Workbench], Awaitable[str]]  # does it, and returns a sentence about what it made
    reads: tuple[str, ...]  # files under build/ that earlier stages wrote
    writes: tuple[str, ...]  # files under build/
    settings: Callable[[Workbench], object]  # whatever else decides what is made, as JSON values or settings models
    let_go: Callable[[Workbench], None] | None = None  # what `--again` removes first, if making alone would find it
