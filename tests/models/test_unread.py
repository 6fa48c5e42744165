"""Which files are read in part, and what of them is refused before anything is read."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma2Config, GemmaConfig, MixtralConfig, Qwen3Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from roletune.errors import ModelError
from roletune.models.load import load_causal_lm
from roletune.models.unread import build_unread

from .tiny import SIZES, llama

EMBEDDING, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"


@pytest.fixture
def base(tmp_path):
    """Builds a toy's folder whose weights were changed after it was saved."""

    def build(change=lambda weights: weights, **sizes):
        folder = tmp_path / "base"
        llama(folder, **sizes)
        weights = load_file(folder / "model.safetensors")
        save_file(change(weights), folder / "model.safetensors", {"format": "pt"})
        return folder

    return build


def renamed(weights, old, new):
    return {name.replace(old, new): weight for name, weight in weights.items()}


def test_an_unread_model_takes_no_memory_and_is_the_loaded_one_but_for_its_weights(tmp_path):
    for config in (GemmaConfig, Gemma2Config, Qwen3Config):
        AutoModelForCausalLM.from_config(config(**SIZES, head_dim=16)).save_pretrained(tmp_path / config.model_type)
    llama(tmp_path / "llama", rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4})
    for family in ("llama", "gemma", "gemma2", "qwen3"):
        loaded = load_causal_lm(tmp_path / family, torch.bfloat16, "eager")
        unread = build_unread(tmp_path / family, torch.bfloat16, "eager")
        assert sum(weight.parameter.untyped_storage().nbytes() for weight in unread.weights) == 2 * len(unread.weights)
        assert not unread.causal_lm.training
        assert unread.causal_lm.config.to_dict() == loaded.config.to_dict()
        for weight in unread.weights:
            weight.put(weight.read().to(weight.parameter.dtype, copy=True))
        torch.testing.assert_close(unread.causal_lm.state_dict(), loaded.state_dict(), rtol=0, atol=0)
        torch.testing.assert_close(dict(unread.causal_lm.named_buffers()), dict(loaded.named_buffers()), rtol=0, atol=0)
        tokens = torch.tensor([[1, 2, 3]])
        assert torch.equal(unread.causal_lm(tokens).logits, loaded(tokens).logits)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: {n: w for n, w in weights.items() if n != NORM}, f"lacks weights .*: {NORM}"),
        (lambda weights: {n: w for n, w in weights.items() if n != EMBEDDING}, f"lacks weights .*: {EMBEDDING}"),
        (lambda weights: weights | {"mtp.weight": torch.zeros(2)}, r"has no place for: mtp\.weight"),
        (lambda weights: weights | {NORM: torch.zeros(2)}, f"another shape .*: {NORM}"),
    ],
)
def test_files_that_are_not_the_models_are_an_error_before_anything_is_read(change, said, base):
    with pytest.raises(ModelError, match=said):
        build_unread(base(change), torch.float32)


def test_a_torn_file_and_one_that_the_index_names_in_vain_are_errors(base):
    folder = base()
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="download it again"):
        build_unread(folder, torch.float32)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {NORM: "model-2.safetensors"}}))
    with pytest.raises(ModelError, match=r"model-2\.safetensors"):
        build_unread(folder, torch.float32)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: renamed(weights, "model.", ""),  # saved from the model without its head
        lambda weights: weights | {HEAD: weights[EMBEDDING].clone()},  # tied, and stored twice
    ],
)
def test_what_only_transformers_can_match_is_left_to_it(change, base):
    folder = base(change)
    assert build_unread(folder, torch.float32) is None
    assert torch.equal(load_causal_lm(folder, torch.float32).lm_head.weight, llama(folder).lm_head.weight)


def test_a_family_that_is_converted_when_it_is_loaded_is_left_to_transformers(tmp_path):
    AutoModelForCausalLM.from_config(MixtralConfig(**SIZES, num_local_experts=2)).save_pretrained(tmp_path)
    assert build_unread(tmp_path, torch.float32) is None


def test_a_tied_weight_may_be_stored_as_the_head_and_old_buffers_are_passed_over(base):
    old = "model.layers.0.self_attn.rotary_emb.inv_freq"
    folder = base(lambda weights: renamed(weights, EMBEDDING, HEAD) | {old: torch.zeros(8)})
    unread = build_unread(folder, torch.float32)
    (tied,) = (weight for weight in unread.weights if weight.name == HEAD)
    tied.put(tied.read())
    model = unread.causal_lm
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert torch.equal(model.lm_head.weight, load_causal_lm(folder, torch.float32).lm_head.weight)
