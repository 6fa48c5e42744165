"""silu(gate) * up with a backward of its own: keeps two tensors instead of three, in fewer passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

# Known to compute down(silu(gate(x)) * up(x)) when their activation is SiLU.
KNOWN = frozenset({"LlamaMLP", "MistralMLP", "Qwen2MLP", "Qwen3MLP", "SmolLM3MLP"})
_SILU = frozenset({"SiLU", "SiLUActivation"})
Compute = Callable[[Tensor, Tensor], Tensor]  # of what the gate and the up projection say


def install(model: nn.Module, compute: Compute | None = None) -> int:
    """Give every known gated MLP of `model` the fast forward, ours or `compute`; returns how many there were."""
    layers = [m for m in model.modules() if type(m).__name__ in KNOWN and type(m.act_fn).__name__ in _SILU]
    for layer in layers:
        layer.forward = _forward_of(layer, compute or GatedSiLU.apply)
    return len(layers)


def _forward_of(layer: Any, compute: Compute) -> Any:
    def forward(x: Tensor) -> Tensor:
        return layer.down_proj(compute(layer.gate_proj(x), layer.up_proj(x)))

    return forward


class GatedSiLU(torch.autograd.Function):
    """silu(gate) * up, elementwise."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        """Same shape in and out."""
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """silu is computed again: cheaper than keeping it."""
        gate, up = ctx.saved_tensors
        grad_up = functional.silu(gate).mul_(gradient)
        return torch.ops.aten.silu_backward(gradient * up, gate), grad_up
