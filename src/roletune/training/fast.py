"""Which of the faster modules fit a model; everything else keeps its stock code.

`attention_for` decides before a model is loaded, `install` after the adapters are in. A family that is not known here
is trained by transformers' own code, one sequence at a time, with the same loss: slower, never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from roletune.training import attention, flash, gate, lora, norm
from roletune.training.dropout import DropoutMasks
from roletune.training.flat import FlatParameters
from roletune.training.kernels import Kernels, flash_varlen, liger_gate, liger_norm

STOCK_ATTENTION = "sdpa"
# Families whose attention is plain softmax(q k') v under a causal mask.
_PLAIN_ATTENTION = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})
# Set in a configuration, these change what the logits are between head and loss.
_LOGIT_CHANGES = ("final_logit_softcapping", "logits_scaling", "logit_scale", "output_multiplier_scale")


@dataclass(frozen=True)
class FastPath:
    """What was replaced: counts of modules, whether attention and loss are ours, and the fused adapters."""

    attention: bool
    loss: bool
    inputs: tuple[lora.SharedInput, ...]
    norms: int
    gates: int

    @property
    def lora(self) -> int:
        """How many groups of adapted layers are computed together."""
        return len(self.inputs)

    def __str__(self) -> str:
        parts = [name for name in ("attention", "loss") if getattr(self, name)]
        parts += [f"{getattr(self, name)} {name}" for name in ("lora", "norms", "gates") if getattr(self, name)]
        return ", ".join(parts) or "stock modules"


def attention_for(config: Any, device: str, *, use_flash: bool = False) -> str:
    """Name of the attention to load a model of this configuration with.

    For families that are known and use neither a sliding window nor dropout in the attention ours on the CPU, and
    elsewhere flash-attn if it is to be used (TrainingError if it can't be loaded); else one of transformers' own.
    """
    layer_types = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = layer_types != {"full_attention"} or (
        getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True)
    )
    if getattr(config, "attn_logit_softcapping", None):
        return "eager"  # the only one of transformers' own that does it on a CPU
    plain = config.model_type in _PLAIN_ATTENTION and not windowed and not getattr(config, "attention_dropout", 0.0)
    if plain and device == "cpu":
        return attention.register()
    return flash.register(flash_varlen()) if plain and use_flash else STOCK_ATTENTION


def has_plain_head(causal_lm: Any) -> bool:
    """Whether the logits are hidden states times the head's weight, and nothing else."""
    head = causal_lm.get_output_embeddings()
    changed = any(getattr(causal_lm.config, name, None) for name in _LOGIT_CHANGES)
    return type(head) is nn.Linear and head.bias is None and not changed


def install(
    causal_lm: Any,
    layers: Sequence[Sequence[Any]],
    flat: FlatParameters,
    masks: DropoutMasks | None,
    cast: lora.Cast | None = None,
    kernels: Kernels | None = None,
) -> FastPath:
    """Replace what is known in a loaded model with its adapters; `masks` None keeps PEFT's own LoRA forward."""
    liger = kernels is not None and kernels.liger
    fused = masks is not None and all(lora.is_known(layer) for group in layers for layer in group)
    return FastPath(
        attention=causal_lm.config._attn_implementation in (attention.NAME, flash.NAME),
        loss=has_plain_head(causal_lm),
        inputs=tuple(lora.install(layers, flat, masks, cast)) if fused and masks is not None else (),
        norms=norm.install(causal_lm, liger_norm if liger else None),
        gates=gate.install(causal_lm, liger_gate if liger else None),
    )
