"""`roletune chat`: talk with characters in the terminal; `roletune memory`: see and change what one remembers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from roletune.cli.session import AsJson, Character, print_json
from roletune.engine.progress import RichProgress
from roletune.errors import ProjectError
from roletune.inference.actor import checked_strength
from roletune.inference.chat import chat as chat_loop
from roletune.inference.conversation import Conversation
from roletune.inference.recall.memory_file import MemoryFile
from roletune.inference.transcript import file_name, read_conversation
from roletune.project import Project
from roletune.verbs.load import read_persona, require_made
from roletune.verbs.talk import open_cast

NextBy = Literal["rule", "model"]
Characters = Annotated[list[Path], typer.Argument(help="The characters' folders; several meet in one scene.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="roletune chat examples/jarvis\n\n"
        "roletune chat examples/jarvis examples/hamlet --next model --narrator\n\n"
        "echo 'Are you up?' | roletune chat examples/jarvis"
    )(chat)
    app.command(
        epilog="roletune memory examples/jarvis\n\nroletune memory examples/jarvis --forget 3\n\n"
        "roletune memory examples/jarvis --add 'Tony drinks his coffee black.' --user 'Tony Stark'"
    )(memory)


def chat(
    characters: Characters,
    base: Annotated[
        bool, typer.Option("--base", help="Talk with the base model and the persona prompt instead.")
    ] = False,
    strength: Annotated[float, typer.Option(help="Scale of the adapter: 0 is the base model, 1 as trained.")] = 1.0,
    resume: Annotated[
        str, typer.Option(help="Go on with a saved chat, by its name in journal/chats; `last` is the latest.")
    ] = "",
    next_by: Annotated[
        NextBy | None, typer.Option("--next", help="Who chooses the next speaker of several; default: chat.group.next.")
    ] = None,
    narrator: Annotated[
        bool | None, typer.Option(help="A narrator tells what happens; default: chat.group.narrator.")
    ] = None,
) -> None:
    """Talk with one or several characters; /help inside lists the commands."""
    projects = [Project.open(folder) for folder in characters]
    for project in projects:
        require_made(project)
    checked_strength(strength)
    if resume and len(projects) > 1:
        raise ProjectError("A chat with several characters can't be gone on with. Begin a new one, without --resume.")
    begun = _saved(projects[0], resume) if resume else None
    given = {"next": next_by, "narrator": narrator}
    told = {key: value for key, value in given.items() if value is not None}
    group = projects[0].character.chat.group.model_copy(update=told)
    console, folder = Console(), projects[0].journal / "chats"
    notes = console if console.is_terminal else Console(stderr=True)  # into a pipe go the replies only

    async def session() -> None:
        progress = RichProgress(Console(stderr=True))
        scale = 0.0 if base else strength
        async with open_cast(projects, progress, strength=scale, begun=begun, group=group) as cast:
            await chat_loop(
                cast.gathering,
                cast.actors,
                console,
                folder=folder,
                notice=cast.notice,
                history=folder / ".history",
                notes=notes,
                director=cast.director,
            )

    asyncio.run(session())


def _saved(project: Project, name: str) -> Conversation:
    """A chat of journal/chats. Raises ProjectError if there is none, SourceError if it is not one between two."""
    folder = project.journal / "chats"
    saved = sorted(folder.glob("*.md"), key=lambda path: path.stat().st_mtime)
    wanted = file_name(name.removesuffix(".md"))
    found = saved[-1:] if name == "last" else [path for path in saved if path.stem == wanted]
    if not found:
        told = ", ".join(path.stem for path in saved[-5:]) or "none yet"
        raise ProjectError(f"{folder} holds no chat {name!r}. The latest: {told}.")
    return read_conversation(found[0].read_text("utf-8"), read_persona(project), found[0].name)


def memory(
    character: Character = Path(),
    user: Annotated[str, typer.Option(help="Whom it is about; default: all, with --add chat.partner.")] = "",
    add: Annotated[str, typer.Option(help="Have it remember this.")] = "",
    edit: Annotated[int, typer.Option(help="Number of a memory to say in the words of --add.")] = 0,
    forget: Annotated[str, typer.Option(help="Forget a memory: a number, words that it holds, or `all`.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what the character remembers of the people it talked with; have something remembered or forgotten."""
    project = Project.open(character)
    file = MemoryFile(project.journal / "memory.sqlite")
    if edit:
        file.edit(edit, add)
    elif add:
        file.remember(user or project.character.chat.partner, add, "noted")
    if forget:
        people = [user] if user else sorted({one.user for one in file.all()})
        found = [one for person in people for one in file.find(person, forget)]
        if not found:
            raise ProjectError(f"Nothing is remembered that matches {forget!r}. `roletune memory` lists what is.")
        file.forget(found)
    kept = file.all(user)
    if as_json:
        print_json([one.model_dump() for one in kept])
        return
    for one in kept:
        typer.echo(f"{one.id}  {one.user}: {one.text}")
    if not kept:
        typer.echo(f"{project.character.name} remembers nothing.")
