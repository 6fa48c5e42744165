"""Cheap dropout masks: windows at random places of a pool of random bits that is drawn anew for each step.

Drawing a mask per use took a sixth of a training step on CPUs. Every number of the pool is independent, so each mask
has the distribution of ordinary dropout; only masks of different layers within one step may share parts, shifted. The
probability is rounded to 1/256 and the scale corrected for it. Masks depend on their generator alone, so adapters that
are trained together draw what each would draw alone.
"""

from __future__ import annotations

import torch
from torch import Tensor


class DropoutMasks:
    """Masks of 0 and 1 for dropout probability `p`, in the dtype of what they are multiplied with.

    Without a `generator` they are drawn with torch's own.
    """

    def __init__(
        self, p: float, dtype: torch.dtype, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        self._threshold = round(256 * p)
        self._dtype, self._device, self._generator = dtype, device, generator
        self._pool = torch.empty(0, dtype=dtype, device=device)
        self.active = True

    @property
    def keep(self) -> float:
        """Probability that a value is kept; what is kept is to be divided by it."""
        return 1 - self._threshold / 256

    def renew(self) -> None:
        """Forget the pool: once per optimizer step. What is drawn next owes nothing to the steps before."""
        self._pool = self._pool[:0]

    def take(self, rows: int, columns: int) -> Tensor | None:
        """A mask [rows, columns], a view that must not be written to; None where nothing is dropped."""
        if not self._threshold or not self.active:
            return None
        size = rows * columns
        if self._pool.numel() < 2 * size:
            self._fill(2 * size)
        start = int(torch.randint(self._pool.numel() - size + 1, (), generator=self._generator))
        return self._pool[start : start + size].view(rows, columns)

    def _fill(self, size: int) -> None:
        # A fresh tensor: masks of the step before may still be held.
        whole = torch.empty(-(-size // 8), dtype=torch.int64, device=self._device)
        whole.random_(-(2**63), None, generator=self._generator)
        self._pool = (whole.view(torch.uint8) >= self._threshold).to(self._dtype)
