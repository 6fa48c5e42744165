import pytest
import torch

from roletune.models.device import Device
from roletune.training import fast
from roletune.training.batch import MicroBatch
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence

RECIPE = Recipe(rank=4, dropout=0.0)


def stock_loss_and_gradient(model, sequences, tiny_config, family, **settings):
    """The same weights in an untouched PEFT model, one sequence at a time, logits everywhere."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(tiny_config(family, **settings), attn_implementation="eager")
    stock = get_peft_model(
        base, LoraConfig(r=RECIPE.rank, lora_alpha=RECIPE.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    ours = dict(model.model.named_parameters())
    with torch.no_grad():
        for name, parameter in stock.named_parameters():
            parameter.copy_(ours[name])
    total, count = 0.0, sum(s.supervised for s in sequences)
    for sequence in sequences:
        logits = stock(input_ids=torch.tensor([sequence.ids])).logits[0, :-1]
        mask, ids = torch.tensor(sequence.mask[1:]), torch.tensor(sequence.ids[1:])
        loss = torch.nn.functional.cross_entropy(logits[mask], ids[mask], reduction="sum") / count
        loss.backward()
        total += loss.item()
    return total, {name: p.grad for name, p in stock.named_parameters() if p.requires_grad}


@pytest.mark.parametrize(
    ("family", "settings", "taken"),
    [
        ("llama", {}, "attention, loss, 8 lora, 5 norms, 2 gates"),
        ("llama", {"attention_bias": True, "tie_word_embeddings": True}, "attention, loss, 8 lora, 5 norms, 2 gates"),
        ("qwen2", {}, "attention, loss, 8 lora, 5 norms, 2 gates"),
        ("qwen3", {}, "attention, loss, 8 lora, 9 norms, 2 gates"),
        ("gemma", {}, "loss, 8 lora"),
        ("gemma2", {"sliding_window": 16}, "8 lora"),
    ],
)
def test_loss_and_gradients_are_pefts_own(family, settings, taken, trainable, tiny_config, tiny_sequences):
    model, sequences = trainable(family, **settings), tiny_sequences([150, 21, 40])
    assert str(model.fast) == taken
    model.begin_step(0, 0)
    batch = MicroBatch.of(sequences)
    loss = model.nll(batch, batch.supervised)
    loss.backward()
    expected, grads = stock_loss_and_gradient(model, sequences, tiny_config, family, **settings)
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    ours = {name: p.grad for name, p in model.model.named_parameters() if p.requires_grad}
    scale = max(grad.abs().max() for grad in grads.values())
    torch.testing.assert_close(ours, grads, rtol=1e-4, atol=1e-5 * scale.item())


def test_a_shared_prefix_changes_neither_loss_nor_gradients(trainable, tiny_sequences):
    persona = tiny_sequences([48], seed=9)[0].ids
    sequences = [
        TokenSequence([*persona, *own.ids], [*[False] * 48, *own.mask]) for own in tiny_sequences([30, 140, 7])
    ]
    model = trainable("llama")
    found = []
    for share in (False, True):
        model.flat.zero_grad()
        batch = MicroBatch.of(sequences, share=share)
        assert batch.segments.prefix == (48 if share else 0)
        loss = model.nll(batch, batch.supervised)
        loss.backward()
        found.append((loss.detach(), model.flat.master.grad.clone()))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)


def test_bfloat16_is_close_to_float32(trainable, tiny_sequences):
    losses, grads = [], []
    batch = MicroBatch.of(tiny_sequences([60, 30]))
    for dtype in ("float32", "bfloat16"):
        model = trainable("llama", Device("cpu", dtype, 2, "a test"))
        loss = model.nll(batch, batch.supervised)
        loss.backward()
        losses.append(loss.item())
        grads.append(model.flat.master.grad)
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert torch.nn.functional.cosine_similarity(*grads, dim=0) > 0.99


def test_what_a_step_drops_is_decided_by_seed_and_step(trainable, tiny_sequences):
    model = trainable("llama", recipe=Recipe(rank=4, dropout=0.5))
    batch = MicroBatch.of(tiny_sequences([30]))

    def loss(seed, step):
        model.begin_step(seed, step)
        return model.nll(batch, batch.supervised).item()

    assert loss(1, 2) == loss(1, 2)
    assert len({loss(1, 2), loss(1, 3), loss(2, 2)}) == 3
    with model.evaluating():
        assert model.nll(batch, batch.supervised).item() == model.nll(batch, batch.supervised).item()


def test_a_sliding_window_that_is_off_does_not_slow_qwen_down(tiny_config):
    assert fast.attention_for(tiny_config("qwen2", use_sliding_window=False), "cpu") != fast.STOCK_ATTENTION
    windowed = tiny_config("qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=1)
    assert fast.attention_for(windowed, "cpu") == fast.STOCK_ATTENTION
    assert fast.attention_for(tiny_config("llama"), "cuda") == fast.STOCK_ATTENTION
