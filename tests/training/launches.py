"""A small training, by one process and by two of torchrun's that sum over gloo."""

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
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence
from roletune.training.sft import train

NAMES = {"base_label": "org/base", "base_identity": "b", "character": "Anne", "data_hash": "d"}
RECIPE = {"rank": 4, "batch_sequences": 3, "micro_tokens": 60, "dropout": 0.0, "dtype": "float32", "epochs": 1}
WEIGHTS = "adapter_model.safetensors"


def small_call(base, sequences, **recipe):
    """What a training is called with, in JSON's types."""
    return {
        "train": [astuple(s) for s in sequences([40, 30, 35, 20, 33, 25, 38])],
        "validation": [astuple(s) for s in sequences([31, 27], seed=9)],
        "recipe": {**RECIPE, **recipe},
        "base_folder": str(base),
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


def run_two(script, call, run_dir, folder):
    """A script of this folder in two processes, with the call in `folder`."""
    (folder / "call.json").write_text(json.dumps({**call, "run_dir": str(run_dir)}))
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name(script), folder / "call.json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def assert_same_training(alone, two):
    """Two runs' folders hold the same curve and weights but for rounding."""
    adapters = [Adapter.model_validate_json((folder / "adapter.json").read_text()) for folder in (alone, two)]
    for name in ("step", "tokens", "learning_rate", "train_loss", "validation_loss"):
        left, right = ([getattr(point, name) for point in adapter.curve[1:]] for adapter in adapters)
        assert right == pytest.approx(left, rel=1e-5), name
    weights = [load_file(folder / WEIGHTS) for folder in (alone, two)]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)
