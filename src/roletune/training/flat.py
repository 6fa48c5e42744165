"""All trained weights as one vector.

The adapters of a model are hundreds of small matrices. Laid into one fp32 vector (the model's parameters become views
of it), the optimizer's step, the gradient's norm and the checkpoint are one operation each, and the copy in the model's
precision is made once per step instead of at each use. Data parallelism is then one sum of one vector.

Adapters are read from that copy by `lora`; where a model's own weights are trained, its modules read them, so their
parameters become views of the copy instead (`in_place`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """fp32 masters of `parameters` in their order, with gradients, and their copy in `compute_dtype`.

    `master` is a leaf with its gradient allocated, into which a backward adds. `compute` is `master` itself if it is to
    be fp32. The parameters become views of `master`, or with `in_place` of `compute`; `matrices` is how many of the
    leading weights belong to matrices, if those come first: vectors do not decay.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], compute_dtype: torch.dtype, *, in_place: bool = False
    ) -> None:
        device = parameters[0].device
        size = sum(parameter.numel() for parameter in parameters)
        self.master = nn.Parameter(torch.empty(size, dtype=torch.float32, device=device))
        self.master.grad = torch.zeros_like(self.master)
        self.compute = (
            self.master.detach() if compute_dtype == torch.float32 else self.master.detach().to(compute_dtype)
        )
        self.matrices = sum(parameter.numel() for parameter in parameters if parameter.ndim > 1)
        self._places: dict[nn.Parameter, int] = {}
        viewed, at = self.compute if in_place else self.master.data, 0
        for parameter in parameters:
            self._places[parameter] = at
            part = slice(at, at + parameter.numel())
            self.master.data[part] = parameter.data.reshape(-1)
            parameter.data = viewed[part].view(parameter.shape)
            if viewed.dtype == torch.float32:
                parameter.grad = self.master.grad[part].view(parameter.shape)
            else:
                # A gradient has its parameter's dtype; added up in fp32, micro-batches are summed as for adapters.
                parameter.register_post_accumulate_grad_hook(self._adder(self.master.grad[part]))
            at += parameter.numel()
        self.refresh()

    def __len__(self) -> int:
        return self.master.numel()

    @staticmethod
    def _adder(total: Tensor) -> Callable[[Tensor], None]:
        def add(parameter: Tensor) -> None:
            assert parameter.grad is not None
            total.add_(parameter.grad.reshape(-1))
            parameter.grad = None

        return add

    def refresh(self) -> None:
        """Bring `compute` up to date; to be called whenever the masters change."""
        if self.compute.dtype != torch.float32:
            self.compute.copy_(self.master.detach())

    def zero_grad(self) -> None:
        """Gradients become zero in place: they must stay views."""
        gradient(self).zero_()

    def stacked(self, parameters: Sequence[nn.Parameter]) -> Tensor:
        """View of the compute copy of neighbours with equal columns, one above the other: [sum of rows, columns]."""
        start = self._places[parameters[0]]
        rows = sum(parameter.shape[0] for parameter in parameters)
        columns = parameters[0].shape[1]
        at = start
        for parameter in parameters:
            assert self._places[parameter] == at, "only parameters that were laid next to each other can be stacked"
            at += parameter.numel()
        return self.compute[start : start + rows * columns].view(rows, columns)


def gradient(flat: FlatParameters) -> Tensor:
    """The gradient of all masters; allocated once, never None."""
    grad = flat.master.grad
    assert grad is not None
    return grad
