"""Where sequences lie among the tokens of a micro-batch, and where in the padded rows that attention works on."""

from __future__ import annotations

from collections.abc import Iterator
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
class Sections:
    """Several `Segments` one behind the other, each with the token it begins at; between them may be a gap."""

    sections: tuple[tuple[int, Segments], ...]


@dataclass(frozen=True)
class _Part:
    """One run of tokens that is worked on by itself: the prefix, or what a sequence has of its own."""

    token: int  # first token
    length: int
    query: int  # first of its padded query rows
    key: int  # first of its padded key rows, which begin with the `shared` tokens of the prefix
    shared: int
    prefix: int  # first token of that prefix

    @property
    def padded(self) -> int:
        return _rounded(self.length)


@dataclass(frozen=True)
class Layout:
    """Padded rows: the queries of each part, its keys behind a copy of the prefix, zeros up to a multiple of GRAIN."""

    parts: tuple[_Part, ...]

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, segments: Segments | Sections) -> Layout:
        """The layout of these segments; a prefix comes before what it is the prefix of."""
        sections = segments.sections if isinstance(segments, Sections) else ((0, segments),)
        runs = [run for start, each in sections for run in _runs(start, each)]
        queries = accumulate((_rounded(length) for _, length, _, _ in runs), initial=0)
        keys = accumulate((_rounded(length) + shared for _, length, shared, _ in runs), initial=0)
        return cls(
            tuple(
                _Part(token, length, query, key, shared, prefix)
                for (token, length, shared, prefix), query, key in zip(runs, queries, keys, strict=False)
            )  # the sums have one more: the end
        )

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
            padded[:, part.key : own] = x[0, :, part.prefix : part.prefix + part.shared]
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
            output[0, part.prefix : part.prefix + part.shared] += x[:, part.key : own].transpose(0, 1)
            output[0, part.token : part.token + part.length] += x[:, own : own + part.length].transpose(0, 1)
        return output


def _runs(start: int, segments: Segments) -> Iterator[tuple[int, int, int, int]]:
    """First token and length of each run, tokens of its prefix and the first of them; the prefix is a run, too."""
    if segments.prefix:
        yield start, segments.prefix, 0, start
    token = start + segments.prefix
    for length in segments.lengths:
        if length:
            yield token, length, segments.prefix, start
        token += length


def _rounded(length: int) -> int:
    return -(-length // GRAIN) * GRAIN


def _cut(rows: int) -> list[tuple[int, int]]:
    """Runs of at most BLOCK rows."""
    return [(at, min(at + BLOCK, rows)) for at in range(0, rows, BLOCK)]
