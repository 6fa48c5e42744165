"""Training side by side: this package, TRL's SFTTrainer (at its defaults and without checkpointing), LLaMA-Factory.

    python benchmarks/training.py --peers trl,llamafactory --rounds 3 --steps 3 --json training.json

SmolLM2-135M-Instruct, LoRA of rank 64 on all linear layers, on the CPU. Everybody trains on the same tokens with the
same labels in the same order with the same effective batch (`--batch`, TRL's own default), each time in a process of
its own; the contenders take turns, `--rounds` times. A step's seconds are counted from its begin to its end; the first
step is warm-up. On a busy machine `--clock cpu` counts the seconds of the process's own work. Tokens are those of the
conversations, without padding. Ratios are ours over the peer's of the same round; told is the median, and the least
and the largest.

LLaMA-Factory's environment (0.4 GB, from PyPI) is made in the cache folder the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from training_peers import interpreter

HERE = Path(__file__).resolve().parent
LINES = HERE.parent / "examples" / "jarvis" / "dialogues"
SPEECH = re.compile(r"^([A-Z][\w.' ]{1,24}): (.+)$", re.MULTILINE)
US = "roletune"


def conversations(count: int, longest: int) -> tuple[str, list[dict[str, list[int]]]]:
    """The model's folder and `count` conversations in its tokens, under one persona prompt: lines of the example."""
    from roletune.models.dequantise import trainable_folder
    from roletune.models.load import load_tokenizer
    from roletune.models.weights import resolve
    from roletune.records import Message
    from roletune.rendering.template import Renderer

    folder = trainable_folder(resolve("smollm2-135m-instruct"))
    renderer = Renderer(load_tokenizer(folder))
    spoken = [match for path in sorted(LINES.glob("*.md")) for match in SPEECH.findall(path.read_text("utf-8"))]
    own = [line for who, line in spoken if who == "JARVIS"]
    others = [line for who, line in spoken if who != "JARVIS"]
    draw = random.Random(0)
    persona = " ".join(draw.sample(others, 8))
    found = []
    for _ in range(count):
        wanted, messages = draw.randint(400, longest), [Message(role="system", content=persona)]
        rows = renderer.render([*messages, Message(role="assistant", content="", loss=False)])
        while len(rows.ids) < wanted:
            messages.append(Message(role="user", content=" ".join(draw.sample(others, draw.randint(1, 4)))))
            messages.append(
                Message(role="assistant", content=" ".join(draw.sample(own, draw.randint(1, 2))), loss=True)
            )
            rows = renderer.render(messages)
        end = max(at for at, learnt in enumerate(rows.mask) if learnt) + 1
        found.append({"ids": rows.ids[:end], "mask": [bool(learnt) for learnt in rows.mask[:end]]})
    return str(folder), found


