"""`roletune train A B --together` and `--mixed`: several characters in one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from roletune.cli.compare import keep, tell
from roletune.cli.session import print_json, run_sessions
from roletune.engine.lock import project_lock
from roletune.pipeline import make_mixed, make_together
from roletune.records import Adapter, Comparison
from roletune.training.ranks import launched
from roletune.training.recipe import load_recipe
from roletune.workbench import Workbench

Characters = Annotated[list[Path] | None, typer.Argument(help="The character's folder (where character.yaml is).")]
Together = Annotated[
    bool, typer.Option("--together", help="Several characters: an adapter each, trained in one run on one loaded base.")
]
Mixed = Annotated[bool, typer.Option("--mixed", help="Several characters: one adapter for all, told by the prompt.")]
Into = Annotated[Path | None, typer.Option("--into", help="Folder of the mixed adapter.")]
AnotherRecipe = Annotated[
    str | None, typer.Option("--recipe", help="Of the mixed adapter (default: the first character's), or of the plan.")
]


def check_several(
    folders: Sequence[Path], *, together: bool, mixed: bool, into: Path | None, recipe: str | None, plan: bool
) -> None:
    """Raise BadParameter for options that don't go together."""
    if together and mixed:
        raise typer.BadParameter("choose one: an adapter each (--together), or one for all (--mixed)")
    if len(folders) > 1 and not (together or mixed):
        raise typer.BadParameter("several characters need --together (an adapter each) or --mixed (one for all)")
    if len(folders) < 2 and (together or mixed):
        raise typer.BadParameter("--together and --mixed are for several characters; name their folders")
    if plan and len(folders) > 1:
        raise typer.BadParameter("--plan is for one character")
    if mixed and into is None:
        raise typer.BadParameter("--mixed needs a folder for the adapter: --into FOLDER")
    if not mixed and (into or (recipe and not plan)):
        raise typer.BadParameter("--into goes with --mixed, --recipe with --mixed or --plan")


def train_together(folders: Sequence[Path], *, as_json: bool, again: bool) -> None:
    """An adapter each."""

    async def work(benches: list[Workbench]) -> dict[str, Any]:
        ran = await make_together(benches, again=again)
        if not as_json:
            for folder in folders:
                benches[0].progress.say(f"Next: roletune run {folder}")
        return {
            bench.project.character.name: {"ran": stages, "run": bench.adapter().run}
            for bench, stages in zip(benches, ran, strict=True)
        }

    with launched() as working:
        if working:
            told = run_sessions(folders, work, as_json=as_json)
            if as_json:
                print_json(told)


def train_mixed(folders: Sequence[Path], into: Path, recipe: str | None, *, as_json: bool, again: bool) -> None:
    """One adapter for all, and its figures for each."""

    async def work(benches: list[Workbench]) -> tuple[Adapter, Comparison]:
        return await make_mixed(benches, into, load_recipe(recipe) if recipe else None, again=again)

    with launched() as working:
        if working:
            with project_lock(into):
                adapter, found = run_sessions(folders, work, as_json=as_json)
            keep(found, into)
            if as_json:
                print_json({"run": adapter.run, "folder": str(into), "comparison": found.model_dump(mode="json")})
                return
            tell(found, Console())
            typer.echo(f"Page: {into / 'compare.html'}")
            for folder in folders:
                typer.echo(f"Put it to use: roletune use {adapter.run} {folder}")
