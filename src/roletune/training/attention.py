"""Causal attention of sequences laid one behind the other, without a mask and without computing what is masked.

Registered with transformers under `NAME`; the lengths of the sequences arrive as the forward's keyword `lengths`, so
nothing is global. Each sequence is worked through in blocks of query rows, each against the keys up to its own end:
products of plain matrices, which CPUs do many times faster than torch's own backward of attention. Grouped-query heads
are taken together, so that no key or value is repeated.

The result is softmax(q k' * scaling) v per sequence, as in `eager_attention_forward` of transformers; the probabilities
are kept for the backward (tokens * block-causal width * heads numbers a layer).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NAME = "roletune_segments"
BLOCK = 128


def register() -> str:
    """Make the attention known to transformers; returns its name, the `attn_implementation` of a model."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, segment_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, _no_mask)
    return NAME


def _no_mask(*args: Any, **kwargs: Any) -> None:
    return None


def segment_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: None, **kwargs: Any
) -> tuple[Tensor, None]:
    """Attention in the form transformers calls it. query [1, heads, tokens, dim] -> [1, tokens, heads, dim].

    `lengths` (tuple of int, summing to tokens) are the sequences; without it all tokens are one sequence.
    """
    lengths: tuple[int, ...] = kwargs.get("lengths") or (query.shape[2],)
    scaling: float | None = kwargs.get("scaling")
    output = SegmentAttention.apply(query, key, value, lengths, query.shape[-1] ** -0.5 if scaling is None else scaling)
    return output, None


def _blocks(lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """(start of the sequence, start of the block, end of the block), all counted in tokens of the micro-batch."""
    start = 0
    for length in lengths:
        for at in range(start, start + length, BLOCK):
            yield start, at, min(at + BLOCK, start + length)
        start += length


class SegmentAttention(torch.autograd.Function):
    """The attention and its backward; see the module."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, lengths: tuple[int, ...], scaling: float
    ) -> Tensor:
        """[1, heads, T, d], twice [1, groups, T, d] -> [1, T, heads, d]."""
        heads, tokens, dim = query.shape[1:]
        groups = key.shape[1]
        # Scaled before the product: half the size of the scores, and exact for the usual dim of a power of 4.
        q = (query[0] * scaling).view(groups, heads // groups, tokens, dim)
        k, v = key[0].contiguous(), value[0].contiguous()
        output = query.new_empty(1, tokens, heads, dim)
        by_group = _by_group(output, groups)
        kept = []
        for first, start, end in _blocks(lengths):
            rows = q[:, :, start:end].reshape(groups, -1, dim)
            scores = torch.bmm(rows, k[:, first:end].transpose(1, 2))
            diagonal = scores.view(groups, -1, end - start, end - first)[..., start - first :]
            diagonal += _upper_triangle(end - start, scores)
            probabilities = torch.softmax(scores, -1)
            kept.append(probabilities)
            by_group[:, :, start:end] = torch.bmm(probabilities, v[:, first:end]).view(groups, -1, end - start, dim)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.lengths, ctx.scaling = lengths, scaling
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        q, k, v, *kept = ctx.saved_tensors
        groups, per_group, tokens, dim = q.shape
        grad_q = gradient.new_empty(1, tokens, groups * per_group, dim)
        # Sums over blocks, so in fp32 whatever the products are in.
        grad_k, grad_v = (torch.zeros(k.shape, dtype=torch.float32, device=k.device) for _ in range(2))
        by_group, into = _by_group(gradient, groups), _by_group(grad_q, groups)
        for probabilities, (first, start, end) in zip(kept, _blocks(ctx.lengths), strict=True):
            grad = by_group[:, :, start:end].reshape(groups, -1, dim)
            grad_v[:, first:end] += torch.bmm(probabilities.transpose(1, 2), grad).float()
            grad_p = torch.bmm(grad, v[:, first:end].transpose(1, 2))
            grad_s = torch.ops.aten._softmax_backward_data(grad_p, probabilities, -1, probabilities.dtype)
            rows = q[:, :, start:end].reshape(groups, -1, dim)
            grad_k[:, first:end] += torch.bmm(grad_s.transpose(1, 2), rows).float()
            into[:, :, start:end] = torch.bmm(grad_s, k[:, first:end]).view(groups, -1, end - start, dim)
        grad_q *= ctx.scaling
        return grad_q.transpose(1, 2), grad_k.to(k.dtype)[None], grad_v.to(v.dtype)[None], None, None


def _by_group(x: Tensor, groups: int) -> Tensor:
    """View [1, T, heads, d] as [groups, heads per group, T, d]."""
    return x[0].unflatten(1, (groups, -1)).permute(1, 2, 0, 3)


def _upper_triangle(size: int, like: Tensor) -> Tensor:
    """-inf where a token would see one after it, else 0; added, since a fill by mask is slow on CPUs."""
    return torch.full((size, size), float("-inf"), dtype=like.dtype, device=like.device).triu_(1)
