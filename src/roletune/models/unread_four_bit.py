"""Unread weights that are quantised to nf4 when they are read: layers of bitsandbytes in a model without its weights.

With transformers each process would hold all of the base in 4 bits before it could be divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roletune.models.load import FourBit
from roletune.models.unread_weight import UnreadWeight

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def quantise_linears(causal_lm: Any, four_bit: FourBit, dtype: torch.dtype) -> None:
    """Put bitsandbytes' layers in the places of linear ones but the head, as transformers does; the rest is in fp32."""
    import torch
    from bitsandbytes.nn import Linear4bit, Params4bit
    from torch import nn

    head = causal_lm.get_output_embeddings()
    for name, layer in list(causal_lm.named_modules()):
        if type(layer) is nn.Linear and layer is not head:
            quantised = Linear4bit(
                layer.in_features,
                layer.out_features,
                bias=layer.bias is not None,
                compute_dtype=dtype,
                compress_statistics=four_bit.double,
                quant_type="nf4",
                quant_storage=torch.bfloat16,
                device="meta",
            )
            quantised.bias = layer.bias
            causal_lm.set_submodule(name, quantised)
    for parameter in causal_lm.parameters():
        if not isinstance(parameter, Params4bit):
            parameter.data = parameter.data.float()  # as PEFT would, when it would take memory
    causal_lm.is_loaded_in_4bit = True  # what PEFT asks


def in_four_bits(weight: UnreadWeight, four_bit: FourBit, dtype: torch.dtype) -> UnreadWeight:
    """The same weight, quantised when it is taken if it is that of a quantised layer."""
    from bitsandbytes.nn import Params4bit

    if not isinstance(weight.parameter, Params4bit):
        return weight
    return UnreadFourBit(weight.file, weight.name, weight.places, four_bit, dtype)


@dataclass(frozen=True, eq=False)
class UnreadFourBit(UnreadWeight):
    """The weight of a linear layer that is quantised to nf4 when it is taken, from its values in `dtype`.

    Quantised, it is one column of four weights a row, [weights / 4, 1] in bfloat16: numbers of a dtype that
    `fully_shard` divides and gathers without looking at them, the way of FSDP with QLoRA
    (https://www.answer.ai/posts/2024-03-06-fsdp-qlora.html). The constants of all rows stay with the layer.
    """

    four_bit: FourBit
    dtype: torch.dtype

    def hold(self) -> None:
        """As for any weight, with what PEFT asks of a quantised one."""
        import torch

        # In bytes, as bitsandbytes holds them: PEFT keeps adapters beside them in fp32.
        seen = torch.empty((), dtype=torch.uint8).expand(self.parameter.shape)
        self._layer.weight = self._as_parameter(seen)

    def blank(self) -> Tensor:
        """The column without values."""
        import torch

        return torch.empty(self.parameter.numel() // 4, 1, dtype=torch.bfloat16, device="meta")

    def take(self, device: str, rows: slice | None = None) -> tuple[Tensor, int]:
        """Rows of the column. All of the weight is read for them, and the layer gets the constants of all."""
        import torch

        values = self.read()
        column = self._as_parameter(values.to(self.dtype), storage=torch.bfloat16).to(device).data
        return (column if rows is None else column[rows].clone()), values.nbytes

    @property
    def _layer(self) -> Any:
        return self.places[0][0]

    def _as_parameter(self, values: Tensor, storage: torch.dtype | None = None) -> nn.Parameter:
        """A parameter of bitsandbytes', which quantises its values when it goes to a device."""
        import torch
        from bitsandbytes.nn import Params4bit

        return Params4bit(
            values,
            requires_grad=False,
            compress_statistics=self.four_bit.double,
            quant_type="nf4",
            quant_storage=storage or torch.uint8,
            module=self._layer,
        )
