"""`prefer`: train the adapter on from pairs of replies, of which one is preferred, and measure what that changed.

The result is a run like any other: it is put to use and stays in use (`verbs.runs`) until the settings are to decide
again. A run that was itself made so is no starting point: its own starting point is, so that the same command gives the
same run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import file_hash, read_records, write_json, write_records
from roletune.errors import ProjectError, RenderError, TrainingError
from roletune.evaluation.likelihood import line_likelihoods
from roletune.evaluation.preference import PairLikelihood, compare_preferences
from roletune.models.dequantise import trainable_folder
from roletune.models.device import short_memory
from roletune.models.frozen import Frozen
from roletune.records import (
    Example,
    Message,
    PreferenceFigures,
    PreferencePair,
    PreferenceReport,
    Rejection,
    Split,
    fingerprint,
)
from roletune.rendering.template import Renderer
from roletune.training.preference_data import PreferSettings, Start, TokenPair, TokenThumb, preference_recipe
from roletune.verbs.dataset import open_renderer
from roletune.verbs.opinions import read_opinions
from roletune.verbs.runs import choose_run, finished_runs
from roletune.verbs.train import export_gguf
from roletune.workbench import Workbench

REPORT = "preference.json"  # beside the adapter of the run
_SHORT_MEMORY = (
    "There is not enough memory to measure what the training changed. End other programs that hold memory, and run it "
    "again: the finished training is used."
)


@dataclass(frozen=True)
class Parts:
    """The pairs by what is done with them; `measured_on` names the split of `measured`."""

    train: list[PreferencePair]
    validation: list[PreferencePair]
    measured: list[PreferencePair]
    measured_on: str


async def make_preferring(bench: Workbench, settings: PreferSettings, *, again: bool = False) -> PreferenceReport:
    """Train into `build/runs/ID`, measure on held-out pairs into `preference.json` beside it, and put it to use.

    Raises ProjectError without pairs or without an adapter, DatasetError for too few pairs, TrainingError.
    """
    from roletune.training.preference import prefer
    from roletune.training.sft import forget_run

    await bench.local.close()  # training wants the memory
    start = _start(bench)
    renderer = open_renderer(bench)
    longest = int(start.adapter.recipe["max_tokens"])
    opinions, refused = read_opinions(bench, renderer, longest) if settings.method == "kto" else ([], [])
    pairs, unusable = _fitting(_pairs(bench, needed=not opinions), renderer, longest)
    write_records(bench.project.rejected("prefer"), [*unusable, *refused])
    if unusable or refused:
        told = f"{len(unusable)} pairs and {len(refused)} thumbs can't be used"
        bench.progress.say(f"{told}: {bench.project.rejected('prefer')}")
    parts = part(pairs, settings)
    data = fingerprint(
        [pair.model_dump(mode="json") for pair in pairs], settings.held_out, [vars(one) for one in opinions]
    )
    run_dir = _run_dir(bench, start, settings, data)
    if again:
        forget_run(run_dir)
    with stops_at_once():
        adapter = prefer(
            _tokens(parts.train, renderer, settings, opinions),
            _tokens(parts.validation, renderer, settings),
            start,
            settings,
            data_hash=data,
            run_dir=run_dir,
            progress=bench.progress,
        )
        report = _measured(bench, parts, start, run_dir, settings).model_copy(update={"train_thumbs": len(opinions)})
    write_json(run_dir / REPORT, report)
    export_gguf(bench, run_dir)
    choose_run(bench, adapter.run)
    return report


def part(pairs: Sequence[PreferencePair], settings: PreferSettings) -> Parts:
    """By the pairs' own splits; where none is held out, a share of the sources is, by a draw of the seed."""

    def of(split: Split) -> list[PreferencePair]:
        return [pair for pair in pairs if pair.split == split]

    train, validation, test = of("train"), of("validation"), of("test")
    if test or validation:
        return Parts(train, validation, test or validation, "test" if test else "validation")
    sources = sorted({pair.provenance.source for pair in train})
    random.Random(settings.seed).shuffle(sources)
    held = set(sources[: round(settings.held_out * len(sources))])
    kept = [pair for pair in train if pair.provenance.source not in held]
    return Parts(kept, [], [pair for pair in train if pair.provenance.source in held], "held-out sources")


def _pairs(bench: Workbench, *, needed: bool) -> list[PreferencePair]:
    path, folder = bench.project.records("pairs"), bench.project.folder
    pairs = read_records(path, PreferencePair) if path.is_file() else []
    if needed and not pairs:
        raise ProjectError(f"{bench.project.character.name} has no pairs of replies yet. Run: roletune pairs {folder}")
    return pairs


def _start(bench: Workbench) -> Start:
    """The run in use, or the one that it was trained on from."""
    project = bench.project
    runs = {run.adapter.run: run for run in finished_runs(project.build)}
    used = next((run.adapter for run in runs.values() if run.in_use), None)
    if used is None:
        raise ProjectError(f"{project.character.name} was not trained yet. Run: roletune train {project.folder}")
    name = used.recipe.get("preference", {}).get("starts_from", used.run)
    if name not in runs:
        raise TrainingError(
            f"The run in use, {used.run}, was trained on from the run {name}, which is gone. Train that again: "
            f"roletune train --again {project.folder}"
        )
    if used.base_identity != bench.base.identity():
        raise TrainingError(
            f"The run {name} was trained on {used.base}, which the base of {project.character.name} is not any more. "
            f"Train again: roletune train {project.folder}"
        )
    if used.recipe.get("method") == "full":
        raise TrainingError(
            f"The run {name} trained every weight (method: full), and preference training goes on from an adapter. Put "
            f"a run with an adapter to use: roletune runs {project.folder}"
        )
    return Start(project.build / "runs" / name, runs[name].adapter, trainable_folder(bench.base, bench.progress))


