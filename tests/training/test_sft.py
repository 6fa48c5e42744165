import json
import signal
import subprocess
import sys
from dataclasses import astuple
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from roletune.engine.progress import SilentProgress
from roletune.errors import DatasetError, ResourceError, TrainingError
from roletune.records import Adapter
from roletune.training import checkpoint
from roletune.training.recipe import Recipe, load_recipe
from roletune.training.sft import train

NAMES = {"base_label": "org/base", "base_identity": "b", "character": "Anne", "data_hash": "d"}
SMALL = {"rank": 4, "batch_sequences": 2, "micro_tokens": 60, "learning_rate": 0.01, "evaluations_per_epoch": 2}
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def run(tiny_base, tiny_sequences, tmp_path):
    """Train on eight sequences; keywords replace settings of the recipe."""

    def go(folder="run", on_point=None, train_on=None, validate_on=None, keep_steps=False, **settings):
        return train(
            tiny_sequences([40, 30, 35, 20, 33, 25, 38, 22]) if train_on is None else train_on,
            tiny_sequences([31, 27], seed=9) if validate_on is None else validate_on,
            base_folder=tiny_base,
            recipe=Recipe(**{**SMALL, **settings}),
            run_dir=tmp_path / folder,
            progress=SilentProgress(),
            on_point=on_point,
            keep_steps=keep_steps,
            **NAMES,
        )

    return go


def test_a_run_learns_and_says_what_it_did(run, tmp_path, tiny_sequences):
    points = []
    same = tiny_sequences([40, 30])
    adapter = run(on_point=points.append, train_on=same, validate_on=same, epochs=8, learning_rate=0.03, patience=0)
    assert tuple(points) == adapter.curve
    validated = [point.validation_loss for point in points if point.validation_loss is not None]
    assert points[0].step == 0
    assert validated[-1] < validated[0] - 0.2
    assert adapter.best_validation_loss == min(validated[1:])
    assert not adapter.stopped_early
    assert adapter.tokens == 8 * sum(len(s.cut()) for s in same)
    assert adapter.trainable_parameters == sum(t.numel() for t in load_file(tmp_path / "run" / WEIGHTS).values())
    assert Adapter.model_validate_json((tmp_path / "run" / "adapter.json").read_text()) == adapter
    assert list((tmp_path / "run").glob("events.out.tfevents*"))


def test_the_adapter_is_pefts_and_gives_the_loss_that_was_told(run, tmp_path, tiny_base, tiny_sequences):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    held_out = tiny_sequences([31, 27], seed=9)
    adapter = run(dtype="float32", validate_on=held_out)
    config = json.loads((tmp_path / "run" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "org/base"
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_base), tmp_path / "run")
    total = 0.0
    for sequence in held_out:
        logits = model(input_ids=torch.tensor([sequence.ids])).logits[0, :-1]
        mask, ids = torch.tensor(sequence.mask[1:]), torch.tensor(sequence.ids[1:])
        total += torch.nn.functional.cross_entropy(logits[mask], ids[mask], reduction="sum").item()
    assert total / sum(s.supervised for s in held_out) == pytest.approx(adapter.best_validation_loss, rel=1e-5)


def test_how_a_step_is_cut_into_micro_batches_does_not_change_it(run, tmp_path):
    for name, budget in (("one", 10_000), ("many", 1)):
        run(name, micro_tokens=budget, dtype="float32", dropout=0.0, epochs=1)
    one, many = (load_file(tmp_path / name / WEIGHTS) for name in ("one", "many"))
    torch.testing.assert_close(one, many, rtol=1e-3, atol=1e-5)


def test_a_run_killed_twice_ends_with_the_bits_of_one_that_was_not(run, tmp_path, tiny_base, tiny_sequences):
    recipe = {**SMALL, "dtype": "bfloat16", "patience": 0}
    whole = run("whole", **recipe)
    settings = {
        "train": [astuple(s) for s in tiny_sequences([40, 30, 35, 20, 33, 25, 38, 22])],
        "validation": [astuple(s) for s in tiny_sequences([31, 27], seed=9)],
        "recipe": recipe,
        "base_folder": str(tiny_base),
        "run_dir": str(tmp_path / "killed"),
        "names": NAMES,
    }
    # Validations are at steps 2, 4, 6 and 8. At 3 it dies between two checkpoints, at 6 just before one is written.
    for kill_at in (3, 6):
        script = Path(__file__).with_name("train_until_killed.py")
        died = subprocess.run([sys.executable, script, json.dumps({**settings, "kill_at": kill_at})], check=False)
        assert died.returncode == -signal.SIGKILL
    steps = []
    resumed = run("killed", on_point=lambda point: steps.append(point.step), **recipe)
    assert steps[0] == 5
    left, right = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "killed"))
    assert all(torch.equal(left[name], right[name]) for name in left)
    losses = [[(p.step, p.train_loss, p.validation_loss) for p in adapter.curve] for adapter in (whole, resumed)]
    assert losses[0] == losses[1]