def run(contender: str, python: Path, task: Path, threads: int) -> dict[str, Any]:
    """One contender in its own process. Raises RuntimeError with the end of its output if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "0"}
    command = [str(python), str(HERE / "training_contender.py"), str(task), contender]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{contender} failed:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def summary(rounds: list[dict[str, Any]], tokens: list[int], flops: float, clock: str, exact: float) -> dict[str, Any]:
    """Ratios, losses and FLOP/s of all rounds; `tokens` of each step, `flops` that a token takes.

    `exact` is the first loss in single precision.
    """
    speeds = {name: [sum(tokens[1:]) / sum(one[name][clock][1:]) for one in rounds] for name in rounds[0]}
    memory = {name: [one[name]["memory"] for one in rounds] for name in rounds[0]}
    peers = [name for name in rounds[0] if name != US]
    pairs = {name: [a / b for a, b in zip(speeds[US], speeds[name], strict=True)] for name in peers}
    achieved = flops * statistics.median(speeds[US]) / 1e9
    looked = rounds[0][US]
    ours = rounds[0][US]["losses"][0]
    return {
        "tokens_per_second": {name: statistics.median(found) for name, found in speeds.items()},
        "ratios": {name: statistics.median(found) for name, found in pairs.items()},
        "ratios_range": {name: [min(found), max(found)] for name, found in pairs.items()},
        "memory_gb": {name: statistics.median(found) / 1e9 for name, found in memory.items()},
        "memory_ratios": {name: statistics.median(memory[US]) / statistics.median(memory[name]) for name in peers},
        "losses": {name: rounds[0][name]["losses"] for name in rounds[0]},
        "first_loss_float32": exact,
        "first_loss_differences": {name: abs(rounds[0][name]["losses"][0] - ours) for name in peers},
        "gflops": {"achieved": achieved, "matmul": looked["matmul"] / 1e9, "between": between(looked, achieved, flops)},
        "clock": clock,
        "rounds": rounds,
    }


def between(looked: dict[str, Any], achieved: float, flops: float) -> str:
    """What stands between the speed that was reached and that of products alone."""
    rate = looked["matmul"] / 1e9
    shares = sorted(looked["shares"].items(), key=lambda share: -share[1])
    told = ", ".join(f"{kind} {share:.0%}" for kind, share in shares)
    return (
        f"A token takes {flops / 1e9:.2f} GFLOP in the products of layers, adapters and head; {achieved:.0f} GFLOP/s "
        f"are done, and products alone run at {rate:.0f} GFLOP/s ({looked['dtype']}, widest layer), which would be "
        f"{rate / flops * 1e9:.0f} tokens/s. Where a step's time goes: {told}."
    )


def work_of_a_token(share: float) -> float:
    """FLOP of products that a token takes if this share of the tokens is learnt (attention not counted)."""
    from roletune.models.architecture import well_known
    from roletune.training.parts import adapter_weights
    from roletune.training.recipe import load_recipe

    base = well_known("SmolLM2-135M-Instruct")
    assert base is not None
    adapters = adapter_weights(base, load_recipe("quick"))
    return 4 * base.linear_weights + 6 * adapters + 4 * base.vocabulary * base.hidden * share


def tell(found: dict[str, Any]) -> None:
    print(f"\n{'contender':22}{'tokens/s':>10}{'ours is':>9}{'range':>14}{'GB':>7}{'memory':>8}{'first loss':>12}")
    for name, speed in found["tokens_per_second"].items():
        ratio, span = found["ratios"].get(name), found["ratios_range"].get(name)
        told = f"{ratio:8.2f}x{span[0]:8.2f}-{span[1]:.2f}" if ratio and span else " " * 22
        memory = f"{found['memory_ratios'][name]:.2f}x" if ratio else ""
        loss = found["losses"][name][0]
        print(f"{name:22}{speed:10.0f}{told:>23}{found['memory_gb'][name]:7.1f}{memory:>8}{loss:12.4f}")
    print(f"{'(single precision)':70}{found['first_loss_float32']:12.4f}")
    print(found["gflops"]["between"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="trl", help="trl, llamafactory, or both with a comma between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="measured steps a round, after one of warm-up")
    parser.add_argument("--batch", type=int, default=8, help="conversations in a step")
    parser.add_argument("--longest", type=int, default=960, help="tokens of the longest conversation, about")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--cache", type=Path, help="where environments of peers are made")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    pythons = _pythons(asked.peers.split(","), asked.cache)
    steps = asked.steps + 1
    folder, rows = conversations((steps + 2) * asked.batch, asked.longest)
    tokens = [sum(len(row["ids"]) for row in rows[i * asked.batch :][: asked.batch]) for i in range(steps)]
    share = sum(sum(row["mask"]) for row in rows) / sum(len(row["ids"]) for row in rows)
    print(f"{asked.batch} conversations a step, {sum(tokens) / steps:.0f} tokens of which {share:.0%} are learnt")
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        task = Path(place) / "task.json"
        for number in range(asked.rounds):
            values = {"model": folder, "sequences": rows, "batch": asked.batch, "steps": steps}
            values |= {"clock": asked.clock, "profile": not number}
            task.write_text(json.dumps(values), encoding="utf-8")
            rounds.append({})
            for name, python in pythons.items():
                rounds[-1][name] = run(name, python, task, asked.threads)
                seconds = rounds[-1][name][asked.clock]
                print(f"round {number + 1}: {name:22}{sum(tokens[1:]) / sum(seconds[1:]):8.0f} tokens/s", flush=True)
        (exact,) = run("float32", Path(sys.executable), task, asked.threads)["losses"]
    found = summary(rounds, tokens, work_of_a_token(share), asked.clock, exact)
    tell(found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


def _pythons(peers: list[str], cache: Path | None) -> dict[str, Path]:
    """Contender -> the interpreter it runs in."""
    from roletune.models.cache import cache_dir

    place = cache or cache_dir() / "benchmarks"
    found = {US: Path(sys.executable)}
    if "trl" in peers:
        found |= dict.fromkeys(("trl", "trl_no_checkpointing"), interpreter("trl", place))
    if "llamafactory" in peers:
        found["llamafactory"] = interpreter("llamafactory", place)
    return found


if __name__ == "__main__":
    main()
