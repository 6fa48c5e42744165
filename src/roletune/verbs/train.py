"""Stage `train`: fine-tune the adapter, keep the best checkpoint, and export it as GGUF where that can be.

A run's id is a function of its data, recipe and base, so the same training is the same folder: an interrupted one goes
on, a finished one is used again.
"""

from __future__ import annotations

import os
from pathlib import Path

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import file_hash, read_records
from roletune.errors import ModelError
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_lora import export_lora
from roletune.records import Example, Split, fingerprint
from roletune.rendering.template import Renderer
from roletune.training.sequences import TokenSequence
from roletune.verbs.dataset import open_renderer
from roletune.verbs.stage import Stage
from roletune.workbench import Workbench


async def make_adapter(bench: Workbench) -> str:
    """Train into `build/runs/ID` and point `build/adapter` at it."""
    from roletune.training.sft import train

    await bench.close_models()  # training wants the memory
    project, recipe = bench.project, bench.project.recipe
    renderer = open_renderer(bench)
    data = fingerprint([file_hash(_examples(bench, split)) for split in ("train", "validation")])
    run_dir = project.build / "runs" / fingerprint(data, recipe.settings, bench.base.identity(), length=8)
    with stops_at_once():
        adapter = train(
            _sequences(bench, "train", renderer),
            _sequences(bench, "validation", renderer),
            base_folder=trainable_folder(bench.base, bench.progress),
            base_label=bench.base.label,
            base_identity=bench.base.identity(),
            character=project.character.name,
            data_hash=data,
            recipe=recipe,
            run_dir=run_dir,
            progress=bench.progress,
        )
    _export_gguf(bench, run_dir)
    use_run(project.build, run_dir)
    early = ", stopped early" if adapter.stopped_early else ""
    return (
        f"run {adapter.run}: validation loss {adapter.best_validation_loss:.3f} at step {adapter.best_step}{early}, "
        f"{adapter.tokens_per_second:.0f} tokens/s, {adapter.trainable_parameters:,} weights"
    )


def _export_gguf(bench: Workbench, run_dir: Path) -> None:
    """Write `adapter.gguf` beside the adapter; one that GGUF can't hold is used without it."""
    path = run_dir / "adapter.gguf"
    try:
        export_lora(run_dir, bench.base, path)
    except ModelError as error:
        path.unlink(missing_ok=True)  # of an earlier version, which no longer goes with the adapter
        bench.progress.say(f"There is no adapter.gguf, so llama.cpp can't use this adapter; all else can. {error}")


def use_run(build: Path, run_dir: Path) -> None:
    """Point `build/adapter` at a run, in one step."""
    link, temporary = build / "adapter", build / ".adapter.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run_dir.relative_to(build), target_is_directory=True)
    os.replace(temporary, link)


def _examples(bench: Workbench, split: Split) -> Path:
    return bench.project.build / "dataset" / f"{split}.jsonl"


def _sequences(bench: Workbench, split: Split, renderer: Renderer) -> list[TokenSequence]:
    sequences = []
    for example in read_records(_examples(bench, split), Example):
        rendered = renderer.render(example.messages)
        sequences.append(TokenSequence(rendered.ids, rendered.mask, example.provenance.source))
    return sequences


STAGE = Stage(
    "train",
    "fine-tune the adapter, keep the best checkpoint, export it as GGUF",
    make_adapter,
    reads=("dataset/train.jsonl", "dataset/validation.jsonl"),
    # adapter.gguf is not among them: some architectures have none (see Workbench.adapter_gguf).
    writes=("adapter/adapter.json", "adapter/adapter_model.safetensors"),
    settings=lambda bench: (bench.project.recipe.settings, bench.base.identity()),
)
