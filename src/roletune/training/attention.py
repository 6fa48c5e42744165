"""Causal attention of sequences laid one behind the other, without a mask and without computing what is masked.

Registered with transformers under `NAME`; the lengths of the sequences arrive as the forward's keyword `lengths`, so
nothing is global. Each sequence is worked through in blocks of query rows, each against the keys up to its own end:
products of plain matrices, which CPUs do many times faster than torch's own backward of attention. Grouped-query heads
are taken together, so that no key or value is repeated. Sequences are padded to whole blocks in here: oneDNN compiles a
kernel for every new shape of a product (about 5 ms and 1 MB each), so shapes must recur.

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

    `lengths` (tuple of int) are the sequences from the first token on; without it all tokens are one sequence.
    """
    lengths: tuple[int, ...] = kwargs.get("lengths") or (query.shape[2],)
    scaling: float | None = kwargs.get("scaling")
    output = SegmentAttention.apply(query, key, value, lengths, query.shape[-1] ** -0.5 if scaling is None else scaling)
    return output, None


class SegmentAttention(torch.autograd.Function):
    """The attention and its backward; see the module."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, lengths: tuple[int, ...], scaling: float
    ) -> Tensor:
        """[1, heads, T, d], twice [1, groups, T, d] -> [1, T, heads, d]; zero behind the last sequence."""
        groups, dim = key.shape[1], key.shape[3]
        # Scaled before the product: half the size of the scores, and exact for the usual dim of a power of 4.
        q, k, v = _padded(query * scaling, lengths), _padded(key, lengths), _padded(value, lengths)
        q, output = (x.view(groups, -1, *x.shape[1:]) for x in (q, torch.empty_like(q)))
        triangle = q.new_full((BLOCK, BLOCK), float("-inf")).triu_(1)  # added: a fill by mask is slow on CPUs
        kept = []
        for first, start, end in _blocks(lengths):
            scores = torch.bmm(q[:, :, start:end].reshape(groups, -1, dim), k[:, first:end].transpose(1, 2))
            scores.view(groups, -1, BLOCK, end - first)[..., start - first :] += triangle
            probabilities = torch.softmax(scores, -1)
            kept.append(probabilities)
            output[:, :, start:end] = torch.bmm(probabilities, v[:, first:end]).view(groups, -1, BLOCK, dim)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.lengths, ctx.scaling, ctx.tokens = lengths, scaling, query.shape[2]
        return _unpadded(output.flatten(0, 1), lengths, query.shape[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        q, k, v, *kept = ctx.saved_tensors
        groups, dim = q.shape[0], q.shape[3]
        grad_out = _padded(gradient.transpose(1, 2), ctx.lengths).view_as(q)
        grad_q = torch.empty_like(q)
        # Sums over blocks, so in fp32 whatever the products are in.
        grad_k, grad_v = (torch.zeros(k.shape, dtype=torch.float32, device=k.device) for _ in range(2))
        for probabilities, (first, start, end) in zip(kept, _blocks(ctx.lengths), strict=True):
            grad = grad_out[:, :, start:end].reshape(groups, -1, dim)
            grad_v[:, first:end] += torch.bmm(probabilities.transpose(1, 2), grad).float()
            grad_p = torch.bmm(grad, v[:, first:end].transpose(1, 2))
            grad_s = torch.ops.aten._softmax_backward_data(grad_p, probabilities, -1, probabilities.dtype)
            rows = q[:, :, start:end].reshape(groups, -1, dim)
            grad_k[:, first:end] += torch.bmm(grad_s.transpose(1, 2), rows).float()
            grad_q[:, :, start:end] = torch.bmm(grad_s, k[:, first:end]).view(groups, -1, BLOCK, dim)
        grads = (grad_q.flatten(0, 1).mul_(ctx.scaling), grad_k.to(k.dtype), grad_v.to(v.dtype))
        return (*(_unpadded(grad, ctx.lengths, ctx.tokens).transpose(1, 2) for grad in grads), None, None)


def _places(lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """For each sequence: where it starts among the tokens, where among the padded rows, and its length."""
    start = padded = 0
    for length in lengths:
        yield start, padded, length
        start += length
        padded += -(-length // BLOCK) * BLOCK


def _blocks(lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """(start of the sequence, start of the block, end of the block), all in padded rows."""
    for _, first, length in _places(lengths):
        for start in range(first, first + length, BLOCK):
            yield first, start, start + BLOCK


def _padded(x: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """[1, heads, T, d] -> [heads, rows, d]: each sequence from the start of a block, zeros behind it."""
    rows = sum(-(-length // BLOCK) * BLOCK for length in lengths)
    padded = x.new_zeros(x.shape[1], rows, x.shape[3])
    for start, at, length in _places(lengths):
        padded[:, at : at + length] = x[0, :, start : start + length]
    return padded


def _unpadded(x: Tensor, lengths: tuple[int, ...], tokens: int) -> Tensor:
    """[heads, rows, d] -> [1, tokens, heads, d]: the inverse of `_padded`, in the layout transformers goes on with."""
    output = x.new_zeros(1, tokens, x.shape[0], x.shape[2])
    for start, at, length in _places(lengths):
        output[0, start : start + length] = x[:, at : at + length].transpose(0, 1)
    return output
