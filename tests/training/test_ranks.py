import json
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from roletune.engine.progress import SilentProgress
from roletune.records import Adapter
from roletune.training import checkpoint
from roletune.training.ranks import Ranks, launched
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence, divide
from roletune.training.sft import train

NAMES = {"base_label": "org/base", "base_identity": "b", "character": "Anne", "data_hash": "d"}
RECIPE = {"rank": 4, "batch_sequences": 3, "micro_tokens": 60, "dropout": 0.0, "dtype": "float32", "epochs": 1}
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def call(tiny_base, tiny_sequences):
    """What a training is called with, in JSON's types."""
    return {
        "train": [astuple(s) for s in tiny_sequences([40, 30, 35, 20, 33, 25, 38])],
        "validation": [astuple(s) for s in tiny_sequences([31, 27], seed=9)],
        "recipe": RECIPE,
        "base_folder": str(tiny_base),
        "names": NAMES,
    }


def train_alone(call, run_dir, on_point=None):
    return train(
        *([TokenSequence(*fields) for fields in call[name]] for name in ("train", "validation")),
        base_folder=Path(call["base_folder"]),
        recipe=Recipe(**call["recipe"]),
        run_dir=run_dir,
        progress=SilentProgress(),
        on_point=on_point,
        **NAMES,
    )


def train_with_torchrun(call, run_dir, tmp_path):
    """The same in two processes of torchrun's that sum over gloo."""
    (tmp_path / "call.json").write_text(json.dumps({**call, "run_dir": str(run_dir)}))
    script = Path(__file__).with_name("train_as_rank.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path / "call.json"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_go_on_from_a_checkpoint_and_train_what_one_does(call, tmp_path):
    alone = train_alone(call, tmp_path / "alone")

    def interrupt(point):
        if point.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # after the checkpoint of step 1
        train_alone(call, tmp_path / "two", interrupt)
    # Of the last step's single conversation the second process has nothing to compute.
    train_with_torchrun(call, tmp_path / "two", tmp_path)
    two = Adapter.model_validate_json((tmp_path / "two" / "adapter.json").read_text())
    for name in ("step", "tokens", "learning_rate", "train_loss", "validation_loss"):
        left, right = ([getattr(p, name) for p in adapter.curve[1:]] for adapter in (alone, two))
        assert right == pytest.approx(left, rel=1e-5), name
    weights = [load_file(tmp_path / name / WEIGHTS) for name in ("alone", "two")]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)
    assert not (tmp_path / "two" / checkpoint.FILE).exists()


def test_two_processes_that_divide_the_base_train_what_one_does(call, tmp_path):
    # So few tokens at once that the processes have different numbers of micro-batches.
    call = {**call, "recipe": {**RECIPE, "sharding": "fsdp", "micro_tokens": 40}}
    alone = train_alone(call, tmp_path / "alone")
    train_with_torchrun(call, tmp_path / "two", tmp_path)
    two = Adapter.model_validate_json((tmp_path / "two" / "adapter.json").read_text())
    for name in ("step", "tokens", "train_loss", "validation_loss"):
        left, right = ([getattr(p, name) for p in adapter.curve[1:]] for adapter in (alone, two))
        assert right == pytest.approx(left, rel=1e-5), name
    weights = [load_file(tmp_path / name / WEIGHTS) for name in ("alone", "two")]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)
    assert "2 layers divided between 2 processes" in (tmp_path / "said.txt").read_text()


def test_shares_hold_every_sequence_once_and_about_as_many_tokens(tiny_sequences):
    sequences = tiny_sequences([50, 10, 20, 30, 20])
    shares = divide(sequences, 2)
    assert sorted(s.source for share in shares for s in share) == [s.source for s in sequences]
    assert [sum(map(len, share)) for share in shares] == [70, 60]
    assert divide(sequences, 1) == [sequences]
    assert divide(sequences[:1], 2) == [sequences[:1], []]


def test_alone_there_is_nobody_to_sum_with():
    ranks = Ranks.current()
    assert ranks == Ranks(0, 1)
    assert (ranks.first, ranks.sum(2.5), ranks.from_first("a")) == (True, 2.5, "a")
    with launched() as working:
        assert working
