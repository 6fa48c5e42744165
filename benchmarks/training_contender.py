"""One contender of `benchmarks/training.py`, in a process of its own: trains on given tokens and prints what it took.

    python benchmarks/training_contender.py TASK.json trl

The task names a model's folder, sequences of token ids with the mask of what is learnt, and how many steps of how many
sequences. Everybody gets the same tokens and labels in the same order, the same LoRA and learning rate. The last line
of the output is JSON: seconds of each step by two clocks, losses, peak memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RATE = 2e-4
Result = dict[str, Any]


class Clocks:
    """Seconds of each step on the wall and of this process's work: the latter mean something on a busy machine too."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self._started = (0.0, 0.0)

    def start(self) -> None:
        self._started = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        self.wall.append(time.perf_counter() - self._started[0])
        self.cpu.append(time.process_time() - self._started[1])

    @property
    def result(self) -> Result:
        """With the peak of this process's memory until now."""
        return {"wall": self.wall, "cpu": self.cpu, "memory": _peak_memory()}


def roletune(task: Result) -> Result:
    """This package by its recipe `quick`."""
    from roletune.models.device import pick_device
    from roletune.training.checkpoint import TrainingState
    from roletune.training.loop import Training
    from roletune.training.model import TrainableModel
    from roletune.training.recipe import load_recipe
    from roletune.training.sequences import TokenSequence, epoch_steps

    changes = {"batch_sequences": task["batch"], "learning_rate": RATE, "scheduler": "constant", "warmup": 0}
    recipe = load_recipe("quick", changes)
    device = pick_device("cpu")
    device.activate()
    sequences = [TokenSequence(row["ids"], row["mask"]) for row in task["sequences"]]
    # The order that the training will draw, turned around: it then meets them in the task's order.
    order = [i for step in epoch_steps(range(len(sequences)), task["batch"], recipe.seed, 0) for i in step]
    placed = [sequence for _, sequence in sorted(zip(order, sequences, strict=True), key=lambda pair: pair[0])]
    model = TrainableModel.load(Path(task["model"]), recipe, device)
    training = Training(model, recipe, [s.cut() for s in placed], [], TrainingState(key="benchmark"))
    losses, watch = [], Clocks()
    for _ in range(task["steps"]):
        watch.start()
        losses.append(training.step())
        watch.stop()
    result = watch.result | {"losses": losses, "dtype": device.dtype}
    return result | (_looked_into(training, model, task["clock"]) if task["profile"] else {})


def trl(task: Result) -> Result:
    """TRL's SFTTrainer as it is when nothing is said: bfloat16 autocast, gradient checkpointing, padding."""
    return _trl(task)


def trl_no_checkpointing(task: Result) -> Result:
    """The same without gradient checkpointing."""
    return _trl(task, gradient_checkpointing=False)


def _trl(task: Result, **settings: Any) -> Result:
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    watch = _watch()
    lora = LoraConfig(r=64, lora_alpha=16, lora_dropout=0.1, target_modules="all-linear", task_type="CAUSAL_LM")
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=task["model"],
            args=SFTConfig(output_dir=folder, train_sampling_strategy="sequential", **_arguments(task), **settings),
            train_dataset=Dataset.from_list(_labelled(task)),
            peft_config=lora,
            callbacks=[watch],
        )
        trainer.train()
    return watch.clocks.result | {"losses": watch.losses}


def llamafactory(task: Result) -> Result:
    """LLaMA-Factory through what its command calls, on labels made beforehand: the same tokens as everybody's."""
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    from datasets import Dataset, DatasetDict
    from llamafactory.train.tuner import run_exp

    watch = _watch()
    with tempfile.TemporaryDirectory() as folder:
        rows = [{**row, "attention_mask": [1] * len(row["input_ids"])} for row in _labelled(task)]
        # Its loader wants these columns too.
        rows = [{**row, "images": None, "videos": None, "audios": None} for row in rows]
        DatasetDict(train=Dataset.from_list(rows)).save_to_disk(f"{folder}/tokens")
        settings = {
            "model_name_or_path": task["model"],
            "stage": "sft",
            "do_train": True,
            "finetuning_type": "lora",
            "lora_rank": 64,
            "lora_alpha": 16,
            "lora_dropout": 0.1,
            "lora_target": "all",
            "dataset": "none",
            "tokenized_path": f"{folder}/tokens",
            "template": "chatml",
            "cutoff_len": 1024,
            "disable_shuffling": True,
            "bf16": True,
            "output_dir": f"{folder}/run",
            **_arguments(task),
        }
        run_exp(settings, callbacks=[watch])
    return watch.clocks.result | {"losses": watch.losses}


