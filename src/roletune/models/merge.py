"""Write a base with an adapter added into its weights, as a folder in the Hugging Face layout that needs no PEFT.

Sums are formed in float32 and kept in the precision of the base's own files. Guarantees: the folder appears whole or
not at all; safetensors only; the base's tokenizer and chat template go with it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from roletune.errors import MissingExtraError, ModelError, ResourceError
from roletune.models import folder as layout
from roletune.models.load import load_causal_lm, load_tokenizer, quiet


def merge_adapter(base: Path, adapter: Path, out: Path, label: str) -> Path:
    """Merge the adapter in `adapter` into the base in `base`; `label` is what the base is called in public.

    Replaces `out`. Raises ModelError if the two do not fit, ResourceError if the disk is full.
    """
    try:
        import torch
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtraError("Merging an adapter", "train") from error
    kept = layout.check(base).get("dtype") or layout.check(base).get("torch_dtype") or "float32"
    model = load_causal_lm(base, torch.float32)
    try:
        with quiet():
            merged: Any = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError) as error:  # sizes that differ; weights that are no numbers
        raise ModelError(
            f"The adapter in {adapter} does not fit {label}: {error}. Name the base that it was trained on."
        ) from error
    merged.config._name_or_path = label
    _write(merged.to(getattr(torch, str(kept))), load_tokenizer(base), out)
    return out


def _write(model: Any, tokenizer: Any, out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary) / "whole"
            with quiet():
                model.save_pretrained(folder)
                tokenizer.save_pretrained(folder)
            if out.is_dir():
                shutil.rmtree(out)
            folder.replace(out)
    except OSError as error:
        raise ResourceError(f"{out} can't be written ({error.strerror or error}). Free some space there.") from error
