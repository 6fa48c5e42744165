"""The exported adapter, on tiny models as tensors and on SmolLM2 as llama.cpp's next tokens."""

import asyncio
import json

import gguf
import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from roletune.errors import ModelError
from roletune.llm.request import ChatRequest
from roletune.llm.server import LocalServer
from roletune.models.gguf_base import servable_gguf
from roletune.models.gguf_lora import export_lora
from roletune.models.gguf_names import interleave
from roletune.models.load import load_causal_lm, load_tokenizer
from roletune.models.weights import resolve

from .tiny import llama, qwen, read_tensors, source_gguf

# Measured on 49 prompts and 5 tokens each: llama.cpp on the F16 file and torch in float32 differ by at most 0.015 nats
# of log-probability. Two tokens closer than twice that may change places; we compare where they are 0.05 apart.
MARGIN = 0.05

QUESTIONS = (
    "What is the capital of France?",
    "Are you up, JARVIS?",
    "Tell me a story about a lighthouse keeper.",
    "Who wrote Hamlet?",
    "List three colours.",
    "How do I boil an egg?",
    "What is 12 + 30?",
    "What is the weather like  7 miles away?",
    "Write one sentence about the sea.",
    "Say good morning to Mr. Stark.",
    "Why is the sky blue?",
    "Translate 'thank you' into French.",
)


def with_adapter(model, folder, std=0.02, **settings):
    """The PEFT model, whose adapter has been filled with noise and saved to `folder`."""
    torch.manual_seed(1)
    tuned = get_peft_model(model, LoraConfig(**{"r": 8, "lora_alpha": 16, "target_modules": "all-linear"} | settings))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=std)
    tuned.save_pretrained(folder)
    return tuned


def added(path, name):
    """What llama.cpp adds to the weight `name` at scale 1: alpha / rank * B A."""
    tensors = read_tensors(path)
    a, b = tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"]
    return float(gguf.GGUFReader(path).fields["adapter.lora.alpha"].contents()) / a.shape[0] * b @ a


def torch_adds(tuned, layer, module):
    """What PEFT adds to the weight."""
    part = tuned.base_model.model.model.layers[layer].get_submodule(module)
    return part.get_delta_weight("default").detach().numpy()


def test_llama_cpp_adds_what_peft_adds_with_queries_and_keys_permuted(tmp_path):
    tuned = with_adapter(llama(tmp_path / "m"), tmp_path / "adapter")
    base = resolve(str(source_gguf(tmp_path / "base.gguf")))
    out = export_lora(tmp_path / "adapter", base, tmp_path / "adapter.gguf")
    assert len(read_tensors(out)) == 2 * 7 * 2
    close = {"rtol": 3e-3, "atol": 1e-4}
    q, k = torch_adds(tuned, 1, "self_attn.q_proj"), torch_adds(tuned, 1, "self_attn.k_proj")
    np.testing.assert_allclose(added(out, "blk.1.attn_q.weight"), interleave(q, 4), **close)
    np.testing.assert_allclose(added(out, "blk.1.attn_k.weight"), interleave(k, 2), **close)
    np.testing.assert_allclose(added(out, "blk.0.ffn_down.weight"), torch_adds(tuned, 0, "mlp.down_proj"), **close)


def test_an_adapter_of_qwen_is_not_permuted(tmp_path):
    tuned = with_adapter(qwen(tmp_path / "m"), tmp_path / "adapter")
    out = export_lora(tmp_path / "adapter", resolve(str(tmp_path / "m")), tmp_path / "adapter.gguf")
    expected = torch_adds(tuned, 0, "self_attn.q_proj")
    np.testing.assert_allclose(added(out, "blk.0.attn_q.weight"), expected, rtol=3e-3, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"use_rslora": True}, {"alpha_pattern": {"down_proj": 3}}, {"rank_pattern": {"down_proj": 2}}],
    ids=["rank-stabilised", "another alpha", "another rank"],
)
def test_pefts_other_scalings_are_kept(settings, tmp_path):
    tuned = with_adapter(llama(tmp_path / "m"), tmp_path / "adapter", **settings)
    out = export_lora(tmp_path / "adapter", resolve(str(tmp_path / "m")), tmp_path / "adapter.gguf")
    expected = torch_adds(tuned, 0, "mlp.down_proj")
    np.testing.assert_allclose(added(out, "blk.0.ffn_down.weight"), expected, rtol=3e-3, atol=1e-4)