def _run_dir(bench: Workbench, start: Start, settings: PreferSettings, data: str) -> Path:
    weights = file_hash(start.folder / "adapter_model.safetensors")
    identity = fingerprint(data, preference_recipe(start.adapter, settings), weights, length=8)
    return bench.project.build / "runs" / identity


def _fitting(
    pairs: Iterable[PreferencePair], renderer: Renderer, max_tokens: int
) -> tuple[list[PreferencePair], list[Rejection]]:
    """The pairs that can be rendered and are short enough; every other one is listed with its reason."""
    kept, rejected = list[PreferencePair](), list[Rejection]()
    for pair in pairs:
        try:
            tokens = _pair(pair, renderer)
            longest = len(tokens.prompt) + max(len(tokens.chosen), len(tokens.rejected))
            if longest > max_tokens:
                raise RenderError(f"{longest} tokens, and the recipe's max_tokens is {max_tokens}")
            if tokens.chosen == tokens.rejected:
                raise RenderError("both replies are the same tokens")
            kept.append(pair)
        except RenderError as error:
            record = pair.model_dump(mode="json")
            rejected.append(Rejection(stage="prefer", reason="not usable", detail=str(error), record=record))
    return kept, rejected


def _tokens(
    pairs: Sequence[PreferencePair],
    renderer: Renderer,
    settings: PreferSettings,
    opinions: Sequence[TokenThumb] = (),
) -> list[TokenPair] | list[TokenThumb]:
    """Pairs as they are, or for KTO as replies liked and disliked with the opinions, in an order drawn by the seed."""
    tokens = [_pair(pair, renderer) for pair in pairs]
    if settings.method == "dpo":
        return tokens
    thumbs = [
        TokenThumb(pair.prompt, reply, liked)
        for pair in tokens
        for reply, liked in ((pair.chosen, True), (pair.rejected, False))
    ]
    thumbs += opinions
    random.Random(settings.seed).shuffle(thumbs)  # KTO goes through them in this order
    return thumbs


def _pair(pair: PreferencePair, renderer: Renderer) -> TokenPair:
    chosen, rejected = (_rendered(pair, reply, renderer) for reply in (pair.chosen, pair.rejected))
    return TokenPair(chosen[0], chosen[1], rejected[1])


def _rendered(pair: PreferencePair, reply: str, renderer: Renderer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prompt and reply as tokens; the renderer checks that the one is what is served, and the other what follows."""
    rendered = renderer.render(_talk(pair, reply))
    ((first, last),) = rendered.spans
    return tuple(rendered.ids[:first]), tuple(rendered.ids[first:last])


def _talk(pair: PreferencePair, reply: str) -> tuple[Message, ...]:
    before = (message.model_copy(update={"loss": False}) for message in pair.prompt)
    return (*before, Message(role="assistant", content=reply, loss=True))


def _measured(
    bench: Workbench, parts: Parts, start: Start, run_dir: Path, settings: PreferSettings
) -> PreferenceReport:
    """What changed on the held-out pairs; without any, only what was trained on is told."""
    report = PreferenceReport(
        run=run_dir.name,
        starts_from=start.adapter.run,
        method=settings.method,
        train_pairs=len(parts.train),
        measured_pairs=len(parts.measured),
        measured_on=parts.measured_on,
    )
    if not parts.measured:
        return report
    with short_memory(_SHORT_MEMORY):
        figures = _figures(bench, parts, start, run_dir, settings)
    return report.model_copy(update={"figures": figures})


def _figures(
    bench: Workbench, parts: Parts, start: Start, run_dir: Path, settings: PreferSettings
) -> PreferenceFigures:
    model, device = _both(start, run_dir)
    renderer = open_renderer(bench)
    with bench.progress.task("likelihood of held-out pairs", 4 * len(parts.measured), "replies") as task:

        def under(adapter: str) -> list[PairLikelihood]:
            model.set_adapter(adapter)
            every = [_example(pair, reply) for pair in parts.measured for reply in (pair.chosen, pair.rejected)]
            lines = line_likelihoods(every, renderer, model, device=device, on_done=lambda: task.advance(1))
            return [PairLikelihood(*both) for both in zip(lines[::2], lines[1::2], strict=True)]

        before, after = under("start"), under("preferring")
    return compare_preferences(before, after, beta=settings.beta)


def _both(start: Start, run_dir: Path) -> tuple[Any, str]:
    """The base, held as in the training, with the adapter before and the one after, and the device it is on."""
    from peft import PeftModel

    from roletune.models.load import quiet

    frozen = Frozen.of(start.adapter.recipe)
    device = frozen.device()
    with quiet():
        base: Any = frozen.load(start.base, device)
        model: Any = PeftModel.from_pretrained(base, str(start.folder), adapter_name="start")
        model.load_adapter(str(run_dir), "preferring")
    return model.to(device.name), device.name


def _example(pair: PreferencePair, reply: str) -> Example:
    messages = _talk(pair, reply)
    return Example(
        id=fingerprint(pair.id, reply),
        messages=messages,
        dialogue=fingerprint(pair.id, reply),
        split=pair.split,
        origin="generated",
        purpose="lived",
        provenance=pair.provenance,
    )
