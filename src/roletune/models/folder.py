"""What a folder in the Hugging Face layout says about itself, read without importing or running anything of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from roletune.errors import ModelError

PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".ckpt"})
_CAUSAL = ("ForCausalLM", "LMHeadModel")


def check(folder: Path) -> dict[str, Any]:
    """The folder's config, if roletune can train and serve what is in it. Raises `ModelError` with the cure if not."""
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ModelError(f"{folder} holds an adapter, not a model. Name the base model that it was trained on.")
        raise ModelError(f"{folder} has no config.json: it is not a model folder. Name the folder that has one.")
    config = _read_json(folder / "config.json")
    kinds = config.get("architectures") or []
    if kinds and not any(str(kind).endswith(_CAUSAL) for kind in kinds):
        raise ModelError(f"{folder} holds {', '.join(map(str, kinds))}, which does not write text. Name a causal LM.")
    weight_files(folder)
    return config


def weight_files(folder: Path) -> list[Path]:
    """The `.safetensors` files of the model, sorted. Raises `ModelError` if there are none, or some are missing."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return _shards(folder, _read_json(index))
    files = sorted(folder.glob("*.safetensors"))
    single = folder / "model.safetensors"
    if single in files:
        return [single]
    if files:
        return files
    if any(file.suffix.lower() in PICKLED for file in folder.iterdir() if file.is_file()):
        raise ModelError(
            f"{folder} has only pickled weights, which can run code when they are read. "
            "Use the model's .safetensors files, or convert it with save_pretrained on a machine you can lose."
        )
    raise ModelError(f"{folder} has no .safetensors weights. Download the model again, with its weights.")


def label(folder: Path, config: dict[str, Any]) -> str:
    """What to call the model in public: the hub id it says it is, else the folder's own name; never a path."""
    said = str(config.get("_name_or_path") or "")
    return said if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", said) else folder.resolve().name


def licence(folder: Path) -> str:
    """The licence in the model card's front matter, empty if there is none."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    found = re.match(r"---\s*\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    try:
        front = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError:
        return ""
    return str(front.get("license") or "") if isinstance(front, dict) else ""


def _shards(folder: Path, index: dict[str, Any]) -> list[Path]:
    names = sorted({str(name) for name in dict(index.get("weight_map") or {}).values()})
    missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if missing or not names:
        raise ModelError(
            f"{folder} lacks the weights {', '.join(missing) or 'its index should list'}. Download it again."
        )
    return [folder / name for name in names]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read as JSON ({error}). Download the model again.") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} is not a JSON object. Download the model again.")
    return found
