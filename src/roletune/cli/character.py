"""`roletune new`, `check`, `clean`: a character's folder."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from roletune.character_file import SETTINGS_FILE
from roletune.cli.session import AsJson, Character, print_json
from roletune.dataset.build import SPLITS
from roletune.engine.lock import project_lock
from roletune.engine.manifest import Manifest
from roletune.engine.store import write_text
from roletune.errors import ProjectError
from roletune.pipeline import METHODS, STAGES
from roletune.project import Project
from roletune.prompts import built_in
from roletune.verbs.profile import read_materials, read_profile, read_sources

TEMPLATE = Path(__file__).parent / "new"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="roletune new ada --name 'Ada Lovelace'")(new)
    app.command(epilog="roletune check examples/jarvis")(check)
    app.command(epilog="roletune clean examples/jarvis")(clean)


def new(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    name: Annotated[str, typer.Option("--name", help="The character's name; default: the folder's.")] = "",
) -> None:
    """Make a character's folder: settings, a profile to fill in, one scene that shows the format.

    Files that are there already stay as they are.
    """
    if (folder / SETTINGS_FILE).exists():
        raise ProjectError(f"{folder / SETTINGS_FILE} exists already. Choose another folder, or edit that file.")
    name = name or folder.resolve().name.replace("-", " ").replace("_", " ").title()
    for target in (SETTINGS_FILE, "profile.md", "questions.yaml", "dialogues/scenes.md", ".gitignore"):
        source = built_in("questions.yaml", "en") if target == "questions.yaml" else TEMPLATE / target.removeprefix(".")
        text = source.read_text("utf-8")
        if (folder / target).exists():
            continue  # somebody wrote it
        quoted = json.dumps(name, ensure_ascii=False)[1:-1] if target == SETTINGS_FILE else name
        write_text(folder / target, text.replace("NAME", quoted))
    console = Console()
    console.print(f"Made {folder}. Now:", markup=False)
    console.print(f"  1. write what is known into {folder / 'profile.md'}", markup=False)
    console.print(f"  2. write or import scenes into {folder / 'dialogues'}", markup=False)
    console.print(f"  3. roletune check {folder}", markup=False)


def check(character: Character = Path(), as_json: AsJson = False) -> None:
    """Read settings, profile and sources, and report every mistake; nothing is made."""
    project = Project.open(character)
    materials = read_materials(project)
    profile = read_profile(project, materials)
    read = read_sources(project, profile, materials)
    splits = Counter(dialogue.split for dialogue in read.dialogues)
    figures = {
        "name": profile.name,
        "passages": len(profile.passages),
        "dialogues": len(read.dialogues),
        "not_read": len(read.rejections),
        "splits": dict(splits),
        "base": project.base,
        "recipe": project.recipe.name,
    }
    if as_json:
        print_json(figures)
        return
    console = Console()
    told = {**figures, "splits": ", ".join(f"{split} {splits[split]}" for split in SPLITS)}
    for key, value in told.items():
        console.print(f"{key.replace('_', ' '):>10}  {value}", markup=False)
    for row in read.rejections[:5]:
        console.print(f"  not read: {row.reason}: {row.detail}", markup=False, style="yellow")
    empty = [split for split in SPLITS if not splits[split]]
    if empty:
        console.print(
            f"No dialogue falls into {' and '.join(empty)}: training and measuring need all three splits. "
            "Write more scenes (30 usually suffice), or raise both shares: splits: {validation: 0.2, test: 0.2}",
            style="yellow",
        )
        return
    console.print(f"{character / SETTINGS_FILE} is fine. Next: roletune run {character}", markup=False, style="green")


def clean(
    character: Character = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete build/, which can be made again; the journal (replies, edits, chats) stays."""
    project = Project.open(character)
    manifest = Manifest(project.build / "manifest.json")
    edited = [path.name for stage in (*STAGES, *METHODS) for path in manifest.edited(stage)]
    if edited and not yes:
        typer.echo(
            f"Changed by hand and not in the journal yet: {', '.join(edited)}. `roletune run` keeps the changes."
        )
    if not project.build.is_dir():
        typer.echo("Nothing to delete.")
        return
    if not yes:
        typer.confirm(f"Delete {project.build} with its trained adapters?", abort=True)
    with project_lock(project.build):
        shutil.rmtree(project.build)
    typer.echo(f"Deleted {project.build}. What models answered is still in {project.journal}.")
