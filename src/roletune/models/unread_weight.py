"""Weights of a model that are still in their files: what stands in their places, and how they are read.

    weight.hold()                            # a model of such weights is built, adapted and divided in no memory
    values, read = weight.take("cpu", rows)  # of this weight these rows, as they are computed with

What is taken is to the bit what `load.load_causal_lm` would have loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roletune.models.load import explained

if TYPE_CHECKING:
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
