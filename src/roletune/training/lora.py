"""LoRA layers of PEFT, computed together: one function for all adapted layers that read the same input.

q, k and v projections (and gate and up) get the same tensor. Their frozen products are computed one by one, their
A-products and their dropout as one; the gradient of a frozen weight is never formed, and the adapters come in the
model's precision from `FlatParameters`. The modules stay PEFT's own: only their forward is replaced, so saving, loading
and merging are PEFT's. With dropout 0 the result is y = x W' + b + scaling * (x A') B', as PEFT's; with dropout, the
layers that share an input share its mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from roletune.training.dropout import DropoutMasks
from roletune.training.flat import FlatParameters

ADAPTER = "default"
# Siblings known to be called with one and the same tensor. That it is the same is checked at each call.
SHARING = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


def groups(model: nn.Module) -> list[list[Any]]:
    """The LoRA layers of a PEFT model, those that share their input together, in the model's order."""
    found: list[list[Any]] = []
    for parent in model.modules():
        children = {name: child for name, child in parent.named_children() if hasattr(child, "lora_A")}
        for names in SHARING:
            if all(name in children for name in names):
                found.append([children.pop(name) for name in names])
        found.extend([child] for child in children.values())
    return found


def ordered_parameters(layers: Sequence[Sequence[Any]]) -> list[nn.Parameter]:
    """Parameters in the order in which `FlatParameters` can stack them: a group's A matrices, then its B matrices."""
    return [
        getattr(layer, name)[ADAPTER].weight for group in layers for name in ("lora_A", "lora_B") for layer in group
    ]


def is_known(layer: Any) -> bool:
    """Whether this is plain LoRA on a plain linear layer: no DoRA, no quantised base, no bias of its own."""
    from peft.tuners.lora.layer import Linear

    return (
        type(layer) is Linear
        and type(layer.base_layer) is nn.Linear
        and list(layer.active_adapters) == [ADAPTER]
        and ADAPTER not in layer.lora_variant
        and not layer.lora_bias[ADAPTER]
        and not layer.fan_in_fan_out
    )


def install(layers: Sequence[Sequence[Any]], flat: FlatParameters, masks: DropoutMasks) -> int:
    """Give every group the fused forward; returns how many groups there were."""
    for group in layers:
        shared = SharedInput.of(group, flat, masks)
        for place, layer in enumerate(group):
            layer.forward = _forward_of(shared, place)
    return len(layers)


def _forward_of(shared: SharedInput, place: int) -> Any:
    def forward(x: Tensor) -> Tensor:
        return shared.output(x, place)

    return forward


@dataclass(eq=False)
class SharedInput:
    """Adapted layers that read one input. The first that is called computes all; the others find theirs waiting."""

    weights: list[Tensor]
    biases: list[Tensor | None]
    masters: list[nn.Parameter]
    a: Tensor  # [layers * rank, in]: the A matrices one above the other
    b: list[Tensor]  # [out, rank] each
    scaling: float
    masks: DropoutMasks
    _input: Tensor | None = None
    _waiting: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, group: Sequence[Any], flat: FlatParameters, masks: DropoutMasks) -> SharedInput:
        """Bind PEFT layers that have equal scaling."""
        first = [layer.lora_A[ADAPTER].weight for layer in group]
        second = [layer.lora_B[ADAPTER].weight for layer in group]
        return cls(
            weights=[layer.base_layer.weight for layer in group],
            biases=[layer.base_layer.bias for layer in group],
            masters=[*first, *second],
            a=flat.stacked(first),
            b=[flat.stacked([parameter]) for parameter in second],
            scaling=float(group[0].scaling[ADAPTER]),
            masks=masks,
        )

    def output(self, x: Tensor, place: int) -> Tensor:
        """What layer `place` makes of x [..., in] -> [..., out]."""
        if self._input is not x or place not in self._waiting:
            self._input, self._waiting = x, dict(enumerate(FusedLora.apply(x, self, *self.masters)))
        output = self._waiting.pop(place)
        if not self._waiting:
            self._input = None  # nothing may keep activations alive
        return output


class FusedLora(torch.autograd.Function):
    """Outputs of all layers of a `SharedInput`; gradients of x and of its masters."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shared: SharedInput, *masters: Tensor) -> tuple[Tensor, ...]:
        """x [..., in] -> for each layer [..., out]."""
        rows = x.reshape(-1, x.shape[-1])
        mask = shared.masks.take(*rows.shape)
        factor = shared.scaling if mask is None else shared.scaling / shared.masks.keep
        low = ((rows if mask is None else rows * mask) @ shared.a.t()).mul_(factor)
        outputs = []
        for weight, bias, b, part in zip(shared.weights, shared.biases, shared.b, _parts(low, shared), strict=True):
            output = functional.linear(rows, weight, bias)
            outputs.append(output.addmm_(part, b.t()).view(*x.shape[:-1], -1))
        ctx.save_for_backward(rows, low)
        ctx.shared, ctx.mask, ctx.factor, ctx.shape = shared, mask, factor, x.shape
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Adapter gradients are returned in fp32, so that micro-batches are summed in fp32."""
        rows, low = ctx.saved_tensors
        shared: SharedInput = ctx.shared
        grads = [gradient.reshape(-1, gradient.shape[-1]) for gradient in gradients]
        grad_b = [(grad.t() @ part).float() for grad, part in zip(grads, _parts(low, shared), strict=True)]
        grad_low = torch.empty_like(low)
        for grad, b, part in zip(grads, shared.b, _parts(grad_low, shared), strict=True):
            torch.mm(grad, b, out=part)
        grad_low.mul_(ctx.factor)
        grad_a = (grad_low.t() @ (rows if ctx.mask is None else rows * ctx.mask)).float()
        grad_x = _grad_of_input(grads, grad_low, ctx.mask, shared).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return (grad_x, None, *grad_a.chunk(len(grads)), *grad_b)


def _grad_of_input(grads: Sequence[Tensor], grad_low: Tensor, mask: Tensor | None, shared: SharedInput) -> Tensor:
    total = grads[0] @ shared.weights[0]
    for grad, weight in zip(grads[1:], shared.weights[1:], strict=True):
        total.addmm_(grad, weight)
    if mask is None:
        return total.addmm_(grad_low, shared.a)
    return total.addcmul_(grad_low @ shared.a, mask)


def _parts(low: Tensor, shared: SharedInput) -> tuple[Tensor, ...]:
    """The columns of each layer: views of [rows, layers * rank]."""
    return low.chunk(len(shared.b), dim=1)
