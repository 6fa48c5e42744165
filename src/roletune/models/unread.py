"""A causal language model whose weights are still in their files, for those who don't want all of them.

    unread = build_unread(folder, dtype)      # takes no memory, whatever its size
    unread.weights[0].take("cpu", slice(0, 512))     # of one weight these rows, of the file nothing else

Guarantees: what is read and cast is to the bit what `load.load_causal_lm` would have loaded. Where that isn't sure, for
files that transformers converts when it reads them, there is no such model (None). Files that lack a weight, or have
one too many or of another shape, are a `ModelError` before anything is read. No code of the model's own, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout
from roletune.models.load import FourBit, explained, few, lacking, quiet
from roletune.models.unread_four_bit import in_four_bits, quantise_linears
from roletune.models.unread_weight import UnreadWeight

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Families (transformers' `model_type`) of which this is known without a look at their files: those of `architecture`'s
# table, and some of the same kind.
KNOWN = frozenset({"gemma", "gemma2", "llama", "mistral", "qwen2", "qwen3", "smollm3"})
# Written by older versions of transformers, and computed by today's.
_COMPUTED = (r"rotary_emb\.inv_freq$", r"(^|\.)position_ids$")


class Unread(NamedTuple):
    """A model and its weights, each once, in the model's order."""

    causal_lm: PreTrainedModel
    weights: tuple[UnreadWeight, ...]


def build_unread(
    folder: Path, dtype: torch.dtype, attn_implementation: str | None = None, four_bit: FourBit | None = None
) -> Unread | None:
    """The model of a folder as `load_causal_lm` loads it, but for its weights, which `hold` their places.

    None if only that can load it. Raises `ModelError`.
    """
    layout.check(folder)
    with explained(folder):
        causal_lm = _build(folder, dtype, attn_implementation)
        stored = _stored(folder)
    if causal_lm is None:
        return None
    if four_bit is not None:
        quantise_linears(causal_lm, four_bit, dtype)
    found = _matched(causal_lm, stored, folder)
    if found is None:
        return None
    if four_bit is not None:
        found = tuple(in_four_bits(weight, four_bit, dtype) for weight in found)
    for weight in found:
        weight.hold()
    return Unread(causal_lm.eval(), found)


def _build(folder: Path, dtype: torch.dtype, attn_implementation: str | None) -> PreTrainedModel | None:
    """The model with its buffers, and parameters on the meta device; None for one that is converted when loaded."""
    try:
        from accelerate import init_empty_weights
        from transformers import AutoConfig, AutoModelForCausalLM
        from transformers.conversion_mapping import get_model_conversion_mapping
    except ImportError as error:
        raise MissingExtraError("Loading a model", "train") from error
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if getattr(config, "quantization_config", None) is not None:
        return None
    wanted = {} if attn_implementation is None else {"attn_implementation": attn_implementation}
    with quiet(), init_empty_weights(include_buffers=False):
        causal_lm = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=False, **wanted)
    causal_lm.tie_weights()
    converted = get_model_conversion_mapping(causal_lm, add_legacy=False)
    kept_in_fp32 = getattr(causal_lm, "_keep_in_fp32_modules_strict", None)
    with_stored_buffers = len(causal_lm.state_dict()) > len(dict(causal_lm.named_parameters(remove_duplicate=False)))
    return None if converted or kept_in_fp32 or with_stored_buffers else causal_lm


class _Stored(NamedTuple):
    file: Path
    shape: tuple[int, ...]


def _stored(folder: Path) -> dict[str, _Stored]:
    """What the headers of the files say."""
    from safetensors import safe_open

    found = {}
    for file in layout.weight_files(folder):
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no dict
                found[name] = _Stored(file, tuple(opened.get_slice(name).get_shape()))
    return found


def _matched(causal_lm: Any, stored: Mapping[str, _Stored], folder: Path) -> tuple[UnreadWeight, ...] | None:
    """Each weight of the model with its place in the files; None if these go by other names than the model's."""
    groups = _names(causal_lm)
    # Of a tied weight one is stored. transformers looks whether two are alike.
    if any(sum(name in stored for name in names) > 1 for names in groups):
        return None
    missing = [names[0] for names in groups if not any(name in stored for name in names)]
    ignored = (*_COMPUTED, *(getattr(causal_lm, "_keys_to_ignore_on_load_unexpected", None) or ()))
    known = {name for names in groups for name in names}
    extra = [name for name in stored if name not in known and not any(re.search(one, name) for one in ignored)]
    if missing and extra:
        return None  # transformers knows more names
    if missing:
        raise lacking(folder, missing)
    if extra:
        raise ModelError(
            f"{folder} holds weights that its config.json has no place for: {few(extra)}. Download the model again."
        )
    found = [_weight(causal_lm, names, next(name for name in names if name in stored), stored) for names in groups]
    _check_shapes(found, stored, folder)
    return tuple(found)


def _names(causal_lm: Any) -> list[list[str]]:
    """The names of each parameter; several where it is tied."""
    names: dict[int, list[str]] = {}
    for name, parameter in causal_lm.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return list(names.values())


def _weight(causal_lm: Any, names: Iterable[str], name: str, stored: Mapping[str, _Stored]) -> UnreadWeight:
    split = [one.rpartition(".") for one in names]
    places = tuple((causal_lm.get_submodule(module), attribute) for module, _, attribute in split)
    return UnreadWeight(stored[name].file, name, places)


def _check_shapes(weights: Iterable[UnreadWeight], stored: Mapping[str, _Stored], folder: Path) -> None:
    other = [weight.name for weight in weights if tuple(weight.parameter.shape) != stored[weight.name].shape]
    if other:
        raise ModelError(
            f"{folder} holds weights of another shape than its config.json says: {few(other)}. Download it again."
        )
