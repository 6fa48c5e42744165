"""`roletune install`, `installed`, `uninstall`: characters that others made, found by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from roletune.cli.session import AsJson, print_json
from roletune.engine.progress import RichProgress
from roletune.installed import characters_folder, installed_names
from roletune.project import Project
from roletune.verbs.install import install as take_in
from roletune.verbs.install import uninstall as remove
from roletune.verbs.load import ai_notice
from roletune.verbs.notices import notices


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="roletune install jarvis.roletune.zip\n\nroletune chat jarvis")(install)
    app.command(epilog="roletune installed --json")(installed)
    app.command(epilog="roletune uninstall jarvis")(uninstall)


def install(
    bundle: Annotated[Path, typer.Argument(help="A bundle that `roletune export --bundle` wrote.")],
    name: Annotated[str, typer.Option(help="Name to install it under; default: its own.")] = "",
    base: Annotated[str, typer.Option(help="Your copy of its base model, where that is on no hub.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check a bundle and install its character: then `roletune chat NAME` and `serve NAME` find it."""
    made = take_in(bundle, RichProgress(Console(stderr=True)), name=name, base=base)
    told = made.bundle
    if as_json:
        print_json({"name": made.folder.name, "folder": str(made.folder), "warnings": list(made.warnings)})
        return
    lines = [
        f"Installed {told.character} as {made.folder.name} in {made.folder}",
        *(ai_notice(told.character), *told.notices),
        f"Licence: {told.licence or 'not stated'}" + ("" if told.commercial_use else "; not for commercial use"),
        *made.warnings,
        f"Talk with it: roletune chat {made.folder.name}",
    ]
    for line in lines:
        typer.echo(line)


def installed(as_json: AsJson = False) -> None:
    """List the installed characters."""
    found = {name: Project.open(characters_folder() / name) for name in installed_names()}
    if as_json:
        print_json([_entry(name, project) for name, project in found.items()])
        return
    for name, project in found.items():
        typer.echo(f"{name}  {project.character.name}, {project.character.subject}, on {project.base}")
    if not found:
        typer.echo(f"Nothing is installed in {characters_folder()}. Take a bundle in: roletune install FILE")


def uninstall(
    name: Annotated[str, typer.Argument(help="The name that `roletune installed` shows.")],
    chats: Annotated[bool, typer.Option("--chats", help="Also if there are saved chats: they go with it.")] = False,
) -> None:
    """Remove an installed character."""
    typer.echo(f"Removed {remove(name, chats=chats)}")


def _entry(name: str, project: Project) -> dict[str, object]:
    character = project.character
    return {
        "name": name,
        "character": character.name,
        "subject": character.subject,
        "base": project.base,
        "folder": str(project.folder),
        "notices": notices(project),
    }
