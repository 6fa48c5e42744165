"""LoRA layers of PEFT, computed together: one function for all adapted layers that read the same input.

q, k and v projections (and gate and up) get the same tensor. Their frozen products are computed one by one, their
A-products and their dropout as one; the gradient of a frozen weight is never formed, and the adapters come in the
model's precision from `FlatParameters`. The modules stay PEFT's own: only their forward is replaced, so saving, loading
and merging are PEFT's. With dropout 0 the result is y = x W' + b + scaling * (x A') B', as PEFT's; with dropout, the
layers that share an input share its mask.

Several adapters can stand on one base. `Cast` says which rows of a forward are whose: the frozen products are made for
all rows at once, those of A and B for each adapter's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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


def ordered_parameters(layers: Sequence[Sequence[Any]], adapter: str = ADAPTER) -> list[nn.Parameter]:
    """Parameters in the order in which `FlatParameters` can stack them: a group's A matrices, then its B matrices."""
    return [
        getattr(layer, name)[adapter].weight for group in layers for name in ("lora_A", "lora_B") for layer in group
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


class Share(NamedTuple):
    """Rows [start, stop) of a forward that are of the adapter with this number; a `stop` of None is the end."""

    adapter: int
    start: int = 0
    stop: int | None = None


@dataclass(eq=False)
class Cast:
    """Whose rows the forward that comes next has. All fused layers of a model look at one and the same."""

    shares: Sequence[Share] = (Share(0),)


def install(
    layers: Sequence[Sequence[Any]], flat: FlatParameters, masks: DropoutMasks, cast: Cast | None = None
) -> list[SharedInput]:
    """Give every group the fused forward; returns what they became, for `join`."""
    found = []
    for group in layers:
        shared = SharedInput(
            frozen=[layer.base_layer for layer in group],
            adapters=[Lora.of(group, flat, masks)],
            cast=cast or Cast(),
        )
        found.append(shared)
        for place, layer in enumerate(group):
            layer.forward = _forward_of(shared, place)
    return found


def join(
    inputs: Sequence[SharedInput],
    layers: Sequence[Sequence[Any]],
    flat: FlatParameters,
    masks: DropoutMasks,
    adapter: str,
) -> int:
    """Put another adapter of the same layers beside those that are there; returns its number."""
    for shared, group in zip(inputs, layers, strict=True):
        shared.adapters.append(Lora.of(group, flat, masks, adapter))
    return len(inputs[0].adapters) - 1


def _forward_of(shared: SharedInput, place: int) -> Any:
    def forward(x: Tensor) -> Tensor:
        return shared.output(x, place)

    return forward


@dataclass(frozen=True, eq=False)
class Lora:
    """One adapter's matrices for layers that read one input."""

    masters: list[nn.Parameter]
    a: Tensor  # [layers * rank, in]: the A matrices one above the other
    b: list[Tensor]  # [out, rank] each
    scaling: float
    masks: DropoutMasks

    @classmethod
    def of(cls, group: Sequence[Any], flat: FlatParameters, masks: DropoutMasks, adapter: str = ADAPTER) -> Lora:
        """Bind PEFT layers that have equal scaling."""
        first = [layer.lora_A[adapter].weight for layer in group]
        second = [layer.lora_B[adapter].weight for layer in group]
        return cls(
            masters=[*first, *second],
            a=flat.stacked(first),
            b=[flat.stacked([parameter]) for parameter in second],
            scaling=float(group[0].scaling[adapter]),
            masks=masks,
        )

    def parts(self, low: Tensor) -> tuple[Tensor, ...]:
        """The columns of each layer: views of [rows, layers * rank]."""
        return low.chunk(len(self.b), dim=1)


@dataclass(eq=False)
class SharedInput:
    """Adapted layers that read one input. The first that is called computes all; the others find theirs waiting.

    The weights of the frozen ones are read when they are used: sharding puts other tensors there (`shards`).
    """

    frozen: list[Any]
    adapters: list[Lora]
    cast: Cast
    _input: Tensor | None = None
    _waiting: dict[int, Tensor] = field(default_factory=dict)

    def output(self, x: Tensor, place: int) -> Tensor:
        """What layer `place` makes of x [..., in] -> [..., out]."""
        if self._input is not x or place not in self._waiting:
            shares = [(self.adapters[share.adapter], slice(share.start, share.stop)) for share in self.cast.shares]
            masters = [master for adapter, _ in shares for master in adapter.masters]
            self._input, self._waiting = x, dict(enumerate(FusedLora.apply(x, self, shares, *masters)))
        output = self._waiting.pop(place)
        if not self._waiting:
            self._input = None  # nothing may keep activations alive
        return output


class FusedLora(torch.autograd.Function):
    """Outputs of all layers of a `SharedInput`; gradients of x and of the masters of each share."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, shared: SharedInput, shares: Sequence[tuple[Lora, slice]], *masters: Tensor
    ) -> tuple[Tensor, ...]:
        """x [..., in] -> for each layer [..., out]. `shares`: adapters and their rows."""
        rows = x.reshape(-1, x.shape[-1])
        outputs = [functional.linear(rows, layer.weight, layer.bias) for layer in shared.frozen]
        lows, masks = [], []
        for lora, own in shares:
            part = rows[own]
            mask = lora.masks.take(*part.shape)
            low = ((part if mask is None else part * mask) @ lora.a.t()).mul_(_factor(lora, mask))
            for output, b, columns in zip(outputs, lora.b, lora.parts(low), strict=True):
                output[own].addmm_(columns, b.t())
            lows.append(low)
            masks.append(mask)
        ctx.save_for_backward(rows, *lows)
        ctx.shared, ctx.shares, ctx.masks, ctx.shape = shared, shares, masks, x.shape
        return tuple(output.view(*x.shape[:-1], -1) for output in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Adapter gradients are returned in fp32, so that micro-batches are summed in fp32."""
        rows, *lows = ctx.saved_tensors
        grads = [gradient.reshape(-1, gradient.shape[-1]) for gradient in gradients]
        total = (
            _through_frozen(grads, [layer.weight for layer in ctx.shared.frozen]) if ctx.needs_input_grad[0] else None
        )
        of_masters: list[Tensor] = []
        for (lora, own), low, mask in zip(ctx.shares, lows, ctx.masks, strict=True):
            mine, part = [grad[own] for grad in grads], rows[own]
            grad_b = [(grad.t() @ columns).float() for grad, columns in zip(mine, lora.parts(low), strict=True)]
            grad_low = torch.empty_like(low)
            for grad, b, columns in zip(mine, lora.b, lora.parts(grad_low), strict=True):
                torch.mm(grad, b, out=columns)
            grad_low.mul_(_factor(lora, mask))
            grad_a = (grad_low.t() @ (part if mask is None else part * mask)).float()
            of_masters += [*grad_a.chunk(len(mine)), *grad_b]
            if total is not None and mask is None:
                total[own].addmm_(grad_low, lora.a)
            elif total is not None:
                total[own].addcmul_(grad_low @ lora.a, mask)
        return (None if total is None else total.view(ctx.shape), None, None, *of_masters)


def _factor(lora: Lora, mask: Tensor | None) -> float:
    return lora.scaling if mask is None else lora.scaling / lora.masks.keep


def _through_frozen(grads: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    total = grads[0] @ weights[0]
    for grad, weight in zip(grads[1:], weights[1:], strict=True):
        total.addmm_(grad, weight)
    return total
