"""Ablations: variants of the recipe are trained, and measured on the held-out lines of the full recipe.

Every variant is built in `build/ablations/NAME/` by the stages that build the character (`verbs.variants`), so what has
not changed is not made again, and a run that the character itself has is used. All are scored on the same lines, those
of the full recipe's test split; with several seeds a line's score is its mean over them. What is told in the boundary
suite is of the first seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import file_hash, read_records, write_records
from roletune.errors import DatasetError, EvaluationError
from roletune.evaluation.comparing import Entry, Score, Scores, compare_entries
from roletune.evaluation.judge_free import Figures
from roletune.evaluation.likelihood import line_likelihoods
from roletune.evaluation.run_scores import HELD_OUT, LIKELIHOOD, boundary_scores
from roletune.records import (
    Ablations,
    Adapter,
    BoundaryReport,
    Contestant,
    DataStatistics,
    Entrant,
    Example,
    LineLikelihood,
    TrainedVariant,
)
from roletune.verbs import boundary, dataset, train
from roletune.verbs.contestants import measured_base
from roletune.verbs.evaluate import loaded_with_adapter
from roletune.verbs.stage import TRAINED, Stage, make_stage
from roletune.verbs.variants import FULL, Variant, give_records, variant_bench
from roletune.workbench import Workbench

LINES, BASE_LINES = "likelihood.jsonl", "base.jsonl"
BASE = "base with prompt"


@dataclass(frozen=True)
class Measured:
    """One variant: its trainings, and the scores of the held-out lines under each of them, by line."""

    variant: Variant
    adapters: tuple[Adapter, ...]
    statistics: DataStatistics
    scores: tuple[dict[str, Score], ...]
    boundary: BoundaryReport | None = None


@dataclass(frozen=True)
class Trials:
    """All variants that could be made, the base model with the prompt, and why the others could not."""

    measured: tuple[Measured, ...]
    base: dict[str, Score]
    failed: dict[str, str]


async def measure_variants(
    bench: Workbench, variants: Sequence[Variant], *, seeds: int = 1, with_boundary: bool = False
) -> Trials:
    """Train and measure every variant; the dataset of the full recipe must be made. The first one is the full recipe.

    A variant whose dataset can't be made is left out, with the reason. Raises DatasetError if that is the full recipe,
    and ProjectError before any training for boundary questions that can't be asked.
    """
    if with_boundary:
        boundary.boundary_questions(bench.project)
    measured, failed = [], dict[str, str]()
    for number, variant in enumerate(variants, 1):
        bench.progress.say(f"Variant {number} of {len(variants)}: {variant.name} ({variant.about})", style="bold")
        try:
            measured.append(await _measured(bench, variant, seeds, with_boundary=with_boundary))
        except DatasetError as error:
            if variant.name == FULL:
                raise
            failed[variant.name] = str(error)
            bench.progress.say(f"{variant.name} can't be made: {error}")
    return Trials(tuple(measured), _scores(variant_bench(bench, variants[0]).project.build / BASE_LINES), failed)


def compare_trials(bench: Workbench, trials: Trials) -> Ablations:
    """Every variant against the full recipe. Raises EvaluationError if no other variant could be made."""
    if len(trials.measured) < 2:
        why = "; ".join(f"{name}: {reason}" for name, reason in trials.failed.items()) or "none was named"
        raise EvaluationError(f"There is no variant to compare with the full recipe ({why}).")
    full = trials.measured[0]
    common = set.intersection(*(set(scores) for one in trials.measured for scores in one.scores))
    entries = [_entry(one, common) for one in trials.measured]
    entries.append(_base_entry(trials.base, full, common))
    notes = [f"{name} could not be made: {reason}" for name, reason in trials.failed.items()]
    notes.append(
        f"All are scored on the same {len(common)} held-out lines. The intervals tell how far other scenes could move "
        f"a difference, not how far another seed could: there {_were(len(full.adapters))} a variant."
    )
    settings = bench.project.character.evaluate
    return Ablations(
        character=bench.project.character.name,
        base=bench.base.label,
        variants=tuple(_told(one, full, common) for one in trials.measured),
        failed=trials.failed,
        comparison=compare_entries(entries, FULL, notes=notes, resamples=settings.resamples),
    )


async def _measured(bench: Workbench, variant: Variant, seeds: int, *, with_boundary: bool) -> Measured:
    adapters, scores, report, statistics = [], [], None, None
    for number in range(seeds):
        own = variant_bench(bench, variant.seeded(bench.project.recipe.seed, number))
        try:
            await _build(bench, own, variant)
            if with_boundary and number == 0:
                await make_stage(own, boundary.STAGE)
                report = BoundaryReport.model_validate_json((own.project.build / boundary.FILE).read_text("utf-8"))
        finally:
            await own.local.close()
        adapters.append(own.adapter())
        scores.append(_scores(own.project.build / LINES))
        statistics = (own.project.build / "dataset" / "statistics.json").read_text("utf-8")
    assert statistics is not None
    return Measured(
        variant, tuple(adapters), DataStatistics.model_validate_json(statistics), tuple(scores), boundary=report
    )


async def _build(bench: Workbench, own: Workbench, variant: Variant) -> None:
    """Dataset, training and likelihoods of one variant and seed."""
    give_records(bench, own, ["profile", "scenes", *dataset.DIALOGUE_STAGES, *bench.project.character.methods])
    await make_stage(own, dataset.STAGE)
    _borrow(bench, own)
    await make_stage(own, train.STAGE)
    test = bench.project.build / "dataset" / "test.jsonl"
    await make_stage(own, likelihood_stage(test, with_base=variant.name == FULL))


def _borrow(bench: Workbench, own: Workbench) -> None:
    """A finished run of the character that is the very training of the variant need not be trained again."""
    there = train.run_folder(own)
    known = bench.project.build / "runs" / there.name
    if (known / "adapter.json").is_file() and not there.exists():
        shutil.copytree(known, there, ignore=shutil.ignore_patterns("measured"))


def likelihood_stage(test: Path, *, with_base: bool) -> Stage:
    """Scores the lines of `test` under the adapter, and with `with_base` under the base model with the prompt."""
    examples = read_records(test, Example)

    def scored(bench: Workbench, model: Any, device: str) -> list[LineLikelihood]:
        renderer = dataset.open_renderer(bench)
        with bench.progress.task("likelihood of held-out lines", len(examples), "scenes") as task:
            return line_likelihoods(examples, renderer, model, device=device, on_done=lambda: task.advance(1))

    async def score(bench: Workbench) -> str:
        with stops_at_once(), loaded_with_adapter(bench) as (model, device):
            write_records(bench.project.build / LINES, scored(bench, model, device))
            if with_base:
                with model.disable_adapter():
                    write_records(bench.project.build / BASE_LINES, scored(bench, model, device))
        return f"{len(examples)} held-out scenes"

    return Stage(
        "likelihood",
        "score the held-out lines of the full recipe",
        score,
        reads=(TRAINED,),
        writes=(LINES, BASE_LINES) if with_base else (LINES,),
        settings=lambda bench: (file_hash(test), measured_base(bench)),
    )


def _scores(path: Path) -> dict[str, Score]:
    lines = read_records(path, LineLikelihood)
    return {f"{line.dialogue} {line.line}": Score(line.nll, line.tokens, line.dialogue) for line in lines}


def mean_scores(scores: Sequence[dict[str, Score]], lines: set[str]) -> dict[str, Score]:
    """Each line's mean over the seeds, of the lines that all variants have."""
    first = scores[0]
    return {
        line: score._replace(value=sum(one[line].value for one in scores) / len(scores))
        for line, score in first.items()
        if line in lines
    }


