"""Tiny random models and sequences."""

import random
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Gemma2Config, GemmaConfig, LlamaConfig, Qwen2Config

from roletune.training.sequences import TokenSequence

VOCABULARY = 300
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 512,
}
CONFIGS = {"llama": LlamaConfig, "qwen2": Qwen2Config, "gemma": GemmaConfig, "gemma2": Gemma2Config}


@pytest.fixture
def tiny_config():
    def config(family, **settings):
        return CONFIGS[family](**SHAPE, **settings)

    return config


@pytest.fixture
def tiny_peft():
    """A PEFT model with adapters that do something (PEFT starts B at zero)."""

    def build(config, attention="eager", dropout=0.0):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
        adapters = LoraConfig(
            r=8, lora_alpha=16, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        model = get_peft_model(model, adapters)
        generator = torch.Generator().manual_seed(1)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1, generator=generator)
        return model

    return build


@pytest.fixture
def tiny_sequences():
    """Sequences of given lengths in which every third and fourth of five tokens is learnt."""

    def build(lengths, seed=0):
        draw = random.Random(seed)
        return [
            TokenSequence(
                [draw.randrange(VOCABULARY) for _ in range(n)], [i % 5 in (2, 3) for i in range(n)], f"source {k}"
            )
            for k, n in enumerate(lengths)
        ]

    return build


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory) -> Path:
    """A folder with a random Llama, as it is loaded for training."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base")
    AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE)).save_pretrained(folder)
    return folder