def _arguments(task: Result) -> Result:
    """What TRL and LLaMA-Factory take from transformers."""
    return {
        "max_steps": task["steps"],
        "per_device_train_batch_size": task["batch"],
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "use_cpu": True,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": 0,
    }


def _labelled(task: Result) -> list[Result]:
    rows = [(row["ids"], row["mask"]) for row in task["sequences"]]
    return [
        {"input_ids": ids, "labels": [i if learnt else -100 for i, learnt in zip(ids, mask, strict=True)]}
        for ids, mask in rows
    ]


def _watch() -> Any:
    """Seconds from the begin to the end of each step; what lies between two steps is not counted."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.clocks = Clocks()
            self.losses: list[float] = []

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.clocks.start()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.clocks.stop()

        def on_log(self, *args: Any, logs: Result | None = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))

    return Watch()


def _peak_memory() -> int:
    """Bytes of this process at its peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# What an operation of a step's profile counts as; what is not named is elementwise.
KINDS = {
    "products": ("aten::mm", "aten::addmm", "aten::addmm_", "mkldnn", "aten::linear"),
    "attention": ("aten::bmm", "aten::_softmax", "softmax_backward"),
    "copies": ("aten::copy_", "aten::cat", "aten::index", "aten::fill_", "aten::zero_"),
    "optimizer": ("_fused_adamw", "aten::linalg_vector_norm"),
}


def _looked_into(training: Any, model: Any, clock: str) -> Result:
    """One more step under the profiler: shares of its time by kind, and how fast products alone are here."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        training.step()
    spent: dict[str, float] = {}
    for event in recorded.key_averages():
        kind = next((kind for kind, names in KINDS.items() if any(name in event.key for name in names)), "elementwise")
        spent[kind] = spent.get(kind, 0.0) + event.self_cpu_time_total
    total = sum(spent.values())
    return {"shares": {k: v / total for k, v in spent.items()}, **_rate_of_products(model, clock)}


def _rate_of_products(model: Any, clock: str) -> Result:
    """FLOP/s of the widest linear layer alone, 2,048 rows at once, by the same clock as the steps."""
    import torch

    weights = [w for w in model.model.parameters() if w.ndim == 2 and not w.requires_grad]
    weight = max(weights[1:], key=lambda w: w.numel() if w.numel() < weights[0].numel() else 0)
    rows = torch.randn(2048, weight.shape[1]).to(weight.dtype)
    now = time.process_time if clock == "cpu" else time.perf_counter
    times = []
    with torch.no_grad():
        for _ in range(30):
            started = now()
            torch.nn.functional.linear(rows, weight)
            times.append(now() - started)
    return {"matmul": 2 * rows.shape[0] * weight.numel() / sorted(times)[len(times) // 2]}


def float32(task: Result) -> Result:
    """No contender: the first step's loss by transformers alone in single precision, which everybody else rounds."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32)
    total, count = 0.0, 0
    for row in _labelled(task)[: task["batch"]]:
        with torch.no_grad():
            logits = model(torch.tensor([row["input_ids"]])).logits[0, :-1]
        targets = torch.tensor(row["labels"][1:])
        total += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
        count += int((targets != -100).sum())
    return {"losses": [total / count]}


CONTENDERS: dict[str, Callable[[Result], Result]] = {
    "roletune": roletune,
    "trl": trl,
    "trl_no_checkpointing": trl_no_checkpointing,
    "llamafactory": llamafactory,
    "float32": float32,
}


if __name__ == "__main__":
    result = CONTENDERS[sys.argv[2]](json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print("\n" + json.dumps(result))
