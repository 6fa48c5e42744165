import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from roletune.errors import ModelError
from roletune.models.load import load_causal_lm, load_tokenizer

from .tiny import llama


def test_a_model_comes_in_the_asked_precision_and_evaluation_mode(tmp_path):
    original = llama(tmp_path / "m")
    loaded = load_causal_lm(tmp_path / "m", torch.bfloat16, attn_implementation="eager")
    assert loaded.dtype == torch.bfloat16
    assert not loaded.training
    assert loaded.config._attn_implementation == "eager"
    exact = load_causal_lm(tmp_path / "m", torch.float32)
    tokens = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(exact(tokens).logits, original.eval()(tokens).logits)


def test_code_of_the_models_own_is_never_run(tmp_path):
    llama(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    (tmp_path / "m" / "evil.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: ...\nclass Model: ..."
    )
    with pytest.raises(ModelError, match="code of its own"):
        load_causal_lm(tmp_path / "m", torch.float32)
    assert not (tmp_path / "ran").exists()


def test_a_torn_safetensors_file_is_a_model_error(tmp_path):
    llama(tmp_path / "m")
    weights = tmp_path / "m" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="download it again"):
        load_causal_lm(tmp_path / "m", torch.float32)


def test_a_folder_without_a_tokenizer_is_a_model_error(tmp_path):
    llama(tmp_path / "m")
    with pytest.raises(ModelError, match="can't be loaded"):
        load_tokenizer(tmp_path / "m")


def test_a_weight_that_is_not_in_the_files_is_a_model_error_and_not_drawn(tmp_path):
    llama(tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    weights["of_another"] = weights.pop("model.norm.weight")
    save_file(weights, tmp_path / "m" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks weights .* model\.norm\.weight"):
        load_causal_lm(tmp_path / "m", torch.float32)
