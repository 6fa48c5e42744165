"""Cross-entropy of supervised rows only, the gradient made in the forward.

A vocabulary's logits are by far the widest thing in a small model. Only rows that predict a supervised token are scored
(a third of a usual dialogue), in chunks, and each chunk leaves its gradient instead of its logits: memory of one chunk,
no second product in the backward. The sum is in nats. A head that is trained gets its gradient in the same pass, summed
in fp32 over the chunks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

CHUNK = 128  # rows; a vocabulary of 49k in fp32 is then 25 MB


class SupervisedLoss(torch.autograd.Function):
    """sum over rows of -log softmax(hidden @ head')[target], divided by `denominator`."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, denominator: float) -> Tensor:
        """hidden [rows, d], head [vocabulary, d], targets [rows] -> scalar, fp32."""
        wanted = ctx.needs_input_grad[0]
        gradient = torch.empty_like(hidden) if wanted else None
        of_head = torch.zeros_like(head, dtype=torch.float32) if wanted and ctx.needs_input_grad[1] else None
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        for start in range(0, hidden.shape[0], CHUNK):
            part = slice(start, start + CHUNK)
            index = targets[part, None]
            count = index.shape[0]
            # Rows of zeros up to a multiple of 32: shapes of products must recur (see `batch.GRAIN`).
            rows = functional.pad(hidden[part], (0, 0, 0, -count % 32))
            scores = torch.log_softmax((rows @ head.t()).float(), -1)
            total -= scores[:count].gather(1, index).sum(dtype=torch.float64)
            if gradient is not None:
                # d loss / d logits = softmax - one at the target
                slope = scores.exp_()
                slope[:count].scatter_add_(1, index, torch.full_like(index, -1, dtype=slope.dtype))
                slope = slope.div_(denominator).to(hidden.dtype)
                gradient[part] = (slope @ head)[:count]
                if of_head is not None:
                    of_head += slope.t() @ rows
        ctx.gradient, ctx.of_head = gradient, of_head
        return (total / denominator).float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        """The gradients formed in the forward, times the outer one."""
        of_head = None if ctx.of_head is None else (ctx.of_head * gradient).to(ctx.gradient.dtype)
        return ctx.gradient * gradient.to(ctx.gradient.dtype), of_head, None, None
