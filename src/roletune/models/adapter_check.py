"""Look at an adapter from a stranger before anything loads it. Nothing of it is executed, no weights are read.

Refused: a file that is not what its name says, a configuration that names code to import (PEFT imports
`auto_mapping.parent_library` and, with `megatron_config`, `megatron_core`) or other methods than plain LoRA.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from roletune.errors import ModelError
from roletune.models.gguf_header import read_header

# fmt: off
_PLAIN = frozenset((
    "alpha_pattern", "base_model_name_or_path", "bias", "ensure_weight_tying", "exclude_modules", "fan_in_fan_out",
    "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform", "lora_alpha", "lora_bias",
    "lora_dropout", "megatron_core", "peft_type", "peft_version", "qalora_group_size", "r", "rank_pattern",
    "revision", "target_modules", "task_type", "use_rslora",
))
# fmt: on
_MOST_HEADER = 100_000_000  # as the safetensors library itself
_KINDS = frozenset({"F32", "F16", "BF16", "F64"})


def check_adapter(folder: Path) -> None:
    """Raise ModelError unless `folder` holds a plain LoRA adapter as PEFT writes it, and as GGUF if that is there."""
    config = _config(folder / "adapter_config.json")
    strange = sorted(key for key, value in config.items() if value and key not in _PLAIN)
    if config.get("peft_type") != "LORA" or strange:
        told = f"sets {', '.join(strange)[:200]}" if strange else "is not of a LoRA adapter"
        raise ModelError(f"{folder.name}/adapter_config.json {told}, which is not taken from others. {_CURE}")
    if str(config.get("init_lora_weights", True)).lower() not in ("true", "false", "gaussian"):
        raise ModelError(f"{folder.name}/adapter_config.json changes the base model as it is loaded. {_CURE}")
    _check_tensors(folder / "adapter_model.safetensors")
    gguf = folder / "adapter.gguf"
    if gguf.is_file() and read_header(gguf).text("general.type") != "adapter":
        raise ModelError(f"{folder.name}/adapter.gguf is no adapter. {_CURE}")


_CURE = "Ask its maker for the adapter as roletune exports it."


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is no JSON. {_CURE}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path.name} holds no settings. {_CURE}")
    return config


def _check_tensors(path: Path) -> None:
    """Format: eight bytes with the length of a JSON header, the header, the tensors' bytes without gaps."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(_MOST_HEADER, size - 8):
            raise ModelError(f"{path.name} is no safetensors file, whatever its name says. {_CURE}")
        header = file.read(length)
    try:
        tensors = {key: value for key, value in json.loads(header).items() if key != "__metadata__"}
        ends = [value["data_offsets"][1] for value in tensors.values() if value["dtype"] in _KINDS]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path.name} is no safetensors file, whatever its name says. {_CURE}") from error
    if not tensors or len(ends) != len(tensors) or max(ends) != size - 8 - length:
        raise ModelError(f"{path.name} is not whole, or holds something else than weights. {_CURE}")
