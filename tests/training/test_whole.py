"""Training of every weight: gradients, a run from start to end, and going on after an interruption."""

import math

import pytest
import torch
from safetensors.torch import load_file

from roletune.engine.progress import SilentProgress
from roletune.errors import TrainingError
from roletune.models.device import Device
from roletune.models.trained import put_on, whole_model
from roletune.training import fast
from roletune.training.batch import MicroBatch
from roletune.training.model import TrainableModel
from roletune.training.recipe import Recipe
from roletune.training.sft import train

FULL = {
    "method": "full",
    "batch_sequences": 2,
    "micro_tokens": 60,
    "learning_rate": 3e-3,
    "weight_decay": 0.1,
    "evaluations_per_epoch": 2,
    "epochs": 2,
}
NAMES = {"base_label": "org/base", "base_identity": "b", "character": "Anne", "data_hash": "d"}
WEIGHTS = "model/model.safetensors"


@pytest.fixture
def run(tiny_base, tiny_sequences, tmp_path):
    from tests.inference import tiny

    if not (tiny_base / "tokenizer.json").exists():
        tiny.tokenizer().save_pretrained(tiny_base)

    def go(folder="run", on_point=None, **settings):
        return train(
            tiny_sequences([40, 30, 35, 20, 33, 25]),
            tiny_sequences([40, 30]),
            base_folder=tiny_base,
            recipe=Recipe(**{**FULL, **settings}),
            run_dir=tmp_path / folder,
            progress=SilentProgress(),
            on_point=on_point,
            **NAMES,
        )

    return go


@pytest.mark.parametrize(("family", "tied"), [("llama", True), ("qwen2", False), ("gemma", True)])
def test_gradients_of_all_weights_are_those_of_plain_autograd(tiny_config, tiny_sequences, family, tied):
    from transformers import AutoModelForCausalLM

    config = tiny_config(family, tie_word_embeddings=tied)
    sequences = tiny_sequences([60, 30, 200])
    count = sum(sequence.supervised for sequence in sequences)
    models = []
    for attention in (fast.attention_for(config, "cpu"), "eager"):
        torch.manual_seed(0)
        models.append(AutoModelForCausalLM.from_config(config, attn_implementation=attention))
    ours = TrainableModel(models[0], Recipe(method="full"), Device("cpu", "float32", 2, "a test"))
    loss = ours.nll(MicroBatch.of(sequences, share=ours.packs), count)
    loss.backward()
    expected = 0.0
    for sequence in sequences:
        logits = models[1](input_ids=torch.tensor([sequence.ids])).logits[0, :-1]
        mask, ids = torch.tensor(sequence.mask[1:]), torch.tensor(sequence.ids[1:])
        part = torch.nn.functional.cross_entropy(logits[mask], ids[mask], reduction="sum") / count
        part.backward()
        expected += part.item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert len(ours.flat) == sum(parameter.numel() for parameter in models[1].parameters())
    for (name, left), (_, right) in zip(ours.model.named_parameters(), models[1].named_parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, rtol=1e-3, atol=1e-6, msg=lambda told, n=name: f"{n}: {told}")


def test_in_bfloat16_micro_batches_are_summed_in_float32(tiny_config, tiny_sequences):
    from transformers import AutoModelForCausalLM

    grads = []
    for dtype in ("float32", "bfloat16"):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(tiny_config("llama"), attn_implementation="eager")
        model = TrainableModel(model, Recipe(method="full"), Device("cpu", dtype, 2, "a test"))
        for sequence in tiny_sequences([60, 30]):
            model.nll(MicroBatch.of([sequence]), 20).backward()
        assert {parameter.dtype for parameter in model.model.parameters()} == {getattr(torch, dtype)}
        grads.append(model.flat.master.grad)
    assert torch.nn.functional.cosine_similarity(*grads, dim=0) > 0.99
    assert torch.count_nonzero(grads[1] - grads[1].bfloat16()) > 0


def test_a_run_learns_and_leaves_a_model_that_gives_the_loss_that_was_told(run, tmp_path, tiny_base, tiny_sequences):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    record = run(dtype="float32", epochs=4)
    first = next(point.validation_loss for point in record.curve if point.validation_loss is not None)
    assert record.best_validation_loss < first - 0.2
    folder = whole_model(tmp_path / "run")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert len(AutoTokenizer.from_pretrained(folder)) > 0
    assert record.trainable_parameters == sum(parameter.numel() for parameter in model.parameters())
    assert str(tiny_base) not in (folder / "config.json").read_text()
    held_out = tiny_sequences([40, 30])

    def loss(model):
        total = 0.0
        for sequence in held_out:
            logits = model(input_ids=torch.tensor([sequence.ids])).logits[0, :-1]
            mask, ids = torch.tensor(sequence.mask[1:]), torch.tensor(sequence.ids[1:])
            total += torch.nn.functional.cross_entropy(logits[mask], ids[mask], reduction="sum").item()
        return total / sum(sequence.supervised for sequence in held_out)

    both = put_on(AutoModelForCausalLM.from_pretrained(tiny_base), tmp_path / "run", torch.float32).to("cpu").eval()
    assert loss(model) == loss(both) == pytest.approx(record.best_validation_loss, rel=1e-5)
    with both.disable_adapter():
        assert loss(both) == pytest.approx(first, rel=1e-5)
    assert run(dtype="float32", epochs=4) == record  # a finished run is found


def test_an_interrupted_run_ends_with_the_bits_of_one_that_was_not(run, tmp_path):
    whole = run("whole", dtype="bfloat16", gradient_checkpointing=True)

    def interrupt(point):
        if point.step == 5:  # checkpoints are after steps 2, 3, 5 and 6, and a point is told before its own
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("cut", interrupt, dtype="bfloat16", gradient_checkpointing=True)
    steps = []
    resumed = run("cut", lambda point: steps.append(point.step), dtype="bfloat16", gradient_checkpointing=True)
    assert steps == [4, 5, 6]
    left, right = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "cut"))
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert resumed.best_validation_loss == whole.best_validation_loss


def test_norms_and_biases_do_not_decay(tiny_base, run, tmp_path):
    # So low a rate that only the decay shows: matrices shrink, vectors stay.
    run(dtype="float32", learning_rate=1e-12, weight_decay=1e10, epochs=1, clip=1e-6)
    before, after = load_file(tiny_base / "model.safetensors"), load_file(tmp_path / "run" / WEIGHTS)
    for name, tensor in before.items():
        shrunk = math.isclose(float(after[name].norm() / tensor.norm()), 1.0, rel_tol=1e-4)
        assert shrunk == (tensor.ndim < 2), name


def test_weights_in_4_bits_cant_be_trained():
    with pytest.raises(ValueError, match="quantisation: none"):
        Recipe(method="full", quantisation="nf4")


def test_weights_that_are_no_numbers_are_told(run):
    with pytest.raises(TrainingError, match="lower learning rate"):
        run(learning_rate=1e36, dtype="float32", clip=0)
