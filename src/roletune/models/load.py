"""Load a tokenizer and a causal language model from a local folder.

Guarantees: safetensors only, no code of the model's own, no network; what can't be loaded is a `ModelError`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer with its chat template. Raises `ModelError` if the folder has none that can be loaded."""
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("Loading a tokenizer", "train") from error
    layout.check(folder)
    with quiet(), explained(folder):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


@dataclass(frozen=True)
class FourBit:
    """Frozen weights in nf4 (QLoRA, https://arxiv.org/abs/2305.14314) on `device`; `double`: their constants too."""

    device: str
    double: bool


def load_causal_lm(
    folder: Path, dtype: torch.dtype, attn_implementation: str | None = None, four_bit: FourBit | None = None
) -> PreTrainedModel:
    """The model in `dtype` on the CPU, or in 4 bits, in evaluation mode.

    Raises `ModelError` if it can't be loaded, or weights are missing, which transformers would draw at random.
    """
    try:
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise MissingExtraError("Loading a model", "train") from error
    layout.check(folder)
    with quiet(), explained(folder):
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            output_loading_info=True,
            dtype=dtype,
            attn_implementation=attn_implementation,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **(_quantised(four_bit, dtype) if four_bit else {}),
        )
    if found["missing_keys"]:
        raise lacking(folder, found["missing_keys"])
    return model.eval()


def lacking(folder: Path, names: Iterable[str]) -> ModelError:
    """The error of files without weights that the model of their configuration has."""
    return ModelError(f"{folder} lacks weights that its config.json asks for: {few(names)}. Download the model again.")


def few(names: Iterable[str], shown: int = 3) -> str:
    """The first of some names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - shown} more" if len(ordered) > shown else ""
    return ", ".join(ordered[:shown]) + more


def _quantised(wanted: FourBit, dtype: torch.dtype) -> dict[str, Any]:
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=wanted.double,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config, "device_map": {"": wanted.device}}


def prepare_four_bit(causal_lm: Any) -> Any:
    """A model in 4 bits made ready to compute with: frozen, and what is not quantised in fp32."""
    from peft import prepare_model_for_kbit_training

    causal_lm = prepare_model_for_kbit_training(causal_lm, use_gradient_checkpointing=False)
    for module in causal_lm.modules():
        # bitsandbytes would repack weights, with coarser scales, at the first forward without gradients on a CPU.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return causal_lm


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the bars and the advice of transformers and PEFT off the terminal, which belongs to our own progress."""
    from transformers.utils import logging as told

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # advises downloads from a hub; PEFT imports it
    level, bars = told.get_verbosity(), told.is_progress_bar_enabled()
    told.set_verbosity_error()
    told.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # PEFT asks a property that transformers has renamed: nothing a user could do about it.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        told.set_verbosity(level)
        if bars:
            told.enable_progress_bar()


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """What can't be read in a model's folder, as a `ModelError`."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "trust_remote_code" in str(error):
            reason = "it needs code of its own to run, and roletune runs none"
        raise ModelError(f"{folder} can't be loaded: {reason}. Use another model, or download it again.") from error
