"""`roletune show`: what a stage made, as a person wants to read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.cli.show_profile import show_profile
from roletune.engine.store import read_records
from roletune.errors import ProjectError
from roletune.pipeline import METHODS, STAGES
from roletune.project import Project
from roletune.records import (
    CONTESTANTS,
    Adapter,
    DataStatistics,
    Dialogue,
    DialogueRating,
    Evaluation,
    Example,
    PreferencePair,
    Profile,
    Report,
    Scene,
    StepChoice,
    lowest_loss,
)
from roletune.rendering.script import render_script
from roletune.verbs.dataset import coloured_mask, open_renderer
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune show scenes examples/jarvis\n\nroletune show dataset examples/jarvis --number 3")(show)


def show(
    stage: Annotated[str, typer.Argument(help=f"One of {', '.join((*STAGES, *METHODS))}.")],
    character: Character = Path(),
    number: Annotated[int, typer.Option("--number", "-n", help="How many records to show.", min=1)] = 5,
    as_json: AsJson = False,
) -> None:
    """Print what a stage made."""
    project = Project.open(character)
    if stage not in _SHOW:
        raise typer.BadParameter(f"there is no stage {stage!r}; the stages are {', '.join((*STAGES, *METHODS))}")
    missing = [name for name in (STAGES | METHODS)[stage].writes if not (project.build / name).exists()]
    if missing:
        raise ProjectError(f"{stage} was not made yet ({missing[0]} is missing). Run: roletune {stage} {character}")
    if as_json:
        print_json([record.model_dump(mode="json") for record in _records(project, stage)])
    else:
        _SHOW[stage](project, Console(), number)


def _records(project: Project, stage: str) -> list[BaseModel]:
    file, model = _FILES[stage]
    path = project.build / file
    if path.suffix == ".json":
        return [model.model_validate_json(path.read_text("utf-8"))]
    return list(read_records(path, model))


def _scenes(project: Project, console: Console, number: int) -> None:
    table = Table("title", "location", "background", title="New scenes", show_lines=True)
    for scene in read_records(project.records("scenes"), Scene)[:number]:
        table.add_row(Text(scene.title), Text(scene.location), Text(scene.background))
    console.print(table)


def _dialogues(stage: str) -> Callable[[Project, Console, int], None]:
    def print_dialogues(project: Project, console: Console, number: int) -> None:
        dialogues = read_records(project.records(stage), Dialogue)
        for dialogue in dialogues[:number]:
            console.print(Text(render_script(dialogue.scene, dialogue.turns)))
        kept = project.records(stage)
        console.print(Text(f"{len(dialogues)} dialogues, from {kept}; not kept: {kept.stem}.rejected.jsonl", "dim"))

    return print_dialogues


def _pairs(project: Project, console: Console, number: int) -> None:
    pairs = read_records(project.records("pairs"), PreferencePair)
    for pair in pairs[:number]:
        console.print(Text(f"{pair.origin}  {pair.id}", "dim"))
        console.print(Text(pair.prompt[-1].content, "bold"))
        console.print(Text("  chosen    ", "green") + Text(pair.chosen))
        console.print(Text("  rejected  ", "red") + Text(pair.rejected))
    console.print(Text(f"{len(pairs)} pairs, from {project.records('pairs')}; not kept: pairs.rejected.jsonl", "dim"))


def _ratings(project: Project, console: Console, number: int) -> None:
    ratings = read_records(project.records("rating"), DialogueRating)
    table = Table("dialogue", "made by", "rating", "tier", "why", title="The lowest ratings")
    for one in sorted(ratings, key=lambda one: one.score or 0)[:number]:
        table.add_row(one.dialogue, one.stage, str(one.score or ""), one.tier, Text(one.reason))
    console.print(table)


def _dataset(project: Project, console: Console, number: int) -> None:
    async def coloured(bench: Workbench) -> None:
        renderer = open_renderer(bench)
        for example in read_records(project.build / "dataset" / "train.jsonl", Example)[:number]:
            console.print(coloured_mask(renderer.render(example.messages), renderer))
            console.rule(Text(example.provenance.source, "dim"))

    run_session(project.folder, coloured)
    (statistics,) = _records(project, "dataset")
    console.print_json(statistics.model_dump_json())


def _train(project: Project, console: Console, number: int) -> None:
    (adapter,) = _records(project, "train")
    assert isinstance(adapter, Adapter)
    table = Table("step", "epoch", "train loss", "validation loss", title=f"Run {adapter.run}")
    best = lowest_loss(adapter.curve) if adapter.choice else adapter.best_step
    for point in adapter.curve:
        if point.validation_loss is not None:
            train = f"{point.train_loss:.3f}" if point.train_loss is not None else ""
            mark = " best" if point.step == best else ""
            table.add_row(str(point.step), f"{point.epoch:.2f}", train, f"{point.validation_loss:.3f}{mark}")
    console.print(table)
    if adapter.choice:
        console.print(_choice(adapter.choice))


def _choice(choice: StepChoice) -> Table:
    kinds = ("leaks", "twins refused", "faults") if choice.by == "leaks" else ("not taken for the character",)
    table = Table("step", "validation loss", *kinds, title=f"Chosen by {choice.by}")
    for score in choice.steps:
        mark = " kept" if score.step == choice.step else ""
        low, high = (100 * bound for bound in (score.faults.low, score.faults.high))
        parts = (score.leaked, score.refused) if choice.by == "leaks" else ()
        table.add_row(
            str(score.step),
            f"{score.validation_loss:.3f}",
            *(f"{rate.count} of {rate.n}" if rate else "" for rate in parts),
            f"{score.faults.value:.0%} ({low:.0f} to {high:.0f}){mark}",
        )
    return table


def _evaluate(project: Project, console: Console, number: int) -> None:
    (evaluation,) = _records(project, "evaluate")
    assert isinstance(evaluation, Evaluation)
    table = Table("", "perplexity", "lines", "tokens", title="Held-out lines")
    for name in CONTESTANTS:
        figures = getattr(evaluation.likelihood, name)
        table.add_row(name, f"{figures.perplexity:.2f}", str(figures.n_lines), str(figures.n_tokens))
    console.print(table)
    _print_replies(evaluation, console)


def _report(project: Project, console: Console, number: int) -> None:
    (report,) = _records(project, "report")
    assert isinstance(report, Report)
    console.print(Panel(Text(report.verdict), title=report.character))
    _print_replies(report.evaluation, console)


def _print_replies(evaluation: Evaluation, console: Console) -> None:
    for reply in evaluation.replies:
        console.print(Text(reply.question, "bold"))
        for name in evaluation.contestants:
            console.print(Text(f"  {name:>11}  ", "dim") + Text(reply.said(name)))


_FILES: dict[str, tuple[str, type[BaseModel]]] = {
    "profile": ("profile.jsonl", Profile),
    "scenes": ("scenes.jsonl", Scene),
    "experiences": ("experiences.jsonl", Dialogue),
    "protective": ("protective.jsonl", Dialogue),
    "dataset": ("dataset/statistics.json", DataStatistics),
    "train": ("adapter/adapter.json", Adapter),
    "evaluate": ("evaluation.json", Evaluation),
    "report": ("report/report.json", Report),
    **{method: (f"{method}.jsonl", Dialogue) for method in METHODS},
    "rating": ("rating.jsonl", DialogueRating),
    "pairs": ("pairs.jsonl", PreferencePair),
}

_SHOW: dict[str, Callable[[Project, Console, int], None]] = {
    "profile": show_profile,
    "scenes": _scenes,
    "experiences": _dialogues("experiences"),
    "protective": _dialogues("protective"),
    "dataset": _dataset,
    "train": _train,
    "evaluate": _evaluate,
    "report": _report,
    **{method: _dialogues(method) for method in METHODS},
    "rating": _ratings,
    "pairs": _pairs,
}
