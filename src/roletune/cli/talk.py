"""`roletune chat`: talk with the character in the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from roletune.cli.session import Character
from roletune.engine.progress import RichProgress
from roletune.errors import ProjectError
from roletune.inference.chat import chat as chat_loop
from roletune.project import Project
from roletune.verbs.notices import notices
from roletune.workbench import open_workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune chat examples/jarvis\n\necho 'Are you up?' | roletune chat examples/jarvis")(chat)


def chat(
    character: Character = Path(),
    base: Annotated[
        bool, typer.Option("--base", help="Talk with the base model and the persona prompt instead.")
    ] = False,
) -> None:
    """Talk with the character; /help inside lists the commands."""
    project = Project.open(character)
    if not (project.build / "adapter" / "adapter_model.safetensors").is_file():
        raise ProjectError(f"{project.character.name} was not trained yet. Run: roletune run {character}")
    console, settings = Console(), project.character.chat
    notes = console if console.is_terminal else Console(stderr=True)  # into a pipe go the replies only

    async def session() -> None:
        async with open_workbench(project, RichProgress(Console(stderr=True))) as bench:
            plain, adapted = bench.stage_models()
            await chat_loop(
                settings.begin(bench.persona),
                plain if base else adapted,
                console,
                settings=settings,
                folder=project.journal / "chats",
                notice=" ".join(notices(project)[:1]),
                history=project.journal / "chats" / ".history",
                notes=notes,
            )

    asyncio.run(session())
