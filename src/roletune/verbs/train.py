"""Stage `train`: fine-tune an adapter or all weights, keep the best checkpoint, and export it as GGUF if that can be.

A run's id is a function of its data, recipe and base, and of what chooses its state where replies do (`verbs.steps`).
So the same training is the same folder: an interrupted one goes on, a finished one is used again, unless it is asked
for `--again`. A run that was chosen (`verbs.runs`) stays in use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import file_hash, read_records
from roletune.errors import ModelError
from roletune.evaluation.steps import in_words
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_base import SERVED, source_of, write
from roletune.models.gguf_lora import export_lora
from roletune.models.trained import ADAPTER_GGUF, WHOLE_GGUF, whole_model
from roletune.records import Example, Split, fingerprint
from roletune.rendering.template import Renderer
from roletune.training.sequences import TokenSequence
from roletune.verbs.dataset import open_renderer
from roletune.verbs.runs import check_link, chosen_run, point_at, unpin, use_chosen
from roletune.verbs.stage import TRAINED, Stage
from roletune.verbs.steps import check_choice, choose_step, choosing_identity, chosen_by_replies
from roletune.workbench import Workbench


async def make_adapter(bench: Workbench) -> str:
    """Train into `build/runs/ID` and point `build/adapter` at it."""
    from roletune.training.ranks import together
    from roletune.training.sft import train

    check_link(bench.project.build)  # before the work, not after it
    if chosen := chosen_run(bench.project):
        adapter = use_chosen(bench, chosen)
        return f"run {chosen} was chosen: {adapter.loss} (see roletune runs)"
    check_choice(bench)
    await bench.local.close()  # training wants the memory
    call = training_call(bench)
    with stops_at_once():
        together(**call)
        adapter = train(**call, progress=bench.progress)
    adapter = await choose_step(bench, run_folder(bench), adapter)
    export_gguf(bench, run_folder(bench))
    point_at(bench.project.build, run_folder(bench))
    early = ", stopped early" if adapter.stopped_early else ""
    choice = f"; {in_words(adapter.choice)}" if adapter.choice else ""
    return (
        f"run {adapter.run}: {adapter.loss} at step {adapter.best_step}{early}, "
        f"{adapter.tokens_per_second:.0f} tokens/s, {adapter.trainable_parameters:,} weights{choice}"
    )


def training_call(bench: Workbench) -> dict[str, Any]:
    """What `training.sft` is called with to train the character."""
    renderer = open_renderer(bench)
    return {
        "train": sequences(bench, "train", renderer),
        "validation": sequences(bench, "validation", renderer),
        "base_folder": trainable_folder(bench.base, bench.progress),
        "base_label": bench.base.label,
        "base_identity": bench.base.identity(),
        "character": bench.project.character.name,
        "data_hash": data_hash(bench),
        "recipe": bench.project.recipe,
        "run_dir": run_folder(bench),
        "memory_checked": bench.project.character.train.check_memory,
        "keep_steps": chosen_by_replies(bench.project),
    }


def export_gguf(bench: Workbench, run_dir: Path) -> None:
    """Write what was trained as GGUF beside it; what GGUF can't hold is used without it."""
    whole = whole_model(run_dir)
    path = run_dir / (WHOLE_GGUF if whole else ADAPTER_GGUF)
    try:
        if whole:
            write(whole, source_of(bench.base), path, SERVED)
        else:
            export_lora(run_dir, bench.base, path)
    except ModelError as error:
        path.unlink(missing_ok=True)  # of an earlier version, which no longer goes with the adapter
        bench.progress.say(f"There is no {path.name}, so llama.cpp can't use what was trained; all else can. {error}")


def train_anew(bench: Workbench) -> None:
    """Let go of the run that these settings made, and of a choice of another: what is made next is trained."""
    from roletune.training.sft import forget_run

    if unpin(bench.project):
        bench.progress.say("No run is chosen any more: the settings decide")
    forget_run(run_folder(bench))


def run_folder(bench: Workbench) -> Path:
    """Where the training of these settings is, or will be."""
    decides = (data_hash(bench), bench.project.recipe.settings, bench.base.identity())
    identity = fingerprint(*decides, *choosing_identity(bench.project), length=8)
    return bench.project.build / "runs" / identity


def data_hash(bench: Workbench) -> str:
    """The hash of what is learnt and validated on."""
    return fingerprint([file_hash(_examples(bench, split)) for split in ("train", "validation")])


def _examples(bench: Workbench, split: Split) -> Path:
    return bench.project.build / "dataset" / f"{split}.jsonl"


def sequences(bench: Workbench, split: Split, renderer: Renderer) -> list[TokenSequence]:
    """The examples of a split as tokens."""
    found = []
    for example in read_records(_examples(bench, split), Example):
        rendered = renderer.render(example.messages)
        found.append(TokenSequence(rendered.ids, rendered.mask, example.provenance.source))
    return found


STAGE = Stage(
    "train",
    "fine-tune the adapter, keep the best checkpoint, export it as GGUF",
    make_adapter,
    reads=("dataset/train.jsonl", "dataset/validation.jsonl"),
    # No GGUF file is among them: some architectures have none (see LocalModels.adapter_gguf).
    writes=("adapter/adapter.json", TRAINED),
    settings=lambda bench: (
        bench.project.recipe.settings,
        bench.base.identity(),
        chosen_run(bench.project),
        *choosing_identity(bench.project),
    ),
    let_go=train_anew,
)
