"""A micro-batch as tensors: sequences one behind the other, positions that restart, and the rows that are scored.

What all of them begin with, the persona prompt, is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor

from roletune.training.segments import Segments
from roletune.training.sequences import TokenSequence

# Rows of a micro-batch are a multiple of this. oneDNN compiles a kernel for every new shape of a product, which takes
# 5 ms and 1 MB each: with rows of every number, a third of the time and a gigabyte.
GRAIN = 128
PREFIX_GRAIN = 16  # the same for the tokens of a shared prefix, which widen every block of attention


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
    segments: Segments

    @property
    def tokens(self) -> int:
        """Real tokens of all sequences; those of a shared prefix count for each."""
        return self.segments.tokens

    @property
    def supervised(self) -> int:
        """Number of tokens that are scored."""
        return int(self.targets.numel())

    @classmethod
    def of(cls, sequences: Sequence[TokenSequence], device: str = "cpu", *, share: bool = False) -> MicroBatch:
        """Lay sequences one behind the other; with `share`, what they all begin with stands once.

        A shared token has one dropout mask for all the sequences it belongs to.
        """
        prefix = shared_prefix(sequences) if share else 0
        ids, positions = list(sequences[0].ids[:prefix]), list(range(prefix))
        rows: list[int] = []
        targets: list[int] = []
        for sequence in sequences:
            start = len(ids) - prefix  # where its first token would be
            ids += sequence.ids[prefix:]
            positions += range(prefix, len(sequence))
            # A token is predicted from the place before it; the first of a sequence from nowhere.
            learnt = [at for at, learnt in enumerate(sequence.mask) if learnt and at]
            rows += [start + at - 1 for at in learnt]
            targets += [sequence.ids[at] for at in learnt]
        filler = [0] * (-len(ids) % GRAIN)

        def tensor(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.long, device=device)

        return cls(
            tensor(ids + filler)[None],
            tensor(positions + filler)[None],
            tensor(rows),
            tensor(targets),
            Segments(tuple(len(sequence) - prefix for sequence in sequences), prefix),
        )

    def split(self) -> list[MicroBatch]:
        """The sequences one by one, for models that can't take several at once; they share nothing."""
        assert not self.segments.prefix, "sequences that share a prefix can't be taken apart"
        parts, start = [], 0
        for length in self.segments.lengths:
            own = (self.rows >= start) & (self.rows < start + length)
            part = slice(start, start + length)
            rows, alone = self.rows[own] - start, Segments((length,))
            parts.append(MicroBatch(self.ids[:, part], self.positions[:, part], rows, self.targets[own], alone))
            start += length
        return parts


def shared_prefix(sequences: Sequence[TokenSequence]) -> int:
    """Tokens that all sequences begin with, up to what one of them predicts, rounded down; 0 for a single one."""
    if len(sequences) < 2:
        return 0
    places = zip(*(sequence.ids for sequence in sequences), strict=False)
    common = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, places))
    first = min(next((at for at, learnt in enumerate(s.mask) if learnt and at), len(s)) for s in sequences)
    # The place that predicts a token belongs to its own sequence, and every sequence keeps a token of its own.
    return max(0, min(common, first - 1)) // PREFIX_GRAIN * PREFIX_GRAIN
