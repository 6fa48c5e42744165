"""What of a model's shape decides how much memory and work it takes, known before any weight is read.

From the `config.json` of a folder, the header of a GGUF file, or a table of well-known models, so that a model that is
not on this machine can be planned for. Numbers of weights leave out norms and biases: less than 0.1 % of a model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roletune.errors import ModelError
from roletune.models.gguf_header import Header, read_header


@dataclass(frozen=True)
class Architecture:
    """A decoder's sizes; `tied`: the head is the embedding; `family`: transformers' `model_type`."""

    name: str
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    family: str

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(columns in, rows out) of the linear layers of one block."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.inner),
            "up_proj": (self.hidden, self.inner),
            "down_proj": (self.inner, self.hidden),
        }

    @property
    def linear_weights(self) -> int:
        """Weights of all blocks: what is quantised, and what most of the work is done with."""
        return self.layers * sum(columns * rows for columns, rows in self.linears.values())

    @property
    def embedding_weights(self) -> int:
        """Weights of the embedding, and of the head where it is another matrix."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def weights(self) -> int:
        """All of them."""
        return self.linear_weights + self.embedding_weights


def _table() -> dict[str, Architecture]:
    rows: list[tuple[str, str, tuple[int, int, int, int, int, int, int], bool]] = [
        # hub id, family, (layers, hidden, inner, heads, groups of keys, head's width, vocabulary), tied
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "llama", (30, 576, 1536, 9, 3, 64, 49152), True),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", "llama", (32, 960, 2560, 15, 5, 64, 49152), True),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", "llama", (24, 2048, 8192, 32, 32, 64, 49152), True),
        ("Qwen/Qwen2.5-0.5B-Instruct", "qwen2", (24, 896, 4864, 14, 2, 64, 151936), True),
        ("Qwen/Qwen2.5-1.5B-Instruct", "qwen2", (28, 1536, 8960, 12, 2, 128, 151936), True),
        ("Qwen/Qwen2.5-3B-Instruct", "qwen2", (36, 2048, 11008, 16, 2, 128, 151936), True),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2", (28, 3584, 18944, 28, 4, 128, 152064), False),
        ("Qwen/Qwen2.5-14B-Instruct", "qwen2", (48, 5120, 13824, 40, 8, 128, 152064), False),
        ("Qwen/Qwen2.5-32B-Instruct", "qwen2", (64, 5120, 27648, 40, 8, 128, 152064), False),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen2", (80, 8192, 29568, 64, 8, 128, 152064), False),
        ("meta-llama/Llama-2-7b-chat-hf", "llama", (32, 4096, 11008, 32, 32, 128, 32000), False),
        ("meta-llama/Llama-2-13b-chat-hf", "llama", (40, 5120, 13824, 40, 40, 128, 32000), False),
        ("meta-llama/Llama-2-70b-chat-hf", "llama", (80, 8192, 28672, 64, 8, 128, 32000), False),
        ("meta-llama/Llama-3.2-1B-Instruct", "llama", (16, 2048, 8192, 32, 8, 64, 128256), True),
        ("meta-llama/Llama-3.2-3B-Instruct", "llama", (28, 3072, 8192, 24, 8, 128, 128256), True),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama", (32, 4096, 14336, 32, 8, 128, 128256), False),
        ("meta-llama/Meta-Llama-3-70B-Instruct", "llama", (80, 8192, 28672, 64, 8, 128, 128256), False),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral", (32, 4096, 14336, 32, 8, 128, 32768), False),
        ("google/gemma-2-2b-it", "gemma2", (26, 2304, 9216, 8, 4, 256, 256000), True),
        ("google/gemma-2-9b-it", "gemma2", (42, 3584, 14336, 16, 8, 256, 256000), True),
        ("google/gemma-2-27b-it", "gemma2", (46, 4608, 36864, 32, 16, 128, 256000), True),
    ]
    found = {}
    for name, family, (layers, hidden, inner, heads, kv_heads, head_dim, vocabulary), tied in rows:
        found[name] = Architecture(name, layers, hidden, inner, heads, kv_heads, head_dim, vocabulary, tied, family)
    return found


WELL_KNOWN = _table()


def well_known(name: str) -> Architecture | None:
    """The shape of a model in the table by its hub id or what follows the slash, in any case."""
    wanted = name.casefold()
    found = (one for key, one in WELL_KNOWN.items() if wanted in (key.casefold(), key.partition("/")[2].casefold()))
    return next(found, None)


def from_folder(folder: Path, name: str) -> Architecture:
    """From `config.json`. Raises `ModelError` if it does not say what a decoder's sizes are."""
    try:
        return from_config(json.loads((folder / "config.json").read_text(encoding="utf-8")), name)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'} can't be read ({error}). Download the model again.") from error


def from_config(config: Mapping[str, Any], name: str) -> Architecture:
    """From the values of a `config.json`. Raises `ModelError` if sizes are missing."""
    try:
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        return Architecture(
            name,
            int(config["num_hidden_layers"]),
            hidden,
            int(config["intermediate_size"]),
            heads,
            int(config.get("num_key_value_heads") or heads),
            int(config.get("head_dim") or hidden // heads),
            int(config["vocab_size"]),
            # Gemma's configurations leave out what their class has as its default.
            bool(config.get("tie_word_embeddings", str(config.get("model_type", "")).startswith("gemma"))),
            str(config.get("model_type", "")),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(
            f"The configuration of {name} does not tell its sizes ({error!r}): no plan can be made."
        ) from error


def from_gguf(path: Path, name: str) -> Architecture:
    """From the header of a GGUF file. Raises `ModelError` if it does not say what a decoder's sizes are."""
    return from_header(read_header(path), name)


def from_header(header: Header, name: str) -> Architecture:
    """From the metadata and the tensors' shapes of a GGUF file. Raises `ModelError` if sizes are missing."""
    family = header.text("general.architecture")

    def number(key: str, default: int | None = None) -> int:
        value = header.values.get(f"{family}.{key}", default)
        if value is None:
            raise ModelError(f"{name} does not tell its {key} in its GGUF header: no plan can be made.")
        return int(value)

    hidden, heads = number("embedding_length"), number("attention.head_count")
    return Architecture(
        name,
        number("block_count"),
        hidden,
        number("feed_forward_length"),
        heads,
        number("attention.head_count_kv", heads),
        number("attention.key_length", hidden // max(1, heads)),
        math.prod(header.shapes.get("token_embd.weight", (0, 0))) // max(1, hidden),
        "output.weight" not in header.shapes,
        family,
    )
