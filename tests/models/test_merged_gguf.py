"""The merged model as one file: its tensors as llama.cpp's converter writes them, its next tokens as torch's."""

import asyncio

import gguf
import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from roletune.llm.request import ChatRequest
from roletune.llm.server import LocalServer
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_base import write
from roletune.models.load import load_causal_lm, load_tokenizer
from roletune.models.merge import merge_adapter
from roletune.models.weights import resolve

from .tiny import whole_gguf

# Measured on these prompts, the 20 likeliest tokens of each: the log-probabilities of llama.cpp and of torch in float32
# differ by at most 0.009 nats in f16 and 0.2 in q8_0. Tokens that are closer than twice that may change places.
MARGINS = {"f16": 0.05, "q8_0": 0.4}
PROMPTS = [f"{a}{b}?" for a in ("Who", "When ", "And then", "Hello, ") for b in ("", "me", " now", "12")]


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """The GGUF that a base came as, and its folder with a strong adapter merged into it."""
    place = tmp_path_factory.mktemp("merged")
    patch = pytest.MonkeyPatch()
    patch.setenv("ROLETUNE_CACHE", str(place / "cache"))
    source = whole_gguf(place / "base.gguf", speaks_ascii=True)
    base = trainable_folder(resolve(str(source)))
    patch.undo()
    torch.manual_seed(1)
    tuned = get_peft_model(
        load_causal_lm(base, torch.float32), LoraConfig(r=8, lora_alpha=16, target_modules="all-linear")
    )
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    tuned.save_pretrained(place / "adapter")
    return source, base, merge_adapter(base, place / "adapter", place / "merged", "org/base")


def converted(name, weight):
    """A tensor as llama.cpp's convert_hf_to_gguf.py lays it out (`LlamaModel.permute`)."""
    heads = {"q_proj": 4, "k_proj": 2}.get(name.split(".")[-2])
    if heads:
        weight = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)
    return np.ascontiguousarray(weight)


@pytest.mark.parametrize("kind", MARGINS)
def test_every_tensor_has_the_bytes_that_the_gguf_package_makes_of_it(merged, tmp_path, kind):
    source, _, folder = merged
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    state = {n: w.float().numpy() for n, w in load_causal_lm(folder, torch.float32).state_dict().items()}
    written = {t.name: t for t in gguf.GGUFReader(write(folder, source, tmp_path / "m.gguf", kind)).tensors}
    assert len(written) == len(state)
    wide = gguf.GGMLQuantizationType[kind.upper()]
    for name, weight in state.items():
        tensor = written[names.get_name(name, try_suffixes=(".weight",))]
        assert tensor.tensor_type == (wide if weight.ndim > 1 else gguf.GGMLQuantizationType.F32)
        expected = gguf.quants.quantize(converted(name, weight), tensor.tensor_type)
        assert tensor.data.tobytes() == expected.tobytes(), name


@pytest.mark.model
@pytest.mark.server
@pytest.mark.parametrize("kind", MARGINS)
def test_llama_cpp_says_what_torch_says_of_the_merged_model(merged, tmp_path, kind):
    source, base, folder = merged
    expected, before = next_tokens(folder), next_tokens(base)
    sure = {prompt: token for prompt, (token, lead) in expected.items() if lead > MARGINS[kind]}
    assert len(sure) >= 8, "too few prompts to compare: choose others"
    assert any(before[prompt][0] != token for prompt, token in sure.items())
    said = asyncio.run(served(write(folder, source, tmp_path / "m.gguf", kind)))
    assert {prompt: said[prompt] for prompt in sure} == sure


async def served(model):
    async with LocalServer(model, n_ctx=128, n_parallel=1, threads=1) as server:
        speaker = server.chat_model("test")
        requests = [ChatRequest(({"role": "user", "content": p},), temperature=0.0, max_tokens=1) for p in PROMPTS]
        return {p: (await speaker.complete(r)).text for p, r in zip(PROMPTS, requests, strict=True)}


def next_tokens(folder):
    """Prompt -> (the likeliest next token as text, its lead over the second in nats)."""
    model, tokenizer = load_causal_lm(folder, torch.float32).eval(), load_tokenizer(folder)
    found = {}
    for prompt in PROMPTS:
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            best = model(**inputs).logits[0, -1].log_softmax(-1).topk(2)
        found[prompt] = (tokenizer.decode(best.indices[:1]), float(best.values[0] - best.values[1]))
    return found
