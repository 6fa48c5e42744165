"""Causal attention of sequences laid one behind the other, without a mask and without computing what is masked.

Registered with transformers under `NAME`; where the sequences lie arrives as the forward's keyword `segments`, so
nothing is global. Each sequence is worked through in blocks of query rows, each against the keys up to its own end:
products of plain matrices, which CPUs do many times faster than torch's own backward of attention. Grouped-query heads
are taken together, so that no key or value is repeated. Sequences are padded to whole blocks in here: oneDNN compiles a
kernel for every new shape of a product (about 5 ms and 1 MB each), so shapes must recur. A prefix that sequences share
is one sequence by itself, and its keys and values stand before those of each of them.

The result is softmax(q k' * scaling) v per sequence, as in `eager_attention_forward` of transformers; the probabilities
are kept for the backward (tokens * block-causal width * heads numbers a layer).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from roletune.training.segments import BLOCK, Layout, Sections, Segments

NAME = "roletune_segments"


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

    `segments` (`Segments` or `Sections`) tells where the sequences lie; without it all tokens are one sequence.
    """
    segments: Segments | Sections = kwargs.get("segments") or Segments((query.shape[2],))
    scaling: float | None = kwargs.get("scaling")
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    return SegmentAttention.apply(query, key, value, segments, scaling), None


class SegmentAttention(torch.autograd.Function):
    """The attention and its backward; see the module."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, segments: Segments | Sections, scaling: float
    ) -> Tensor:
        """[1, heads, T, d], twice [1, groups, T, d] -> [1, T, heads, d]; zero behind the last sequence."""
        layout = Layout.of(segments)
        groups, dim = key.shape[1], key.shape[3]
        # Scaled before the product: half the size of the scores, and exact for the usual dim of a power of 4.
        q, k, v = layout.queries(query * scaling), layout.keys(key), layout.keys(value)
        q, output = (x.view(groups, -1, *x.shape[1:]) for x in (q, torch.empty_like(q)))
        future = q.new_full((BLOCK, BLOCK), float("-inf")).triu_(1)  # added: a fill by mask is slow on CPUs
        kept = []
        for start, end, first, last in layout.blocks:
            rows = end - start
            scores = torch.bmm(q[:, :, start:end].reshape(groups, -1, dim), k[:, first:last].transpose(1, 2))
            scores.view(groups, -1, rows, last - first)[..., -rows:] += future[:rows, :rows]
            probabilities = torch.softmax(scores, -1)
            kept.append(probabilities)
            output[:, :, start:end] = torch.bmm(probabilities, v[:, first:last]).view(groups, -1, rows, dim)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.layout, ctx.scaling, ctx.tokens = layout, scaling, query.shape[2]
        return layout.tokens_of_queries(output.flatten(0, 1), query.shape[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        q, k, v, *kept = ctx.saved_tensors
        layout: Layout = ctx.layout
        groups, dim = q.shape[0], q.shape[3]
        grad_out = layout.queries(gradient.transpose(1, 2)).view_as(q)
        grad_q = torch.empty_like(q)
        # Sums over blocks, so in fp32 whatever the products are in.
        grad_k, grad_v = (torch.zeros(k.shape, dtype=torch.float32, device=k.device) for _ in range(2))
        for probabilities, (start, end, first, last) in zip(kept, layout.blocks, strict=True):
            grad = grad_out[:, :, start:end].reshape(groups, -1, dim)
            grad_v[:, first:last] += torch.bmm(probabilities.transpose(1, 2), grad).float()
            grad_p = torch.bmm(grad, v[:, first:last].transpose(1, 2))
            grad_s = torch.ops.aten._softmax_backward_data(grad_p, probabilities, -1, probabilities.dtype)
            queries = q[:, :, start:end].reshape(groups, -1, dim)
            grad_k[:, first:last] += torch.bmm(grad_s.transpose(1, 2), queries).float()
            grad_q[:, :, start:end] = torch.bmm(grad_s, k[:, first:last]).view(groups, -1, end - start, dim)
        of_queries = layout.tokens_of_queries(grad_q.flatten(0, 1).mul_(ctx.scaling), ctx.tokens)
        of_keys = (layout.tokens_of_keys(grad, ctx.tokens).to(k.dtype) for grad in (grad_k, grad_v))
        return (*(grad.transpose(1, 2) for grad in (of_queries, *of_keys)), None, None)
