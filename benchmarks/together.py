"""Several characters trained one by one, each in a process of its own, and together on one loaded base.

    python benchmarks/together.py --characters 2,4 --rounds 2 --json together.json

SmolLM2-135M-Instruct by the recipe `quick`, on the CPU. Every character has its own persona prompt, its own
conversations of random tokens and its own seed; `--examples` and `--tokens` say how many and how long. Counted are the
processor seconds of the processes (all of them: Python, libraries, loading, training) and the largest resident memory
of any of them. `load` is a process that only loads the base: what each one after the first saves in any case. About
eight minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

PERSONA = 96  # tokens that a character's examples begin with


def jobs(numbers: list[int], asked: argparse.Namespace, place: Path) -> list[Any]:
    """The trainings of these characters; the same each time."""
    from roletune.models.dequantise import trainable_folder
    from roletune.models.weights import resolve
    from roletune.training.recipe import load_recipe
    from roletune.training.sft import Job

    weights = resolve("smollm2-135m-instruct")
    return [
        Job(
            train=sequences(number, asked.examples, asked.tokens),
            validation=sequences(number + 1000, 4, asked.tokens),
            base_folder=trainable_folder(weights),
            base_label=weights.label,
            base_identity=weights.identity(),
            character=f"character {number}",
            data_hash=f"random {number}",
            recipe=load_recipe("quick", {"seed": number, "evaluations_per_epoch": 1}),
            run_dir=place / str(number),
        )
        for number in numbers
    ]


def sequences(seed: int, count: int, length: int) -> list[Any]:
    """Conversations of about `length` tokens, a third of them learnt behind the persona."""
    from roletune.training.sequences import TokenSequence

    draw = random.Random(seed)
    persona = [draw.randrange(49152) for _ in range(PERSONA)]
    found = []
    for number in range(count):
        own = [draw.randrange(49152) for _ in range(draw.randint(length // 2, length * 3 // 2) - PERSONA)]
        mask = [False] * PERSONA + [at % 9 > 5 for at in range(len(own) - 1)] + [True]
        found.append(TokenSequence([*persona, *own], mask, f"s{number}"))
    return found


def work(numbers: list[int], asked: argparse.Namespace) -> None:
    """In a process of its own: train these characters, or with none only load; prints the curves."""
    from roletune.engine.progress import SilentProgress
    from roletune.models.device import device_for
    from roletune.training.model import TrainableModel
    from roletune.training.together import train_together

    with tempfile.TemporaryDirectory() as place:
        wanted = jobs(numbers or [0], asked, Path(place))
        if not numbers:
            TrainableModel.load(wanted[0].base_folder, wanted[0].recipe, device_for("auto"))
        made = train_together(wanted, SilentProgress()) if numbers else []
        tokens = sum(adapter.tokens for adapter in made)
        curves = {adapter.character: [(p.train_loss, p.validation_loss) for p in adapter.curve] for adapter in made}
    print(json.dumps({"tokens": tokens, "curves": curves}))


def measured(numbers: list[int], asked: argparse.Namespace) -> dict[str, Any]:
    """What such a process tells, with its processor seconds and its largest memory in bytes."""
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, __file__, "--work", ",".join(map(str, numbers)) or "none"]
        command += ["--examples", str(asked.examples), "--tokens", str(asked.tokens)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads), "HF_HUB_OFFLINE": "1"}
        started = os.posix_spawn(
            sys.executable, command, environment, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        )
        _, status, used = os.wait4(started, 0)
        if status:
            raise RuntimeError(f"training {numbers} failed")
        out.seek(0)
        told = json.loads(out.read().strip().splitlines()[-1])
    return told | {"seconds": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024}


def one_round(counts: list[int], asked: argparse.Namespace, load: float) -> dict[int, dict[str, Any]]:
    """The first so many characters both ways, for each of `counts`; one by one they are trained once for all."""
    alone = [measured([number], asked) for number in range(max(counts))]
    return {count: compared(alone[:count], measured(list(range(count)), asked), load) for count in counts}


def compared(alone: list[dict[str, Any]], together: dict[str, Any], load: float) -> dict[str, Any]:
    """What training together saves; `saved_beside_loading` leaves out what loading takes in each process."""
    curves = {name: curve for one in alone for name, curve in one["curves"].items()}
    differences = [
        abs(a - b)
        for name, curve in together["curves"].items()
        for ours, theirs in zip(curve, curves[name], strict=True)
        for a, b in zip(ours, theirs, strict=True)
        if a is not None
    ]
    seconds = sum(one["seconds"] for one in alone)
    return {
        "one_by_one": {"seconds": seconds, "memory": max(one["memory"] for one in alone)},
        "together": {"seconds": together["seconds"], "memory": together["memory"]},
        "tokens": together["tokens"],
        "saved": 1 - together["seconds"] / seconds,
        "saved_beside_loading": 1 - (together["seconds"] - load) / (seconds - len(alone) * load),
        "largest_difference_of_losses": max(differences),
    }


def told(count: int, one: dict[str, Any]) -> str:
    """A line for people."""
    alone, together = one["one_by_one"], one["together"]
    return (
        f"{count} characters, {one['tokens']:,} tokens: one by one {alone['seconds']:.0f} s and "
        f"{alone['memory'] / 1e9:.2f} GB, together {together['seconds']:.0f} s and {together['memory'] / 1e9:.2f} GB; "
        f"saved {one['saved']:.0%} ({one['saved_beside_loading']:.0%} beside loading), losses within "
        f"{one['largest_difference_of_losses']:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", default="2,4", help="how many, numbers with commas between")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--examples", type=int, default=12, help="of each character")
    parser.add_argument("--tokens", type=int, default=240, help="of an example, about")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work([] if asked.work == "none" else [int(number) for number in asked.work.split(",")], asked)
        return
    load = measured([], asked)["seconds"]
    print(f"load: {load:.1f} processor seconds", flush=True)
    counts = [int(number) for number in asked.characters.split(",")]
    found: dict[str, Any] = {"load_seconds": load, "rounds": {count: [] for count in counts}}
    for _ in range(asked.rounds):
        for count, one in one_round(counts, asked, load).items():
            found["rounds"][count].append(one)
            print(told(count, one), flush=True)
    for count, rounds in found["rounds"].items():
        saved, beside = (statistics.median(one[key] for one in rounds) for key in ("saved", "saved_beside_loading"))
        print(f"{count} characters: {saved:.0%} saved, {beside:.0%} beside loading (medians)")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
