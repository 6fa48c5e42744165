"""Split text before tokenization as the model was trained to: a GGUF names the way (`tokenizer.ggml.pre`) only.

transformers knows several of these names and treats the rest as GPT-2, which is wrong around digits for SmolLM: two
spaces before a number became other tokens than in llama.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def restore_pre_tokenizer(tokenizer: PreTrainedTokenizerBase, pre: str) -> None:
    """Give the tokenizer the splitting that `pre` stands for; names that transformers knows are left to it."""
    make = _SPLITS.get(pre)
    if make is not None:
        tokenizer.backend_tokenizer.pre_tokenizer = make()


def _digits_apart() -> Any:
    """Every digit alone, then GPT-2's pattern: SmolLM and StarCoder."""
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


_SPLITS = {"smollm": _digits_apart, "starcoder": _digits_apart, "refact": _digits_apart, "command-r": _digits_apart}
