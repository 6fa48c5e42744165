"""The processes of a launch that train together: `torchrun --nproc-per-node 2 -m roletune train FOLDER`.

One process, the first, is roletune as always: it holds the lock, makes what training needs, reports and writes. The
others wait in `launched` until it begins a training, get what it is called with, and train along. Every process keeps
all adapter weights; each computes its share of a step's conversations, and the gradients, one vector, are summed. If a
process fails, the launcher ends the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
_PATIENCE = timedelta(days=2)  # what comes before a training, writing scenes for example, may take long


@dataclass(frozen=True)
class Ranks:
    """Which process of how many this is. Alone, all sums are what they were."""

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """Of the group that this process is in; alone if it is in none."""
        from torch import distributed

        if not (distributed.is_available() and distributed.is_initialized()):
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @classmethod
    def of_launch(cls) -> Ranks:
        """Which process this is in the launch that started it, as its environment says; no group is needed."""
        return cls(*(int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1"))))

    @property
    def here(self) -> int:
        """How many of them are on this machine."""
        return int(os.environ.get("LOCAL_WORLD_SIZE", self.size)) if self.size > 1 else 1

    @property
    def first(self) -> bool:
        """Whether this is the process that reports and writes."""
        return self.rank == 0

    def sum(self, value: float) -> float:
        """The sum of a number over all processes, the same in each."""
        if self.size == 1:
            return value
        import torch

        total = torch.tensor(value, dtype=torch.float64)
        self.sum_(total)
        return total.item()

    def sum_(self, tensor: Tensor) -> None:
        """The same of a tensor, in place."""
        if self.size > 1:
            from torch import distributed

            distributed.all_reduce(tensor)

    def spread_(self, tensor: Tensor) -> None:
        """Let a tensor be that of the first process, in place; for what is too large to be pickled."""
        if self.size > 1:
            from torch import distributed

            distributed.broadcast(tensor, src=0)

    def from_first(self, value: T) -> T:
        """What the first process has for `value`; anything that can be pickled."""
        if self.size == 1:
            return value
        from torch import distributed

        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def launched() -> Iterator[bool]:
    """Yields whether this process does the work: True alone and in the first of a launch.

    The others have then trained along whatever the first one trained, and have nothing left to do.
    """
    ranks = Ranks.of_launch()
    if ranks.size == 1:
        yield True
        return
    _join()
    if ranks.first:
        yield True
        ranks.from_first(None)  # nothing more comes; not sent after an error, which ends the launch
    else:
        _follow(ranks)
        yield False
    _leave()


def together(**call: Any) -> None:
    """In the first process: have the others call `sft.train` with these arguments too."""
    Ranks.current().from_first(call)


def _follow(ranks: Ranks) -> None:
    from roletune.engine.progress import SilentProgress
    from roletune.training.sft import train

    nothing: dict[str, Any] | None = None
    while (call := ranks.from_first(nothing)) is not None:
        train(**call, progress=SilentProgress())


def _join() -> None:
    import torch
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    else:
        distributed.init_process_group("gloo", timeout=_PATIENCE)


def _leave() -> None:
    from torch import distributed

    distributed.destroy_process_group()
