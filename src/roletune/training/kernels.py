"""Which kernels for a GPU a training computes with: those of packages that are installed, where they are right.

    flash-attn     attention of sequences laid one behind the other, none padded (`flash`)
    liger-kernel   the norm and the gate of the MLP, each one kernel instead of several (`norm`, `gate`)

The decision depends on its arguments alone. Nothing is replaced outside of the model that is trained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor

from roletune.errors import TrainingError
from roletune.models.device import Device

FLASH, LIGER = "flash-attn", "liger-kernel"
# From 2.1 on, flash-attn lets the last query see the last key where there are more keys than queries: a shared prefix.
_OLDEST = {FLASH: (2, 1), LIGER: (0, 5)}
_WIDEST_HEAD = 256  # of flash-attn


@dataclass(frozen=True)
class Kernels:
    """What is used beside the code of this package and transformers."""

    flash: bool = False
    liger: bool = False

    def __str__(self) -> str:
        used = [name for name, taken in ((FLASH, self.flash), (LIGER, self.liger)) if taken]
        return f" with {' and '.join(used)}" if used else ""


def choose(config: Any, device: Device, found: Mapping[str, str] | None = None) -> Kernels:
    """What fits a model of this configuration on this device; `found` are versions by package, else those here."""
    if device.name != "cuda":
        return Kernels()
    there = {name for name, told in (installed() if found is None else found).items() if _is_new_enough(name, told)}
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    # flash-attn computes in 16 bits; we compute in float32 where the GPU has no bfloat16.
    return Kernels(
        flash=FLASH in there and device.dtype == "bfloat16" and head <= _WIDEST_HEAD,
        liger=LIGER in there,
    )


def installed() -> dict[str, str]:
    """Versions of the packages that are here."""
    found = {}
    for name in _OLDEST:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _is_new_enough(name: str, told: str) -> bool:
    read = re.match(r"(\d+)\.(\d+)", told)
    return read is not None and (int(read[1]), int(read[2])) >= _OLDEST[name]


def flash_varlen() -> Callable[..., Tensor]:
    """flash-attn's attention of several sequences, for `flash.attend`. Raises TrainingError if it can't be loaded."""
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError as error:  # built for another torch, most often
        raise _broken(FLASH, error) from error

    def attend(query: Tensor, key: Tensor, value: Tensor, *places: Any, scaling: float | None) -> Tensor:
        # Norms in float32 (PEFT's, beside weights in 4 bits) make queries and keys float32, which it does not take.
        q, k, v = (x.to(torch.bfloat16) for x in (query, key, value))
        return flash_attn_varlen_func(q, k, v, *places, softmax_scale=scaling, causal=True)

    return attend


def liger_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """`norm.RMSNorm` by Liger: [..., d], [d] -> [..., d]."""
    try:
        from liger_kernel.ops.rms_norm import LigerRMSNormFunction
    except ImportError as error:
        raise _broken(LIGER, error) from error
    # Not in place: the gradient that comes in is the residual's too.
    return LigerRMSNormFunction.apply(x, weight, epsilon, 0.0, "llama", False)


def liger_gate(gate: Tensor, up: Tensor) -> Tensor:
    """`gate.GatedSiLU` by Liger: same shape in and out."""
    try:
        from liger_kernel.ops.swiglu import LigerSiLUMulFunction
    except ImportError as error:
        raise _broken(LIGER, error) from error
    return LigerSiLUMulFunction.apply(gate, up)


def _broken(name: str, error: ImportError) -> TrainingError:
    return TrainingError(
        f"{name} is installed and can't be loaded ({error}). Install one that was built for this torch, or uninstall "
        f"it (pip uninstall {name}): training goes without it, more slowly."
    )
