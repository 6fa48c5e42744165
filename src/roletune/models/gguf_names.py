"""What llama.cpp calls a model's tensors, and how it lays them out.

llama.cpp rotates neighbouring pairs of a head's rows where transformers rotates the head's halves, so converters
permute the rows of the query and key projections of Llama-like models (not of Qwen). An adapter is permuted alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roletune.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

# config.json's model_type -> general.architecture
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
_PERMUTED = frozenset({"llama"})


@dataclass(frozen=True)
class Shape:
    """What names and permutation depend on; `head_dim` is the number of rows of one head."""

    architecture: str
    blocks: int
    heads: int
    kv_heads: int

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> Shape:
        """The shape that a `config.json` describes. Raises `ModelError` for a kind that is not supported."""
        kind = str(config.get("model_type", ""))
        if kind not in ARCHITECTURES:
            raise ModelError(
                f"Models of the kind '{kind}' can't be written as GGUF yet; {', '.join(ARCHITECTURES)} can. "
                "Use llama.cpp's convert_hf_to_gguf.py or convert_lora_to_gguf.py."
            )
        heads = int(config["num_attention_heads"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        return cls(ARCHITECTURES[kind], int(config["num_hidden_layers"]), heads, kv_heads)


class TensorNames:
    """Names of one model's tensors in GGUF."""

    def __init__(self, shape: Shape) -> None:
        import gguf

        kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
        self._map = gguf.get_tensor_name_map(kinds[shape.architecture], shape.blocks)

    def __call__(self, name: str) -> str:
        """The GGUF name of a transformers tensor or module: `model.norm.weight` -> `output_norm.weight`."""
        found = self._map.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise ModelError(f"llama.cpp has no place for '{name}'. Train without it (target_modules: all-linear).")
        return str(found)


def permute(rows: Array, name: str, shape: Shape) -> Array:
    """Rows (outputs first) of the transformers tensor `name` in llama.cpp's order; others come back as they are."""
    if shape.architecture not in _PERMUTED:
        return rows
    if "q_proj" in name:
        return interleave(rows, shape.heads)
    return interleave(rows, shape.kv_heads) if "k_proj" in name else rows


def interleave(rows: Array, heads: int) -> Array:
    """Of each head, rows 0, h/2, 1, h/2 + 1, ... in place of 0, 1, 2, ...; any shape whose first length is the rows."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
