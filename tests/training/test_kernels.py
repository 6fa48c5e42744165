"""What is decided for GPUs, and all of the path but the kernels themselves: these need a GPU."""

from types import SimpleNamespace

import pytest
import torch

from roletune.errors import TrainingError
from roletune.models.device import Device
from roletune.training import fast, flash, gate, norm
from roletune.training.attention import SegmentAttention
from roletune.training.batch import MicroBatch
from roletune.training.kernels import (
    FLASH,
    LIGER,
    Kernels,
    choose,
    flash_varlen,
    installed,
    liger_gate,
    liger_norm,
)
from roletune.training.segments import Segments

AMPERE = Device("cuda", "bfloat16", 1, "a test")
T4 = Device("cuda", "float32", 1, "a test")
HERE = {FLASH: "2.8.3+cu12torch2.8", LIGER: "0.8.5"}


@pytest.mark.parametrize(
    ("device", "found", "shape", "expected", "told"),
    [
        (AMPERE, HERE, {}, Kernels(flash=True, liger=True), " with flash-attn and liger-kernel"),
        (T4, HERE, {}, Kernels(liger=True), " with liger-kernel"),  # no bfloat16
        (AMPERE, {}, {}, Kernels(), ""),
        (AMPERE, {FLASH: "2.0.9", LIGER: "unknown"}, {}, Kernels(), ""),
        (AMPERE, HERE, {"head_dim": 512}, Kernels(liger=True), " with liger-kernel"),
        (Device("cpu", "bfloat16", 1, "a test"), HERE, {}, Kernels(), ""),
        (Device("mps", "float32", 1, "a test"), HERE, {}, Kernels(), ""),
    ],
)
def test_what_is_used_depends_on_the_device_the_model_and_what_is_installed(device, found, shape, expected, told):
    config = SimpleNamespace(**{"head_dim": None, "hidden_size": 64, "num_attention_heads": 4} | shape)
    assert choose(config, device, found) == expected
    assert str(expected) == told


@pytest.mark.skipif(bool(installed()), reason="the kernels are here")
def test_a_package_that_can_not_be_loaded_is_told_with_its_cure(tiny_config):
    x = torch.ones(2, 4)
    for name, load in (
        (FLASH, flash_varlen),
        (FLASH, lambda: fast.attention_for(tiny_config("qwen3"), "cuda", use_flash=True)),
        (LIGER, lambda: liger_norm(x, x[0], 1e-6)),
        (LIGER, lambda: liger_gate(x, x)),
    ):
        with pytest.raises(TrainingError, match=f"pip uninstall {name}"):
            load()


def reference(query, key, value, query_starts, key_starts, most_queries, most_keys, scaling):
    """What flash_attn_varlen_func documents: grouped heads, causal, the last query aligned with the last key."""
    outputs = []
    for n in range(len(query_starts) - 1):
        q = query[query_starts[n] : query_starts[n + 1]].transpose(0, 1)
        k, v = (x[key_starts[n] : key_starts[n + 1]].transpose(0, 1) for x in (key, value))
        assert q.shape[1] <= most_queries
        assert k.shape[1] <= most_keys
        seen = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).tril(k.shape[1] - q.shape[1])
        made = torch.nn.functional.scaled_dot_product_attention(q, k, v, seen, scale=scaling, enable_gqa=True)
        outputs.append(made.transpose(0, 1))
    return torch.cat(outputs)


@pytest.mark.parametrize("segments", [Segments((5,)), Segments((3, 260, 1)), Segments((30, 7), prefix=16)])
def test_sequences_go_to_the_kernel_with_the_keys_they_see(segments):
    generator = torch.Generator().manual_seed(0)
    tokens = segments.rows + 3  # rows up to a round number, which nothing sees
    query, key, value = (
        torch.randn(1, n, tokens, 16, generator=generator, dtype=torch.float64, requires_grad=True) for n in (4, 2, 2)
    )
    weight = torch.randn(1, tokens, 4, 16, generator=generator, dtype=torch.float64)
    ours = flash.attend(query, key, value, segments, 0.3, reference)
    theirs = SegmentAttention.apply(query, key, value, segments, 0.3)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert not ours[:, segments.rows :].any()
    found = [torch.autograd.grad((made * weight).sum(), [query, key, value]) for made in (ours, theirs)]
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_a_model_that_is_loaded_with_it_packs_and_has_the_loss_of_the_cpu_path(trainable, tiny_sequences):
    sequences = tiny_sequences([150, 21, 40])
    batch = MicroBatch.of(sequences, share=True)
    losses = [
        model.nll(batch, batch.supervised)
        for model in (trainable("qwen3"), trainable("qwen3", attention=flash.register(reference)))
        if model.packs
    ]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)


def test_flash_attention_is_asked_for_only_where_attention_is_plain(tiny_config):
    assert fast.attention_for(tiny_config("gemma"), "cuda", use_flash=True) == fast.STOCK_ATTENTION
    windowed = tiny_config("qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=1)
    assert fast.attention_for(windowed, "cuda", use_flash=True) == fast.STOCK_ATTENTION


def test_norms_and_gates_compute_with_what_they_are_given(tiny_config):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(tiny_config("qwen3"))
    calls = []

    def counted(kind, compute):
        return lambda *args: (calls.append(kind), compute(*args))[1]

    ids = torch.arange(7)[None]
    with torch.no_grad():
        before = model(ids).logits
        assert norm.install(model, counted("norm", norm.RMSNorm.apply)) == 9
        assert gate.install(model, counted("gate", gate.GatedSiLU.apply)) == 2
        torch.testing.assert_close(model(ids).logits, before)
    assert (calls.count("norm"), calls.count("gate")) == (9, 2)
