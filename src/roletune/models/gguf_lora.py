"""Write a PEFT LoRA adapter as a GGUF adapter, which llama.cpp adds to its base with a scale of each request's choice.

Format: what llama.cpp's convert_lora_to_gguf.py writes: `general.type` adapter, `adapter.type` lora,
`adapter.lora.alpha`, and `NAME.lora_a` (rank, inputs), `NAME.lora_b` (outputs, rank) for each weight NAME. llama.cpp
adds scale * alpha / rank * B A. Guarantees: what the format can't hold (DoRA, trained biases, embeddings) is refused,
never dropped; an adapter of another base is refused; the same adapter gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout
from roletune.models.atomic import whole_file
from roletune.models.gguf_header import Header, read_header
from roletune.models.gguf_names import ARCHITECTURES, Shape, TensorNames, permute
from roletune.models.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_UNSUPPORTED = {"use_dora": "DoRA", "modules_to_save": "whole trained modules", "trainable_token_indices": "new tokens"}


@dataclass(frozen=True)
class _Pair:
    module: str
    a: Array  # (rank, inputs)
    b: Array  # (outputs, rank), scaled so that the adapter's common alpha is right for it


def export_lora(adapter_dir: Path, base: Weights, out: Path) -> Path:
    """Write the adapter in `adapter_dir` (adapter_config.json, adapter_model.safetensors) to `out`, in float16.

    Raises `ModelError` if the adapter can't be expressed or does not fit `base`, `ResourceError` if the disk is full.
    """
    try:
        import gguf
        import numpy as np
        import safetensors.torch  # noqa: F401 - asked for early, so that nothing is written without it
    except ImportError as error:
        raise MissingExtraError("Writing a GGUF adapter", "train") from error
    config = _config(adapter_dir)
    shape, tensors = _base(base)
    names = TensorNames(shape)
    with whole_file(out) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.architecture)
        try:
            _write_metadata(writer, config, base)
            for pair in _pairs(adapter_dir, config):
                target = f"{names(pair.module)}.weight"
                _check_fits(pair, target, tensors, base)
                writer.add_tensor(f"{target}.lora_a", pair.a.astype(np.float16))
                b = permute(pair.b, pair.module, shape)
                writer.add_tensor(f"{target}.lora_b", np.ascontiguousarray(b).astype(np.float16))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
    return out


def _config(adapter_dir: Path) -> dict[str, Any]:
    path = adapter_dir / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read ({error}). Name the folder of a trained LoRA adapter.") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ModelError(f"{path} is not the configuration of a LoRA adapter. Only LoRA can be exported.")
    found = [what for key, what in _UNSUPPORTED.items() if config.get(key)]
    if found:
        raise ModelError(
            f"{adapter_dir} uses {' and '.join(found)}, which a GGUF adapter can't hold. Merge it instead."
        )
    return config


def _base(base: Weights) -> tuple[Shape, dict[str, tuple[int, ...]]]:
    """The base's shape, and its tensors' shapes by GGUF name (empty if only a folder is known)."""
    if base.folder is not None:
        return Shape.of_config(layout.check(base.folder)), {}
    assert base.gguf is not None
    header = read_header(base.gguf)
    architecture = header.text("general.architecture")
    if architecture not in ARCHITECTURES.values():
        supported = ", ".join(sorted(set(ARCHITECTURES.values())))
        raise ModelError(f"Adapters of '{architecture}' models can't be written as GGUF yet; of {supported} they can.")
    heads = _number(header, f"{architecture}.attention.head_count", base)
    key = f"{architecture}.attention.head_count_kv"
    kv_heads = _number(header, key, base) if key in header.values else heads
    return Shape(architecture, _number(header, f"{architecture}.block_count", base), heads, kv_heads), header.shapes


def _number(header: Header, key: str, base: Weights) -> int:
    value = header.values.get(key)
    if not isinstance(value, int):
        raise ModelError(f"{base.name} does not state {key} as one number. Name the model by its folder or hub id.")
    return value


def _pairs(adapter_dir: Path, config: dict[str, Any]) -> Iterator[_Pair]:
    """The adapter's pairs, sorted by module."""
    from safetensors import SafetensorError, safe_open

    path = adapter_dir / "adapter_model.safetensors"
    if not path.is_file():
        raise ModelError(
            f"{adapter_dir} has no adapter_model.safetensors. Pickled adapters are not read: train it again."
        )
    try:
        with safe_open(path, framework="pt") as tensors:
            for module in _modules(list(tensors.keys()), path):
                stem = f"base_model.model.{module}.lora_"
                a = tensors.get_tensor(f"{stem}A.weight").float().numpy()
                b = tensors.get_tensor(f"{stem}B.weight").float().numpy()
                yield _Pair(module, a, b * _correction(module, a.shape[0], config))
    except SafetensorError as error:
        raise ModelError(f"{path} is not a whole safetensors file ({error}). Train it again.") from error


def _modules(keys: list[str], path: Path) -> list[str]:
    sides: dict[str, set[str]] = {}
    for key in keys:
        found = _KEY.fullmatch(key)
        if found is None:
            raise ModelError(
                f"{path} holds '{key}', which a GGUF adapter can't. Merge the adapter into its base instead."
            )
        sides.setdefault(found["module"], set()).add(found["side"])
    halves = [module for module, found_sides in sides.items() if found_sides != {"A", "B"}]
    if halves or not sides:
        raise ModelError(f"{path} is not whole: {', '.join(halves) or 'it has no tensors'}. Train it again.")
    return sorted(sides)


def _correction(module: str, rank: int, config: dict[str, Any]) -> float:
    """What B has to be multiplied with: 1, unless PEFT scales this module otherwise than by alpha / rank."""
    alpha = _pattern(module, config.get("alpha_pattern"), config["lora_alpha"])
    scaling = alpha / rank**0.5 if config.get("use_rslora") else alpha / rank
    return scaling * rank / float(config["lora_alpha"])


def _pattern(module: str, patterns: dict[str, float] | None, default: float) -> float:
    # PEFT's own rule: a pattern is the module's name or its end.
    for pattern, value in (patterns or {}).items():
        if re.fullmatch(rf"(.*\.)?{pattern}", module):
            return float(value)
    return float(default)


def _check_fits(pair: _Pair, target: str, tensors: dict[str, tuple[int, ...]], base: Weights) -> None:
    product = (pair.b.shape[0], pair.a.shape[1])
    if pair.a.shape[0] != pair.b.shape[1] or (tensors and tensors.get(target) != product):
        raise ModelError(
            f"The adapter does not fit {base.name}: it changes {pair.module} as {product}, "
            f"which the model has as {tensors.get(target, 'nothing')}. Name the base that it was trained on."
        )


def _write_metadata(writer: Any, config: dict[str, Any], base: Weights) -> None:
    import gguf

    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, base.label)
    if base.licence:
        writer.add_license(base.licence)
