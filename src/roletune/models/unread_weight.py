"""Weights of a model that are still in their files: what stands in their places, and how they are read.

    weight.hold()                            # a model of such weights is built, adapted and divided in no memory
    values, read = weight.take("cpu", rows)  # of this weight these rows, as they are computed with

What is taken is to the bit what `load.load_causal_lm` would have loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roletune.models.load import FourBit, explained

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class UnreadWeight:
    """One weight: its name in a file, and the modules whose parameter it is; several where it is tied."""

    file: Path
    name: str
    places: tuple[tuple[nn.Module, str], ...]

    @property
    def parameter(self) -> nn.Parameter:
        """What stands in its places: of its shape and dtype, but without its values until they are `put` there."""
        module, attribute = self.places[0]
        parameter: nn.Parameter = getattr(module, attribute)
        return parameter

    def put(self, values: Tensor) -> None:
        """Let `values` stand in all its places, trained or frozen as what stood there."""
        from torch import nn

        parameter = nn.Parameter(values, requires_grad=self.parameter.requires_grad)
        for module, attribute in self.places:
            setattr(module, attribute, parameter)

    def hold(self) -> None:
        """Let one number stand there that is seen at each index: on the CPU, where PEFT looks for a place and a dtype
        for its adapters, and without memory."""
        self.put(self.parameter.new_empty((), device="cpu").expand(self.parameter.shape))

    def blank(self) -> Tensor:
        """A tensor of the shape and dtype of what is computed with, on the meta device."""
        return self.parameter.new_empty(self.parameter.shape, device="meta")

    def take(self, device: str, rows: slice | None = None) -> tuple[Tensor, int]:
        """All of what is computed with, or some of its rows, and the bytes that were read for it."""
        values = self.read(rows)
        return values.to(device, self.parameter.dtype, copy=True), values.nbytes

    def read(self, rows: slice | None = None) -> Tensor:
        """All of it, or some rows, in the file's dtype: a view of the file, of which only these pages are read.

        The file is opened for this weight only: its pages count as this process's memory as long as it is open.
        """
        from safetensors import safe_open

        with explained(self.file.parent), safe_open(self.file, framework="pt") as opened:
            return opened.get_tensor(self.name) if rows is None else opened.get_slice(self.name)[rows]


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