def _entry(one: Measured, lines: set[str]) -> Entry:
    runs = ", ".join(adapter.run for adapter in one.adapters)
    changed = {**one.variant.dataset, **one.variant.recipe}
    entrant = Entrant(
        name=one.variant.name,
        what=f"{one.variant.about}; {one.statistics.train_dialogues} training dialogues, run {runs}",
        settings={name: str(value) for name, value in changed.items()},
    )
    return Entry(entrant, _figures(mean_scores(one.scores, lines), one.boundary, "adapter"))


def _base_entry(base: dict[str, Score], full: Measured, lines: set[str]) -> Entry:
    entrant = Entrant(name=BASE, what="the base model, told the same persona prompt")
    return Entry(entrant, _figures(mean_scores([base], lines), full.boundary, "base_prompt"))


def _figures(lines: Scores, report: BoundaryReport | None, contestant: Contestant) -> Figures:
    found: Figures = {(HELD_OUT, LIKELIHOOD): lines}
    return {**found, **boundary_scores(report, contestant)} if report else found


def _told(one: Measured, full: Measured, lines: set[str]) -> TrainedVariant:
    tokens = sum(score.weight for line, score in full.scores[0].items() if line in lines)
    by_seed = [
        sum(mine[line].value - theirs[line].value for line in lines) / tokens
        for mine, theirs in zip(one.scores, full.scores, strict=True)
    ]
    return TrainedVariant(
        name=one.variant.name,
        about=one.variant.about,
        runs=tuple(adapter.run for adapter in one.adapters),
        train_dialogues=one.statistics.train_dialogues,
        train_tokens=one.statistics.train_tokens,
        validation_losses=tuple(adapter.best_validation_loss for adapter in one.adapters),
        by_seed=tuple(by_seed),
    )


def _were(seeds: int) -> str:
    return "was one training" if seeds == 1 else f"were {seeds} trainings"
