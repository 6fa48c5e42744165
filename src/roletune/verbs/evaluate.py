"""Stage `evaluate`: the adapter against its base model, with and without the persona prompt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import file_hash, read_records, write_json
from roletune.evaluation.likelihood import measure_likelihood
from roletune.evaluation.questions import of_topics, read_questions
from roletune.evaluation.replies import ask_contestants
from roletune.evaluation.style import checks_for, rate_style
from roletune.models.dequantise import trainable_folder
from roletune.models.device import short_memory
from roletune.models.frozen import Frozen
from roletune.models.trained import put_on
from roletune.records import Evaluation, Example, LikelihoodReport, Question
from roletune.verbs.contestants import contenders, manner, measured_base, sampling, shown_lines
from roletune.verbs.dataset import open_renderer
from roletune.verbs.measured import versions
from roletune.verbs.stage import TRAINED, Stage
from roletune.workbench import Workbench

_SHORT_MEMORY = (
    "There is not enough memory to measure the base with the adapter. End other programs that hold memory, or take a "
    "smaller base. What is trained in 4 bits (quantisation: nf4) is measured in 4 bits."
)


async def evaluate_adapter(bench: Workbench) -> str:
    """Likelihood of the held-out lines, and replies to the questions side by side."""
    with stops_at_once():
        likelihood = _likelihood(bench)
    how, drawn = manner(bench), sampling(bench)
    replies = await ask_contestants(
        _questions(bench), contenders(bench, "evaluate"), how, drawn, progress=bench.progress
    )
    evaluation = Evaluation(
        likelihood=likelihood,
        replies=tuple(replies),
        style=rate_style(replies, checks_for(how)),
        sampling=asdict(drawn),
        versions=versions(),
    )
    write_json(bench.project.build / "evaluation.json", evaluation)
    against = likelihood.adapter_vs_base_prompt
    return (
        f"perplexity {likelihood.base.perplexity:.1f} base, {likelihood.base_prompt.perplexity:.1f} with prompt, "
        f"{likelihood.adapter.perplexity:.1f} adapter; ratio {against.perplexity_ratio:.2f} "
        f"[{against.ratio_low:.2f}, {against.ratio_high:.2f}] over {against.n_lines} lines of {against.n_scenes} scenes"
    )


def _likelihood(bench: Workbench) -> LikelihoodReport:
    examples = read_records(bench.project.build / "dataset" / "test.jsonl", Example)
    with loaded_with_adapter(bench) as (model, device):
        return measure_likelihood(
            examples,
            open_renderer(bench),
            model,
            progress=bench.progress,
            device=device,
            resamples=bench.project.character.evaluate.resamples,
        )


@contextmanager
def loaded_with_adapter(bench: Workbench, folder: Path | None = None) -> Iterator[tuple[Any, str]]:
    """The base model, held as in the training, with the adapter in use, or that in `folder`, and the device it is on.

    Raises ResourceError where the memory does not suffice, for the weights or for what is done with them.
    """
    import torch

    run = (folder or bench.project.build / "adapter").resolve()
    frozen = Frozen.of_run(run)
    device = frozen.device()
    with short_memory(_SHORT_MEMORY):
        base = frozen.load(trainable_folder(bench.base, bench.progress), device)
        # Rounded, as in training: products of an adapter's fp32 masters take twice as long on a CPU.
        model = put_on(base, run, getattr(torch, device.dtype), rounded=True)
        yield model.to(device.name), device.name


def _questions(bench: Workbench) -> list[Question]:
    settings = bench.project.character.evaluate
    return of_topics(read_questions(bench.project.questions), settings.topics)


STAGE = Stage(
    "evaluate",
    "measure the adapter against the base model, with and without the persona prompt",
    evaluate_adapter,
    reads=("profile.jsonl", "dataset/test.jsonl", TRAINED),
    writes=("evaluation.json",),
    settings=lambda bench: (
        bench.project.character.evaluate,
        file_hash(bench.project.questions),
        bench.prompt("persona").hash,
        measured_base(bench),
        shown_lines(bench),
    ),
)
