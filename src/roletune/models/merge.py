"""Write a base with an adapter added into its weights, as a folder in the Hugging Face layout that needs no PEFT.

Sums are formed in float32 and kept in the precision of the base's own files. Guarantees: the folder appears whole or
not at all; safetensors only; the base's tokenizer and chat template go with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout
from roletune.models.load import load_causal_lm, load_tokenizer, quiet
from roletune.models.trained import write_model


def merge_adapter(base: Path, adapter: Path, out: Path, label: str) -> Path:
    """Merge the adapter in `adapter` into the base in `base`; `label` is what the base is called in public.

    Replaces `out`. Raises ModelError if the two do not fit, ResourceError if the disk is full.
    """
    try:
        import torch

        with quiet():
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
    write_model(merged.to(getattr(torch, str(kept))), load_tokenizer(base), out)
    return out
