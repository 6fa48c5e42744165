"""Where sequences lie among the tokens of a micro-batch, and where in the padded rows that attention works on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor

GRAIN = 128  # padded rows are a multiple of this, so that shapes recur
BLOCK = 256  # rows of a product: fewer products outweigh what is computed behind the mask


@dataclass(frozen=True)
class Segments:
    """Sequences one behind the other. The first `prefix` tokens stand once, before all, and begin each of them.

    `lengths` are the tokens that each sequence has to itself.
    """

    lengths: tuple[int, ...]
    prefix: int = 0

    @property
    def rows(self) -> int:
        """Tokens that are computed."""
        return self.prefix + sum(self.lengths)

    @property
    def tokens(self) -> int:
        """Tokens of all sequences: the prefix counts for each."""
        return self.prefix * len(self.lengths) + sum(self.lengths)


@dataclass(frozen=True)
class _Part:
    """One run of tokens that is worked on by itself: the prefix, or what a sequence has of its own."""

    token: int  # first token
    length: int
    query: int  # first of its padded query rows
    key: int  # first of its padded key rows, which begin with the `shared` tokens of the prefix
    shared: int

    @property
    def padded(self) -> int:
        return _rounded(self.length)


@dataclass(frozen=True)
class Layout:
    """Padded rows: the queries of each part, its keys behind a copy of the prefix, zeros up to a multiple of GRAIN."""

    parts: tuple[_Part, ...]

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, segments: Segments) -> Layout:
        """The layout of these segments; the prefix, if there is one, comes first."""
        lengths = [n for n in (segments.prefix, *segments.lengths) if n]
        shared = [0 if i == 0 and segments.prefix else segments.prefix for i in range(len(lengths))]
        padded = [_rounded(n) for n in lengths]
        tokens = accumulate(lengths, initial=0)
        queries = accumulate(padded, initial=0)
        keys = accumulate([n + s for n, s in zip(padded, shared, strict=True)], initial=0)
        places = zip(tokens, lengths, queries, keys, shared, strict=False)  # the sums have one more: the end
        return cls(tuple(_Part(*place) for place in places))

    @property
    def blocks(self) -> list[tuple[int, int, int, int]]:
        """Query rows [start, end) and the key rows [first, last) that they see, the last `end - start` causally."""
        return [
            (part.query + at, part.query + end, part.key, part.key + part.shared + end)
            for part in self.parts
            for at, end in _cut(part.padded)
        ]

    def queries(self, x: Tensor) -> Tensor:
        """[1, heads, T, d] -> [heads, query rows, d]."""
        last = self.parts[-1]
        padded = x.new_zeros(x.shape[1], last.query + last.padded, x.shape[3])
        for part in self.parts:
            padded[:, part.query : part.query + part.length] = x[0, :, part.token : part.token + part.length]
        return padded

    def keys(self, x: Tensor) -> Tensor:
        """[1, groups, T, d] -> [groups, key rows, d]."""
        last = self.parts[-1]
        padded = x.new_zeros(x.shape[1], last.key + last.shared + last.padded, x.shape[3])
        for part in self.parts:
            own = part.key + part.shared
            padded[:, part.key : own] = x[0, :, : part.shared]
            padded[:, own : own + part.length] = x[0, :, part.token : part.token + part.length]
        return padded

    def tokens_of_queries(self, x: Tensor, tokens: int) -> Tensor:
        """[heads, query rows, d] -> [1, tokens, heads, d]: the layout transformers goes on with; zeros at the end."""
        output = x.new_zeros(1, tokens, x.shape[0], x.shape[2])
        for part in self.parts:
            rows = x[:, part.query : part.query + part.length]
            output[0, part.token : part.token + part.length] = rows.transpose(0, 1)
        return output

    def tokens_of_keys(self, x: Tensor, tokens: int) -> Tensor:
        """[groups, key rows, d] -> [1, tokens, groups, d]: gradients, summed over the copies of the prefix."""
        output = torch.zeros(1, tokens, x.shape[0], x.shape[2], dtype=x.dtype, device=x.device)
        for part in self.parts:
            own = part.key + part.shared
            output[0, : part.shared] += x[:, part.key : own].transpose(0, 1)
            output[0, part.token : part.token + part.length] += x[:, own : own + part.length].transpose(0, 1)
        return output


def _rounded(length: int) -> int:
    return -(-length // GRAIN) * GRAIN


def _cut(rows: int) -> list[tuple[int, int]]:
    """Runs of at most BLOCK rows."""
    return [(at, min(at + BLOCK, rows)) for at in range(0, rows, BLOCK)]
