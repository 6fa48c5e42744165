"""Attention of sequences laid one behind the other by flash-attn, for GPUs: no padding, no mask, no row of scores.

The counterpart of `attention` under another name, called in the same way: where the sequences lie arrives as the
forward's keyword `segments`. Every run of tokens is a sequence for the kernel; the keys of one that continues a shared
prefix are those of the prefix and its own, and with more keys than queries the last query sees the last key. What the
kernel is, is the caller's choice (`kernels.flash_varlen`), so all but the kernel itself is tested on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from roletune.training.segments import Layout, Segments

NAME = "roletune_varlen"  # transformers takes a name with "flash" in it for one of its own
Varlen = Callable[..., Tensor]
"""(q [rows, heads, d], k and v [keys, groups, d], where sequences begin in q and in k (int32, the end behind them), the
longest in q and in k, scaling=...) -> [rows, heads, d]: causal, the last query of each sequence sees its last key."""


def register(varlen: Varlen) -> str:
    """Make the attention known to transformers; returns its name, the `attn_implementation` of a model."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def attention(
        module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: None, **kwargs: Any
    ) -> tuple[Tensor, None]:
        segments: Segments = kwargs.get("segments") or Segments((query.shape[2],))
        return attend(query, key, value, segments, kwargs.get("scaling"), varlen), None

    ALL_ATTENTION_FUNCTIONS.register(NAME, attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *args, **kwargs: None)
    return NAME


def attend(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, scaling: float | None, varlen: Varlen
) -> Tensor:
    """[1, heads, T, d], twice [1, groups, T, d] -> [1, T, heads, d]; zero behind the last sequence."""
    places = _Places.of(segments, query.device)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    rows = varlen(
        q[: segments.rows],
        k[places.keys],
        v[places.keys],
        places.query_starts,
        places.key_starts,
        places.most_queries,
        places.most_keys,
        scaling=scaling,
    )
    output = query.new_zeros(1, query.shape[2], query.shape[1], query.shape[3])
    output[0, : segments.rows] = rows.to(output.dtype)
    return output


@dataclass(frozen=True, eq=False)
class _Places:
    """Where the kernel finds each run: starts with the end behind them (int32), and the token of each key."""

    query_starts: Tensor
    key_starts: Tensor
    most_queries: int
    most_keys: int
    keys: Tensor

    @classmethod
    @lru_cache(maxsize=64)  # every layer of every pass asks
    def of(cls, segments: Segments, device: torch.device) -> _Places:
        parts = Layout.of(segments).parts
        queries = [part.length for part in parts]
        keys = [part.shared + part.length for part in parts]
        tokens = [
            token
            for part in parts
            for first, count in ((part.prefix, part.shared), (part.token, part.length))
            for token in range(first, first + count)
        ]

        def whole(numbers: list[int], dtype: torch.dtype) -> Tensor:
            return torch.tensor(numbers, dtype=dtype, device=device)

        query_starts, key_starts = (whole([0, *accumulate(lengths)], torch.int32) for lengths in (queries, keys))
        return cls(query_starts, key_starts, max(queries), max(keys), whole(tokens, torch.long))
