"""4 bits with bitsandbytes, and layers that are computed twice, on a tiny random model on the CPU."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file

from roletune.engine.progress import SilentProgress
from roletune.models.device import pick_device
from roletune.models.load import FourBit, load_causal_lm
from roletune.models.unread import build_unread
from roletune.training.batch import MicroBatch
from roletune.training.flat import gradient
from roletune.training.model import TrainableModel
from roletune.training.recipe import Recipe
from roletune.training.sft import train

from .launches import assert_same_training, run_two, small_call, train_alone

NAMES = {"base_label": "org/base", "base_identity": "b", "character": "Anne", "data_hash": "d"}


def gradient_of(tiny_base, sequences, dtype, **settings):
    device = dataclasses.replace(pick_device("cpu"), dtype=dtype)
    model = TrainableModel.load(tiny_base, Recipe(rank=4, dropout=0.0, **settings), device)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        model.flat.master.copy_(torch.randn(len(model.flat), generator=generator) * 0.05)
    model.flat.refresh()
    model.begin_step(0, 0)
    loss = model.nll(MicroBatch.of(sequences, "cpu", share=model.packs), 10.0)
    loss.backward()
    return loss.item(), gradient(model.flat).clone()


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-5), ("bfloat16", 3e-2)])
def test_checkpointing_changes_neither_loss_nor_gradient(tiny_base, tiny_sequences, dtype, close):
    sequences = tiny_sequences([40, 30])
    loss, grad = gradient_of(tiny_base, sequences, dtype)
    again, same = gradient_of(tiny_base, sequences, dtype, gradient_checkpointing=True)
    assert again == pytest.approx(loss, rel=close)
    assert float((same - grad).norm()) < 2 * close * float(grad.norm())


def test_where_peft_computes_the_adapters_are_in_memory_once(tiny_base):
    device = dataclasses.replace(pick_device("cpu"), dtype="bfloat16")
    for twice in (False, True):
        flat = TrainableModel.load(tiny_base, Recipe(rank=4, gradient_checkpointing=twice), device).flat
        assert (flat.compute.data_ptr() == flat.master.data_ptr()) == twice


def test_a_recipe_in_4_bits_trains_and_leaves_an_adapter(tiny_base, tiny_sequences, tmp_path):
    pytest.importorskip("bitsandbytes")
    adapter = train(
        tiny_sequences([40, 30, 35, 20]),
        tiny_sequences([31, 27], seed=9),
        base_folder=tiny_base,
        recipe=Recipe(
            rank=4,
            quantisation="nf4",
            double_quantisation=True,
            optimizer="paged_adamw_32bit",
            gradient_checkpointing=True,
            batch_sequences=2,
            micro_tokens=60,
            learning_rate=0.01,
            epochs=4,
            patience=0,
        ),
        run_dir=tmp_path / "run",
        progress=SilentProgress(),
        **NAMES,
    )
    losses = [point.train_loss for point in adapter.curve if point.train_loss is not None]
    assert losses[-1] < losses[0]
    assert all(
        torch.isfinite(value).all() for value in load_file(tmp_path / "run" / "adapter_model.safetensors").values()
    )


def test_two_processes_that_divide_weights_in_4_bits_train_what_one_does(tiny_base, tiny_sequences, tmp_path):
    pytest.importorskip("bitsandbytes")
    four_bits = {"quantisation": "nf4", "double_quantisation": True, "gradient_checkpointing": True}
    call = small_call(tiny_base, tiny_sequences, sharding="fsdp", micro_tokens=40, **four_bits)
    train_alone(call, tmp_path / "alone")
    run_two("train_as_rank.py", call, tmp_path / "two", tmp_path)
    assert_same_training(tmp_path / "alone", tmp_path / "two")
    assert "2 layers divided between 2 processes" in (tmp_path / "said.txt").read_text()


def test_a_weight_that_is_divided_in_4_bits_is_the_one_that_is_loaded_whole(tiny_base):
    pytest.importorskip("bitsandbytes")
    four_bit = FourBit("cpu", double=True)
    unread = build_unread(tiny_base, torch.bfloat16, four_bit=four_bit)
    whole = load_causal_lm(tiny_base, torch.bfloat16, four_bit=four_bit).get_submodule("model.layers.1.mlp.up_proj")
    (weight,) = (weight for weight in unread.weights if weight.name == "model.layers.1.mlp.up_proj.weight")
    column, read = weight.take("cpu", slice(100, 300))
    assert (column.shape, column.dtype, read) == ((200, 1), torch.bfloat16, 64 * 96 * 4)  # of a file in fp32
    assert torch.equal(column.view(torch.uint8).flatten(), whole.weight.flatten()[200:600])
    layer = unread.causal_lm.get_submodule("model.layers.1.mlp.up_proj")
    for name, value in whole.weight.quant_state.as_dict(packed=True).items():
        torch.testing.assert_close(layer.quant_state.as_dict(packed=True)[name], value, rtol=0, atol=0)


def test_weights_in_4_bits_are_a_quarter(tiny_base):
    pytest.importorskip("bitsandbytes")
    model = TrainableModel.load(tiny_base, Recipe(rank=4, quantisation="nf4"), pick_device("cpu"))
    weight = model.model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight
    assert weight.dtype == torch.uint8
    assert weight.numel() == 64 * 96 // 2
