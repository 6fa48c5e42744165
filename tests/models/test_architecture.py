import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from roletune.errors import ModelError
from roletune.models.architecture import WELL_KNOWN, from_config, from_folder, from_gguf, from_header, well_known
from roletune.models.gguf_header import Header, read_header

from . import tiny

# Millions of weights as the models' makers tell them.
TOLD = {
    "SmolLM2-135M-Instruct": 134.5,
    "SmolLM2-1.7B-Instruct": 1711,
    "Qwen2.5-0.5B-Instruct": 494,
    "Qwen2.5-7B-Instruct": 7616,
    "Qwen2.5-72B-Instruct": 72706,
    "Llama-2-7b-chat-hf": 6738,
    "Llama-2-70b-chat-hf": 68977,
    "Meta-Llama-3-8B-Instruct": 8030,
    "Mistral-7B-Instruct-v0.3": 7248,
    "gemma-2-2b-it": 2614,
    "gemma-2-27b-it": 27227,
}


@pytest.mark.parametrize("name", TOLD)
def test_well_known_models_have_the_weights_they_are_known_for(name):
    assert well_known(name).weights / 1e6 == pytest.approx(TOLD[name], rel=2e-3)


def test_a_model_is_known_by_its_hub_id_in_any_case():
    assert well_known("qwen/qwen2.5-7b-instruct") is WELL_KNOWN["Qwen/Qwen2.5-7B-Instruct"]
    assert well_known("somebody/else") is None


@pytest.mark.parametrize("make", [tiny.llama, tiny.qwen])
def test_a_folder_tells_the_sizes_of_the_model_in_it(tmp_path, make):
    make(tmp_path)
    read = from_folder(tmp_path, "x")
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tmp_path))
    matrices = {name: value.numel() for name, value in model.named_parameters() if value.dim() == 2}
    assert read.weights == sum(matrices.values())
    assert read.linear_weights == sum(n for name, n in matrices.items() if "layers" in name)


def test_a_gguf_file_tells_the_same(tmp_path):
    path = tiny.source_gguf(tmp_path / "x.gguf")
    with pytest.raises(ModelError, match="feed_forward_length"):
        from_gguf(path, "x")
    header = read_header(path)
    read = from_header(Header({**header.values, "llama.feed_forward_length": 128}, header.shapes), "x")
    assert (read.layers, read.hidden, read.inner, read.heads, read.kv_heads, read.vocabulary) == (2, 64, 128, 4, 2, 96)
    assert read.head_dim == 16


def test_a_configuration_without_sizes_is_refused():
    with pytest.raises(ModelError, match="no plan can be made"):
        from_config({"hidden_size": 4}, "x")