def test_the_state_of_every_validation_is_kept_where_another_is_to_choose_also_after_an_interruption(run, tmp_path):
    def interrupted(point):
        if point.step == 6:
            raise KeyboardInterrupt

    whole = run("whole", keep_steps=True, patience=0)
    with pytest.raises(KeyboardInterrupt):
        run("broken", keep_steps=True, patience=0, on_point=interrupted)
    run("broken", keep_steps=True, patience=0)
    kept = {
        name: {place.name: place for place in (tmp_path / name / "steps").iterdir()} for name in ("whole", "broken")
    }
    assert set(kept["whole"]) == set(kept["broken"]) == {"2", "4", "6", "8"}
    weights = {step: (place / "adapter" / WEIGHTS).read_bytes() for step, place in kept["whole"].items()}
    assert weights == {step: (place / "adapter" / WEIGHTS).read_bytes() for step, place in kept["broken"].items()}
    assert len(set(weights.values())) == 4
    assert weights[str(whole.best_step)] == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_a_finished_run_is_returned_at_once_and_its_checkpoint_is_gone(run, tmp_path):
    points = []
    first = run()
    assert not (tmp_path / "run" / checkpoint.FILE).exists()
    assert run(on_point=points.append) == first
    assert points == []


def test_the_folder_of_another_training_is_refused(run):
    run()
    with pytest.raises(TrainingError, match="other data, settings or weights"):
        run(seed=1)


def test_training_stops_when_validation_no_longer_gets_better(run):
    adapter = run(epochs=20, learning_rate=0.05, patience=2)
    assert adapter.stopped_early
    validated = [p for p in adapter.curve if p.validation_loss is not None]
    assert validated[-3].step == adapter.best_step


def test_a_loss_that_is_no_number_is_told_with_a_cure_and_the_run_is_not_taken_for_finished(run, tmp_path):
    # A rate at which the weights' product overflows float32.
    with pytest.raises(TrainingError, match="lower learning rate"):
        run(learning_rate=1e36, dtype="float32", evaluations_per_epoch=1, epochs=3, clip=0)
    assert not (tmp_path / "run" / "adapter.json").exists()


def test_short_memory_is_told_with_a_cure_and_the_same_call_goes_on(run, tmp_path):
    def take_it_all(point):
        if point.step == 3:  # behind the first checkpoint
            torch.empty(10**15)

    with pytest.raises(ResourceError, match=r"micro_tokens \(now 60\), set gradient_checkpointing"):
        run(on_point=take_it_all)
    assert (tmp_path / "run" / checkpoint.FILE).exists()
    whole, begun_again = run("whole"), run()
    assert begun_again.best_validation_loss == whole.best_validation_loss
    assert [point.step for point in begun_again.curve] == [point.step for point in whole.curve]


def test_other_errors_of_torch_are_not_taken_for_short_memory(run):
    def break_down(point):
        torch.ones(2) @ torch.ones(3)

    with pytest.raises(RuntimeError, match="size"):
        run(on_point=break_down)


def test_data_without_validation_or_anything_to_learn_is_refused(run):
    with pytest.raises(DatasetError, match="validation"):
        run(validate_on=[])
    with pytest.raises(DatasetError, match="no token to learn"):
        run(train_on=[])


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="they can be followed with bitsandbytes")
def test_four_bit_recipes_are_refused_without_bitsandbytes(run, tmp_path):
    with pytest.raises(TrainingError, match=r"nf4.*pip install bitsandbytes.*quantisation: none"):
        run(**load_recipe("jarvis").settings)
    assert not (tmp_path / "run").exists()


def test_the_seeds_recipe_trains_unquantised(run):
    settings = load_recipe("jarvis").settings
    loose = {"quantisation": "none", "double_quantisation": False, "optimizer": "adamw", "max_tokens": 64}
    assert run(**{**settings, **loose}).recipe["learning_rate"] == 2e-4
