"""The optimizer of the masters: torch's fused AdamW, or bitsandbytes' paged one, whose state can leave a GPU's memory.

Both are AdamW in 32 bits with betas 0.9 and 0.999; a checkpoint names the moments alike. Where only the leading weights
decay, matrices but not norms and biases, they are shrunk here before each update, which is the same arithmetic.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from roletune.training.recipe import Recipe

_MOMENTS = {"adamw": ("exp_avg", "exp_avg_sq"), "paged_adamw_32bit": ("state1", "state2")}


class MasterOptimizer:
    """AdamW over one vector, whose first `decayed` weights decay (None: all); a checkpoint holds its `moments`."""

    def __init__(self, master: nn.Parameter, recipe: Recipe, decayed: int | None = None) -> None:
        self._master, self._names = master, _MOMENTS[recipe.optimizer]
        every = decayed is None or decayed == master.numel()
        self._shrunk = None if every else master.detach()[:decayed]
        self._decay = recipe.weight_decay
        self._inner: Any = _inner(master, recipe, recipe.weight_decay if every else 0.0)

    def step(self, learning_rate: float) -> None:
        """One update at this rate."""
        for settings in self._inner.param_groups:
            settings["lr"] = learning_rate
        if self._shrunk is not None:
            self._shrunk.mul_(1 - learning_rate * self._decay)
        with _quiet():
            self._inner.step()

    @property
    def moments(self) -> dict[str, Tensor]:
        """The running means of the gradient and of its square, after at least one step."""
        state = self._inner.state[self._master]
        return {name: state[own] for name, own in zip(_MOMENTS["adamw"], self._names, strict=True)}

    def restore(self, step: int, moments: dict[str, Tensor]) -> None:
        """Go on after `step` updates."""
        if self._names == _MOMENTS["adamw"]:
            # Where the fused kernel looks for it: a GPU's can't read a number in the machine's memory.
            count = torch.tensor(float(step), device=self._master.device)
            self._inner.state[self._master] = {"step": count, **moments}
            return
        with _quiet():
            self._inner.init_state(self._inner.param_groups[0], self._master, 0, 0)
        state = self._inner.state[self._master]
        state["step"] = step
        for name, own in zip(_MOMENTS["adamw"], self._names, strict=True):
            state[own].copy_(moments[name])
        self._inner.initialized = True


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # On a CPU there is no other memory to page to, and nothing that a user should do about it.
        warnings.filterwarnings("ignore", message="Paged optimizers are not supported on CPU")
        yield


def _inner(master: nn.Parameter, recipe: Recipe, decay: float) -> Any:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW([master], weight_decay=decay, fused=True)
    from bitsandbytes.optim.adamw import PagedAdamW32bit

    return PagedAdamW32bit([master], weight_decay=decay)