def test_the_metadata_says_adapter_alpha_and_base(tmp_path):
    with_adapter(llama(tmp_path / "m"), tmp_path / "adapter")
    base = resolve(str(source_gguf(tmp_path / "base.gguf", general__license="mit", general__name="Base")))
    fields = gguf.GGUFReader(export_lora(tmp_path / "adapter", base, tmp_path / "adapter.gguf")).fields
    told = {key: fields[key].contents() for key in fields if key.startswith(("general.", "adapter."))}
    assert told["general.architecture"] == "llama"
    assert told["general.type"] == "adapter"
    assert told["adapter.type"] == "lora"
    assert told["adapter.lora.alpha"] == 16.0
    assert told["general.base_model.0.name"] == "Base"
    assert told["general.license"] == "mit"


@pytest.mark.parametrize("flaw", ["another base", "dora", "embedding", "half a pair", "pickled", "no adapter"])
def test_what_can_not_be_exported_is_refused_with_a_cure_and_nothing_is_written(flaw, tmp_path):
    settings = {"dora": {"use_dora": True}, "embedding": {"target_modules": ["embed_tokens", "q_proj"]}}.get(flaw, {})
    with_adapter(llama(tmp_path / "m", hidden_size=128 if flaw == "another base" else 64), tmp_path / "a", **settings)
    weights = tmp_path / "a" / "adapter_model.safetensors"
    if flaw == "half a pair":
        tensors = load_file(weights)
        save_file({name: tensor for name, tensor in tensors.items() if "1.mlp.up_proj.lora_A" not in name}, weights)
    if flaw == "pickled":
        weights.rename(tmp_path / "a" / "adapter_model.bin")
    if flaw == "no adapter":
        (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({"peft_type": "PREFIX_TUNING"}))
    with pytest.raises(ModelError, match=r"\. (Name|Merge|Train|Only)|: train it again| instead\."):
        export_lora(tmp_path / "a", resolve(str(source_gguf(tmp_path / "base.gguf"))), tmp_path / "out.gguf")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.model
@pytest.mark.server
def test_llama_cpp_and_torch_agree_on_the_tuned_model(smollm2, smollm2_folder, tmp_path):
    base = load_causal_lm(smollm2_folder, torch.float32)
    tuned = with_adapter(base, tmp_path / "adapter", std=0.05)
    adapter = export_lora(tmp_path / "adapter", smollm2, tmp_path / "adapter.gguf")
    served = asyncio.run(_served(servable_gguf(smollm2, smollm2_folder, "f16"), adapter))
    assert served["scale 0"] == served["alone"]
    assert served["scale 1"] != served["alone"]
    expected = _next_tokens(tuned.merge_and_unload().eval(), load_tokenizer(smollm2_folder))
    sure = {question: token for question, (token, margin) in expected.items() if margin > MARGIN}
    assert len(sure) >= 8, "too few questions to compare: choose others"
    assert {question: served["next"][question] for question in sure} == sure


async def _served(model, adapter):
    """Greedy replies by question: of the base alone, and with the adapter at scale 0 and 1."""
    one = {"n_ctx": 256, "n_parallel": 1, "threads": 1}  # llama.cpp's threads spin: on a busy machine one is faster
    async with LocalServer(model, **one) as alone:
        replies = {"alone": await _answers(alone.chat_model("test"), QUESTIONS[:2], 8)}
    async with LocalServer(model, [("noise", adapter)], **one) as server:
        replies["scale 0"] = await _answers(server.chat_model("test", {"noise": 0.0}), QUESTIONS[:2], 8)
        replies["scale 1"] = await _answers(server.chat_model("test", {"noise": 1.0}), QUESTIONS[:2], 8)
        replies["next"] = await _answers(server.chat_model("test", {"noise": 1.0}), QUESTIONS, 1)
    return replies


async def _answers(model, questions, tokens):
    replies = {}
    for question in questions:
        request = ChatRequest(({"role": "user", "content": question},), temperature=0.0, max_tokens=tokens)
        replies[question] = (await model.complete(request)).text
    return replies


def _next_tokens(model, tokenizer):
    """Question -> (the most probable next token as text, its lead over the second in nats)."""
    found = {}
    for question in QUESTIONS:
        messages = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            best = model(**prompt).logits[0, -1].log_softmax(-1).topk(2)
        found[question] = (tokenizer.decode(best.indices[:1]), float(best.values[0] - best.values[1]))
    return found
