"""Predicted and measured peak memory of training the packaged model, one process for each width of a micro-batch.

    python benchmarks/memory.py --micro-tokens 1024,2048 --steps 2 --json memory.json

A step is made of four sequences of `max_tokens` random tokens, a third of them learnt: the widest that a recipe allows.
The ratio is measured / predicted; below 1 the plan was on the safe side.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path


def measure(micro_tokens: int, steps: int) -> dict[str, float]:
    """In this process: train a few steps; the plan's peak and the watched one, in GB."""
    from roletune.engine.memory import MemoryWatch
    from roletune.engine.progress import SilentProgress
    from roletune.models.architecture import from_folder
    from roletune.models.dequantise import trainable_folder
    from roletune.models.device import pick_device
    from roletune.models.weights import resolve
    from roletune.training.parts import Place
    from roletune.training.plan import plan_memory
    from roletune.training.recipe import load_recipe
    from roletune.training.sft import train

    recipe = load_recipe("quick", {"micro_tokens": micro_tokens, "epochs": 1, "evaluations_per_epoch": 1})
    weights, device = resolve("smollm2-135m-instruct"), pick_device("cpu")
    folder = trainable_folder(weights)
    plan = plan_memory(from_folder(folder, weights.label), recipe, Place("cpu", device.dtype))
    sequences = _sequences(recipe.batch_sequences * steps, recipe.max_tokens)
    with MemoryWatch() as memory, tempfile.TemporaryDirectory() as place:
        adapter = train(
            sequences,
            sequences[:1],
            base_folder=folder,
            base_label=weights.label,
            base_identity=weights.identity(),
            character="nobody",
            data_hash="random",
            recipe=recipe,
            run_dir=Path(place) / "run",
            progress=SilentProgress(),
        )
    return {
        "micro_tokens": micro_tokens,
        "predicted_gb": plan.peak / 1e9,
        "measured_gb": memory.peak_bytes / 1e9,
        "ratio": memory.peak_bytes / plan.peak,
        "tokens_per_second": adapter.tokens_per_second,
    }


def _sequences(count: int, length: int) -> list:
    from roletune.training.sequences import TokenSequence

    draw = random.Random(0)
    mask = [at % 9 > 5 for at in range(length - 1)] + [True]
    return [TokenSequence([draw.randrange(49152) for _ in range(length)], mask, f"s{k}") for k in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--micro-tokens", default="1024,2048,4096")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.steps)))
        return
    rows = []
    for width in asked.micro_tokens.split(","):
        # A process of its own each: memory that was freed is not all given back.
        command = [sys.executable, __file__, "--one", width, "--steps", str(asked.steps)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(
            "micro_tokens {micro_tokens:5}: predicted {predicted_gb:.2f} GB, measured {measured_gb:.2f} GB, "
            "ratio {ratio:.2f}".format(**rows[-1])
        )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
