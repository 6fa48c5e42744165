"""Tiny random models and sequences."""

import random
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Gemma2Config, GemmaConfig, LlamaConfig, Qwen2Config, Qwen3Config

from roletune.models.device import Device
from roletune.training import fast
from roletune.training.model import TrainableModel
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence

VOCABULARY = 300
CPU = Device("cpu", "float32", 2, "a test")
RECIPE = Recipe(rank=4, dropout=0.0)
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
CONFIGS = {
    "llama": LlamaConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "gemma": GemmaConfig,
    "gemma2": Gemma2Config,
}


@pytest.fixture(scope="session")
def tiny_config():
    def config(family, **settings):
        return CONFIGS[family](**{**SHAPE, **settings})

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


@pytest.fixture(scope="session")
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


@pytest.fixture
def trainable(tiny_config):
    """A model as it is trained, on a base whose norms and adapters do something."""

    def build(family, device=CPU, recipe=RECIPE, attention=None, **settings):
        config = tiny_config(family, **settings)
        torch.manual_seed(0)
        attention = attention or fast.attention_for(config, device.name)
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
        with torch.no_grad():  # norms of weight 1 and adapters of 0, as they start, would hide mistakes
            for name, parameter in model.named_parameters():
                if "norm" in name:
                    parameter.uniform_(0.5, 1.5)
        model = TrainableModel(model.to(getattr(torch, device.dtype)), recipe, device)
        with torch.no_grad():
            model.flat.master.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
        model.flat.refresh()
        return model

    return build


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory) -> Path:
    """A folder with a random Llama, as it is loaded for training."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base")
    AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE)).save_pretrained(folder)
    return folder
