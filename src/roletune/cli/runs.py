"""`roletune runs`, `use`: the trainings of a character side by side, and going back to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.project import Project
from roletune.training.preference_data import PreferSettings
from roletune.verbs.runs import Run, choose_run, chosen_run, differing, finished_runs, unfinished_runs, unpin
from roletune.workbench import Workbench

SETTINGS = "settings"  # the word in place of a run's id


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="roletune runs examples/jarvis\n\nroletune runs examples/jarvis --json")(runs)
    app.command(epilog="roletune use 3f9c examples/jarvis\n\nroletune use settings examples/jarvis")(use)


def runs(character: Character = Path(), as_json: AsJson = False) -> None:
    """Compare the trainings: the settings that differ, best validation loss, speed, date, which one is in use."""
    project = Project.open(character, complete=False)
    found, unfinished, chosen = finished_runs(project.build), unfinished_runs(project.build), chosen_run(project)
    names = differing(found)
    if as_json:
        told = [_as_json(run, names, chosen) for run in found]
        print_json({"runs": told, "differing": names, "unfinished": unfinished, "chosen": chosen})
        return
    console = Console()
    if found:
        console.print(_table(found, names, chosen))
    else:
        console.print(f"Nothing was trained yet. Train with: roletune train {character}", markup=False)
    if "data" in names:
        console.print("Losses compare only between runs with the same data.")
    if unfinished:
        console.print(f"Begun and not finished: {', '.join(unfinished)}", markup=False)


def use(
    run: Annotated[str, typer.Argument(help="A run's id, the beginning of it, or 'settings': let these decide again.")],
    character: Character = Path(),
    as_json: AsJson = False,
) -> None:
    """Go back to a training: it stays in use, whatever the settings say, until they are to decide again."""

    async def work(bench: Workbench) -> dict[str, Any]:
        if run == SETTINGS:
            was = unpin(bench.project)
            if was:
                bench.manifest.forget("train")
            bench.progress.say(f"The settings decide which run is in use. Next: roletune run {character}")
            return {"chosen": None}
        chosen = choose_run(bench, run).adapter
        bench.progress.say(f"Run {chosen.run} is in use ({chosen.loss}). Measure it: roletune run {character}")
        return {"chosen": chosen.run}

    told = run_session(character, work, as_json=as_json)
    if as_json:
        print_json(told)


def _as_json(run: Run, names: list[str], chosen: str | None) -> dict[str, Any]:
    adapter = run.adapter
    return {
        "run": adapter.run,
        "in_use": run.in_use,
        "chosen": adapter.run == chosen,
        "finished": run.finished.isoformat(timespec="seconds"),
        "best_validation_loss": adapter.best_validation_loss,
        "best_step": adapter.best_step,
        "tokens": adapter.tokens,
        "tokens_per_second": adapter.tokens_per_second,
        "differs": {name: run.settings.get(name) for name in names},
    }


def _table(found: list[Run], names: list[str], chosen: str | None) -> Table:
    table = Table(
        "run", "in use", "finished", "loss", "best step", "tokens/s", *names, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = table.columns[2].no_wrap = True  # what `use` is told, and the date
    for run in found:
        adapter = run.adapter
        table.add_row(
            Text(adapter.run),
            "chosen" if run.in_use and adapter.run == chosen else "yes" if run.in_use else "",
            f"{run.finished.astimezone():%Y-%m-%d %H:%M}",
            adapter.loss.replace(" loss", "").removeprefix("validation "),
            str(adapter.best_step),
            f"{adapter.tokens_per_second:.0f}",
            *(Text(_cell(name, run.settings.get(name))) for name in names),
        )
    return table


def _cell(name: str, value: Any) -> str:
    """A setting; of a preference training what it did, and what differs from the defaults."""
    if name != "preference" or not value:
        return "" if value is None else str(value)[:8] if name == "data" else str(value)
    settings = dict(value)
    told = f"{settings.pop('method')} from {settings.pop('starts_from')}"
    usual = PreferSettings().model_dump(mode="json")
    return ", ".join([told, *(f"{key} {each}" for key, each in settings.items() if each != usual.get(key))])
