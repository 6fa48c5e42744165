"""A micro-batch as tensors: sequences one behind the other, positions that restart, and the rows that are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from roletune.training.sequences import TokenSequence

# Rows of a micro-batch are a multiple of this. oneDNN compiles a kernel for every new shape of a product, which takes
# 5 ms and 1 MB each: with rows of every number, a third of the time and a gigabyte.
GRAIN = 128


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """Tokens of several sequences. Shapes: ids, positions [1, rows]; rows, targets [supervised].

    Behind the last sequence, up to a multiple of `GRAIN`, are tokens that nothing sees and that have no loss.
    `rows` are the places whose hidden state predicts a supervised token, `targets` these tokens.
    """

    ids: Tensor
    positions: Tensor
    rows: Tensor
    targets: Tensor
    lengths: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Real tokens."""
        return sum(self.lengths)

    @property
    def supervised(self) -> int:
        """Number of tokens that are scored."""
        return int(self.targets.numel())

    @classmethod
    def of(cls, sequences: Sequence[TokenSequence], device: str = "cpu") -> MicroBatch:
        """Lay sequences one behind the other."""
        ids = [token for sequence in sequences for token in sequence.ids]
        positions = [at for sequence in sequences for at in range(len(sequence))]
        # A token is predicted from the place before it; the first of a sequence from nowhere.
        mask = [bool(learnt) and at > 0 for s in sequences for at, learnt in enumerate(s.mask)]
        rows = [at - 1 for at, learnt in enumerate(mask) if learnt]
        targets = [token for token, learnt in zip(ids, mask, strict=True) if learnt]

        filler = [0] * (-len(ids) % GRAIN)

        def tensor(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.long, device=device)

        return cls(
            tensor(ids + filler)[None],
            tensor(positions + filler)[None],
            tensor(rows),
            tensor(targets),
            tuple(map(len, sequences)),
        )

    def split(self) -> list[MicroBatch]:
        """The sequences one by one, for models that can't take several at once."""
        parts, start = [], 0
        for length in self.lengths:
            own = (self.rows >= start) & (self.rows < start + length)
            part = slice(start, start + length)
            parts.append(
                MicroBatch(
                    self.ids[:, part], self.positions[:, part], self.rows[own] - start, self.targets[own], (length,)
                )
            )
            start += length
        return parts
